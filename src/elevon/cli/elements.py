"""What is told of the elements of an array: how many stand where, and the first of them that went wrong.

A short array is told as any nodes are. Of a long one nobody wants thousands of lines; JSON has them all.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from elevon.admin.views import NodeView
from elevon.records.changes import Change
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase

WHOLE_COUNT = 10
"""Arrays of no more elements are told whole."""
FAILED_COUNT = 5
"""So many of the elements that went wrong are named."""


class Tally:
    """Counts the elements of one long array while they run.

    Args:
        record: Of the array.
        known: Its elements that have begun.
        taken_over_count: So many were taken over from another execution, of which nothing more is heard.
    """

    def __init__(
        self, record: NodeRecord, known: Iterable[NodeView] = (), *, taken_over_count: int = 0
    ) -> None:
        self.count = record.element_count
        self._named_count = 0
        self._taken_over_count = taken_over_count
        self._is_over = bytearray(record.element_count)
        self._over: Counter[str] = Counter({NodePhase.RECOVERED: taken_over_count})
        self._under_way: dict[str, NodePhase] = {}
        for element in known:
            if element.record is not None:
                self.take(element.record)

    @property
    def over_count(self) -> int:
        """How many elements have ended."""
        return self._over.total()

    def name_one(self) -> bool:
        """Count one more of those that went wrong; whether it is among the first, which are named."""
        self._named_count += 1
        return self._named_count <= FAILED_COUNT

    def take(self, element: NodeRecord) -> bool:
        """Take a change of an element in; whether another tenth of them is over with it.

        It may be told again, or too late: a server tells first how all stands, and then what happened.
        """
        index = int(element.spec_node_id)
        is_counted = element.phase is NodePhase.RECOVERED and self._taken_over_count > 0
        if self._is_over[index] or is_counted:
            return False
        self._is_over[index] = element.phase.is_terminal
        before = self.over_count
        self._under_way.pop(element.node_id, None)
        if element.phase.is_terminal:
            self._over[element.phase] += 1
        else:
            self._under_way[element.node_id] = element.phase
        return 10 * self.over_count // self.count > 10 * before // self.count

    def __str__(self) -> str:
        return summed(self._over + Counter(self._under_way.values()), self.count)


class Tallies:
    """The long arrays of one execution.

    Args:
        nodes: As they are now, parents first.
    """

    def __init__(self, nodes: Iterable[NodeView]) -> None:
        self._by_array: dict[str, Tally] = {}
        self._taken_over: dict[str, int] = {}
        for node in nodes:
            if node.taken_over_count:
                self._taken_over[node.id] = node.taken_over_count
            if node.record is not None and is_long(node.record):
                self._by_array[node.id] = Tally(node.record, node.children)

    def expect(self, changes: Iterable[Change]) -> None:
        """Know of the arrays among changes before their elements are told: a server may name elements first."""
        for change in changes:
            if isinstance(change, NodeRecord):
                self.of_array(change)

    def of_array(self, record: NodeRecord) -> Tally | None:
        """The tally of a node that is a long array."""
        if is_long(record) and record.node_id not in self._by_array:
            taken_over_count = self._taken_over.get(record.node_id, 0)
            self._by_array[record.node_id] = Tally(record, taken_over_count=taken_over_count)
        return self._by_array.get(record.node_id)

    def around(self, node_id: str) -> tuple[str, Tally] | None:
        """The outermost long array that a node runs under, however deep."""
        if not self._by_array:
            return None
        steps = node_id.split("/")
        above = ("/".join(steps[:depth]) for depth in range(1, len(steps)))
        return next(((name, self._by_array[name]) for name in above if name in self._by_array), None)


def is_long(record: NodeRecord) -> bool:
    """Whether a node is an array that is summed up."""
    return record.element_count > WHOLE_COUNT


def counts_of(elements: Iterable[NodeView]) -> Mapping[str, int]:
    """How many elements stand in each phase."""
    return Counter(element.record.phase for element in elements if element.record is not None)


def summed(counts: Mapping[str, int], count: int, *, is_taken_over: bool = False) -> str:
    """So many elements in each phase, in words.

    Args:
        counts: Those that have begun, by phase.
        count: How many there are.
        is_taken_over: Whether the array was: it did without the others.
    """
    left = count - sum(counts.values())
    told = [f"{number:,} {phase.lower()}" for phase, number in sorted(counts.items())]
    if left:
        told.append(f"{left:,} {'failed before' if is_taken_over else 'not started'}")
    return f"{count:,} elements: {', '.join(told)}"


def named(elements: Iterable[NodeView]) -> list[NodeView]:
    """Those that failed, without the last ones of many."""
    failed = [each for each in elements if each.record and each.record.phase is NodePhase.FAILED]
    return failed[:FAILED_COUNT]
