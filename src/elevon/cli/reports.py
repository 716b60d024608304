"""What is told while executions run: plain lines, or nothing.

A report is handed each durable batch of changes. It owns what of them is worth a line: the beginning and end of each
node, and what went wrong or waits in between. The tree on a terminal is in `livetrees`. Reports go to stderr, because
stdout is for results.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO, TypeAlias

from elevon.admin.views import ExecutionView
from elevon.cli import elements, labels, spellings
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, NodePhase
from elevon.records.transitions import Transition

Troubles: TypeAlias = Mapping[tuple[str, int], str]
"""What calls of attempts have raised, by the node and the number of the attempt."""


class Report(Protocol):
    """Tells a person what happens, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None: ...

    def changed(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """These changes are durable now."""
        ...

    def say(self, text: str) -> None:
        """Tell one line that no change tells."""
        ...


class PlainReport:
    """A line for each thing that happens.

    Args:
        views: The executions as they are before they are driven.
        stream: Where the lines go.
    """

    def __init__(self, views: Sequence[ExecutionView], stream: TextIO) -> None:
        self._labels = {view.record.id: labels.Labels(view) for view in views}
        self._tallies = {view.record.id: elements.Tallies(view.walk()) for view in views}
        self._is_several = len(views) > 1
        self._stream = stream
        self._told: dict[tuple[ExecutionId, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        write(self._stream, "")

    def changed(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Tell of a batch, in one write."""
        self._tallies[execution].expect(changes)
        troubles = troubles_of(changes)
        name = f"{execution.name} " if self._is_several else ""
        lines = [
            f"{'' if isinstance(change, ExecutionRecord) else name}{line}\n"
            for change in changes
            for line in self._lines(execution, change, troubles)
        ]
        if lines:
            write(self._stream, "".join(lines))

    def say(self, text: str) -> None:
        """Tell one line."""
        write(self._stream, f"{text}\n")

    def _lines(self, execution: ExecutionId, change: Change, troubles: Troubles) -> Iterator[str]:
        match change:
            case NodeRecord():
                self._labels[execution].learn(change)
                around = self._tallies[execution].around(change.node_id)
                if around is None:
                    yield from self._of_node(execution, change)
                else:
                    yield from self._of_element(execution, change, *around)
            case AttemptRecord() if note := note_of(change, troubles):
                around = self._tallies[execution].around(change.node_id)
                is_told = around is None or around[1].name_one()
                if is_told and self._is_news(execution, f"{change.node_id}#{change.attempt}", note):
                    yield f"{self._name(execution, change.node_id)} {note}"
            case ExecutionRecord():
                if self._is_news(execution, "", change.phase):
                    span = spellings.between(change.started_at, change.ended_at)
                    yield f"{execution.name} {change.phase}{f' in {span}' if span else ''}"
            case _:
                return

    def _of_node(self, execution: ExecutionId, record: NodeRecord) -> Iterator[str]:
        if not self._is_news(execution, record.node_id, record.phase):
            return
        name = self._name(execution, record.node_id)
        tally = self._tallies[execution].of_array(record)
        if record.phase.is_terminal:
            is_skipped = record.phase is NodePhase.SKIPPED
            span = "" if is_skipped else spellings.between(record.started_at, record.ended_at)
            told = f"; {tally}" if tally is not None else ""
            yield f"{name} {record.phase}{f' in {span}' if span else ''}{_because(record)}{told}"
        elif record.phase is NodePhase.RUNNING:
            yield f"{name} {record.phase}"

    def _of_element(
        self, execution: ExecutionId, record: NodeRecord, array_id: str, tally: elements.Tally
    ) -> Iterator[str]:
        """Of a long array: the first elements that fail, and how far it is."""
        if record.parent != array_id:
            return
        is_tenth = tally.take(record)
        if record.phase is NodePhase.FAILED and tally.name_one():
            yield from self._of_node(execution, record)
        if is_tenth and tally.over_count < tally.count:
            yield f"{self._name(execution, array_id)} {tally}"

    def _name(self, execution: ExecutionId, node_id: str) -> str:
        label = self._labels[execution].of(node_id)
        return f"{node_id} {label}" if label else node_id

    def _is_news(self, execution: ExecutionId, subject: str, text: str) -> bool:
        if self._told.get((execution, subject)) == text:
            return False
        self._told[execution, subject] = text
        return True


class SilentReport:
    """For programs: nothing but what waits for an operator, once for each reason, as that may be for ever."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        return None

    def changed(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Tell what nobody but an operator mends."""
        for change in changes:
            if isinstance(change, AttemptRecord) and change.is_parked and change.reason not in self._told:
                self._told.add(change.reason)
                self.say(f"{execution.name} {change.node_id} {note_of(change, {})}")

    def say(self, text: str) -> None:
        """Sentences for people still go to stderr."""
        write(sys.stderr, f"{text}\n")


def write(stream: TextIO, text: str) -> None:
    """Write to people, if somebody still listens: that the other end of a pipe has gone ends no execution."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # What could not be written stays buffered, and would fail again whenever it is flushed.
        with contextlib.suppress(OSError), Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def troubles_of(changes: Sequence[Change]) -> Troubles:
    """What the calls of attempts have raised, as far as changes tell: those of a server have no history."""
    return {
        (change.node_id, change.attempt): spellings.first_line(change.message.partition(": ")[2])
        for change in changes
        if isinstance(change, Transition) and change.event == "CallRaised" and change.attempt is not None
    }


def note_of(record: AttemptRecord, troubles: Troubles) -> str:
    """What is worth saying of an attempt beside its phase; empty for nothing."""
    if record.phase is AttemptPhase.RETRYABLE_FAILED and record.failure:
        return f"attempt {record.attempt} failed and can be repeated: {spellings.first_line(record.failure.message)}"
    if record.system_failure_count and not record.is_parked and not record.phase.is_terminal:
        trouble = troubles.get((record.node_id, record.attempt), "")
        return f"in trouble, is tried again{f': {trouble}' if trouble else ''}"
    verb = verb_of(record)
    return f"{verb}: {spellings.first_line(record.reason)}" if verb else ""


def verb_of(record: AttemptRecord) -> str:
    """What an attempt does with its reason; empty if it has none, or is over and its reason with it.

    One that runs waits for nothing, and has something to say all the same.
    """
    if record.is_parked:
        return "waits for an operator"
    if not record.reason or record.phase.is_terminal:
        return ""
    return "reports" if record.phase is AttemptPhase.RUNNING else "waits"


def _because(record: NodeRecord) -> str:
    return f": {spellings.first_line(record.failure.message)}" if record.failure else ""
