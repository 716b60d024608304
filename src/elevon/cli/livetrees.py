"""The live tree on a terminal: nodes with their phases and durations, drawn over and over until the end.

It is the only module that imports rich, and is imported only where there is a terminal. Drawing is bounded by the
height of the screen, however many nodes there are: what is under way and what failed is shown first.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from elevon.admin.views import ExecutionView, NodeView
from elevon.cli import elements, labels, reports, spellings
from elevon.idl import workflow_names
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase

_DRAWN_PER_S = 8
_LINES_KEPT_FREE = 4
_STYLES = {
    "SUCCEEDED": ("✓", "green"),
    "RECOVERED": ("✓", "cyan"),
    "FAILED": ("✗", "red"),
    "FAILING": ("✗", "red"),
    "ABORTED": ("■", "yellow"),
    "SKIPPED": ("-", "dim"),
    "RUNNING": ("●", "blue"),
    "DYNAMIC_RUNNING": ("●", "blue"),
    "QUEUED": ("○", "blue"),
}
_NOT_STARTED = ("·", "dim")


class _Row(msgspec.Struct):
    """What is drawn of one node.

    Attributes:
        place: The numbers of the rows around it, from the top, each among those beside it, and its own.
        label: What it is called.
        node: Its record; None if it has not started.
        note: What else there is to say.
        child_count: So many rows stand directly under it.
    """

    place: tuple[int, ...]
    label: str
    node: NodeRecord | None
    note: str = ""
    child_count: int = 0

    @property
    def phase(self) -> str:
        """Where the node stands; empty if it has not started."""
        return self.node.phase if self.node else ""

    @property
    def is_urgent(self) -> bool:
        """Whether it is under way or went wrong."""
        return self.node is not None and self.node.phase not in (
            NodePhase.SUCCEEDED,
            NodePhase.RECOVERED,
            NodePhase.SKIPPED,
        )


class Drawing:
    """One execution on the screen."""

    def __init__(self, view: ExecutionView) -> None:
        self.record = view.record
        self._tallies = elements.Tallies(view.walk())
        self._labels = labels.Labels(view)
        self._is_ordered = True
        self._top_count = 0
        self.rows: dict[str, _Row] = {}
        for node in view.nodes:
            self._add(node)

    def _add(self, node: NodeView) -> None:
        self._row(node.id).node = node.record
        is_long = node.record is not None and elements.is_long(node.record)
        for child in elements.named(node.children) if is_long else node.children:
            self._add(child)

    def _row(self, node_id: str) -> _Row:
        """The row of a node; a new one stands behind those beside it, however late it comes."""
        if node_id not in self.rows:
            parent, _, own = node_id.rpartition("/")
            around = self.rows.get(parent)
            if around is None:
                place = (self._top_count,)
                self._top_count += 1
            else:
                place = (*around.place, around.child_count)
                around.child_count += 1
            self.rows[node_id] = _Row(place, f"{own} {self._labels.of(node_id)}".rstrip(), None)
            self._is_ordered = False
        return self.rows[node_id]

    def expect(self, changes: Sequence[Change]) -> None:
        """Know of long arrays before their elements change."""
        self._tallies.expect(changes)

    def change(self, change: Change, troubles: reports.Troubles) -> None:
        """Take a change in, and for an attempt what its calls have raised."""
        match change:
            case ExecutionRecord():
                self.record = change
            case NodeRecord() if around := self._tallies.around(change.node_id):
                self._change_element(change, *around)
            case NodeRecord():
                self._labels.learn(change)
                row = self._row(change.node_id)
                row.node = change
                if change.phase.is_terminal:
                    row.note = spellings.first_line(change.failure.message) if change.failure else ""
                if tally := self._tallies.of_array(change):
                    row.note = f"{row.note}; {tally}" if change.failure else str(tally)
            case AttemptRecord() if change.node_id in self.rows:
                row = self.rows[change.node_id]
                if row.node is None or not row.node.phase.is_terminal:
                    row.note = reports.note_of(change, troubles)
            case _:
                return

    def _change_element(self, change: NodeRecord, array_id: str, tally: elements.Tally) -> None:
        """Of a long array the first elements that fail have a row; the others are counted in the array's."""
        if change.parent != array_id:
            return
        tally.take(change)
        self._row(array_id).note = str(tally)
        if change.phase is NodePhase.FAILED and tally.name_one():
            row = self._row(change.node_id)
            row.node = change
            row.note = spellings.first_line(change.failure.message) if change.failure else ""

    def lines(self, limit: int, now: datetime) -> Iterator[Text]:
        if not self._is_ordered:
            self.rows = dict(sorted(self.rows.items(), key=lambda item: item[1].place))
            self._is_ordered = True
        record = self.record
        span = spellings.between(record.started_at, record.ended_at or now)
        done_count = sum(1 for row in self.rows.values() if row.node and row.node.phase.is_terminal)
        yield Text.assemble(
            (record.id.name, "bold"),
            f" {workflow_names.spelled(record.workflow)} ",
            _styled(record.phase),
            f" {span}  {done_count} of {len(self.rows)} nodes",
        )
        shown = self._shown(max(1, limit - 2))
        for row in shown:
            yield _line(row, now)
        hidden_count = len(self.rows) - len(shown)
        if hidden_count:
            counts = Counter(row.phase.lower() or "not started" for row in self.rows.values())
            counted = ", ".join(f"{count} {phase}" for phase, count in sorted(counts.items()))
            yield Text(
                f"  {hidden_count} more nodes not shown; of all {len(self.rows)}: {counted}", style="dim"
            )

    def _shown(self, limit: int) -> list[_Row]:
        """In the order of the tree: all if they fit, else those that matter most."""
        if len(self.rows) <= limit:
            return list(self.rows.values())
        urgent = [name for name, row in self.rows.items() if row.is_urgent][:limit]
        chosen = set(urgent)
        for name in self.rows:
            if len(chosen) >= limit:
                break
            chosen.add(name)
        return [row for name, row in self.rows.items() if name in chosen]


