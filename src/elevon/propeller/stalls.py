"""What keeps an execution from going on unless an operator acts.

It owns when nothing more happens by itself: every attempt that is under way is parked, and no lifted drain, discovered
type or time-out that this engine would notice sets one going. It must never decide what is done about it.
"""

from collections.abc import Iterable, Sequence

from elevon.propeller.executors import Executors
from elevon.propeller.machine.views import AttemptKey, View
from elevon.propeller.places import Places
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change


class Stalls:
    """The parked attempts of one execution.

    Args:
        view: The machine's memory; only read.
        places: Know what is drained.
        executors: Know who may still be discovered.
    """

    def __init__(self, view: View, places: Places, executors: Executors) -> None:
        self._view = view
        self._places = places
        self._executors = executors
        self._parked: set[AttemptKey] = set()
        self.notice(view.attempts.values())

    def __bool__(self) -> bool:
        """Whether any attempt is parked."""
        return bool(self._parked)

    def notice(self, changes: Iterable[Change]) -> None:
        """Take in what a step has changed."""
        for change in changes:
            if isinstance(change, AttemptRecord):
                if change.is_parked:
                    self._parked.add((change.node_id, change.attempt))
                elif self._parked:
                    self._parked.discard((change.node_id, change.attempt))

    def found(self) -> Sequence[AttemptRecord]:
        """All of them, in the order of their nodes, if nothing of the execution goes on by itself; else none.

        What waits for a place may be let in when another execution gives one back: whoever asks for all of an engine
        knows whether there is any that goes on.
        """
        view = self._view
        if len(self._parked) < max(1, len(view.live)) or not self._parked.issuperset(view.live):
            return ()
        waiting = [view.attempts[key] for key in self._parked if key in view.live]
        if any(self._may_be_reopened(record) for record in waiting) or self._is_queue_timed():
            return ()
        return sorted(waiting, key=lambda record: (record.node_id, record.attempt))

    def _may_be_reopened(self, record: AttemptRecord) -> bool:
        """Whether somebody may let it go on who need not end this engine: a drain is lifted, a type is discovered."""
        is_drained = bool(self._places.drained(record.task_type))
        return is_drained or self._executors.may_discover(record.task_type)

    def _is_queue_timed(self) -> bool:
        """Whether the time of something runs out that waits for a place."""
        return any(self._view.settings(node_id).queue_timeout for node_id in self._view.enqueued)