class LiveTree:
    """Draws executions on stderr while they run.

    Args:
        views: The executions as they are before they are driven.
    """

    def __init__(self, views: Sequence[ExecutionView]) -> None:
        self._drawings = {view.record.id: Drawing(view) for view in views}
        self._console = Console(file=sys.stderr)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=_DRAWN_PER_S,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone
            self._live.stop()

    def changed(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Take the changes in; the next drawing shows them."""
        self._drawings[execution].expect(changes)
        troubles = reports.troubles_of(changes)
        for change in changes:
            self._drawings[execution].change(change, troubles)

    def say(self, text: str) -> None:
        """Tell one line above the tree."""
        with contextlib.suppress(OSError):  # the terminal is gone
            self._console.print(text, markup=False, highlight=False)

    def _draw(self) -> RenderableType:
        now = datetime.now(UTC)
        room = max(_LINES_KEPT_FREE, self._console.size.height - _LINES_KEPT_FREE)
        each = max(2, room // max(1, len(self._drawings)))
        return Group(*(line for drawing in self._drawings.values() for line in drawing.lines(each, now)))


def _styled(phase: str) -> tuple[str, str]:
    return phase, _STYLES.get(phase, _NOT_STARTED)[1]


def _line(row: _Row, now: datetime) -> Text:
    mark, style = _STYLES.get(row.phase, _NOT_STARTED)
    span = spellings.between(row.node.started_at, row.node.ended_at or now) if row.node else ""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{'  ' * len(row.place)}{mark} ", style=style)
    line.append(row.label, style="" if row.node else "dim")
    line.append(f"  {span}" if span else "", style="dim")
    line.append(f"  {row.note}" if row.note else "", style=style)
    return line
