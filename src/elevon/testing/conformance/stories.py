"""What happened in one run, in order: what judges read and what a report tells.

Entries are plain values that name what they are about, so that a judge need not parse text. A story must be the same
whenever a run is repeated.
"""

import enum
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from elevon.testing.conformance.promises import Complaint, Promise

_LONGEST_CYCLE: Final = 6
_OFTEN: Final = 3


class What(enum.StrEnum):
    """The kinds of entries."""

    ENGINE_BEGAN = "engine began"
    ENGINE_ENDED = "engine ended"
    CALLED = "called"
    RETURNED = "returned"
    RAISED = "raised"
    COMMITTED = "committed"
    SERVICE = "service"
    FAULT = "fault"
    EXECUTION_ENDED = "execution ended"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at_s: Simulated seconds since the run began.
        engine: Number of the engine, from 1; 0 for what happens outside of engines.
        what: Its kind.
        attempt: Index of the attempt concerned; None for none.
        name: Of the executor's method, the service's method, or the committed phase.
        text: What a person reads.
    """

    at_s: float
    engine: int = 0
    what: What
    attempt: int | None = None
    name: str = ""
    text: str = ""


class Story:
    """The entries of one run, and what was seen to be wrong on the way.

    Attributes:
        entries: What happened, in order.
        complaints: What was broken.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.complaints: list[Complaint] = []

    def tell(self, entry: Entry) -> int:
        """Add an entry; returns its index."""
        self.entries.append(entry)
        return len(self.entries) - 1

    def complain(self, promise: Promise, sentence: str, place: int | None = None) -> None:
        """Note a breach, once for each promise and place.

        Args:
            promise: What was broken.
            sentence: How.
            place: Index of an entry; by default of the latest one.
        """
        seen_at = len(self.entries) - 1 if place is None else place
        self.complaints.append(Complaint(promise, sentence, seen_at))

    @property
    def first_complaint(self) -> Complaint | None:
        """The breach that came first; later ones of the same run may be its consequences."""
        return min(self.complaints, key=lambda complaint: complaint.place, default=None)

    def lines_until(self, place: int) -> tuple[str, ...]:
        """The story as text up to that entry, a line an entry; what comes over and over again is told once."""
        several = max((entry.engine for entry in self.entries), default=0) > 1
        *before, last = self.entries[: place + 1]
        return (*_folded(before, several), _line(last, several))


def _folded(entries: Sequence[Entry], is_engine_told: bool) -> Iterator[str]:
    place = 0
    while place < len(entries):
        length, count = next(
            (
                (length, count)
                for length in range(1, _LONGEST_CYCLE + 1)
                if (count := _times(entries, place, length)) >= _OFTEN
            ),
            (1, 1),
        )
        yield from (_line(entry, is_engine_told) for entry in entries[place : place + length])
        place += length * count
        if count > 1:
            what = "that" if length == 1 else f"these {length} lines"
            yield f"{'...':>12}  {what} {count - 1} times more, until {entries[place - 1].at_s:.2f} s"


def _times(entries: Sequence[Entry], place: int, length: int) -> int:
    """How often in a row the entries from a place on say the same as that many of them."""
    said = [(entry.engine, entry.text) for entry in entries[place : place + length]]
    count = 1
    while said == [
        (entry.engine, entry.text) for entry in entries[place + count * length : place + (count + 1) * length]
    ]:
        count += 1
    return count


def _line(entry: Entry, is_engine_told: bool) -> str:
    engine = f"engine {entry.engine}: " if is_engine_told and entry.engine else ""
    return f"{entry.at_s:10.2f} s  {engine}{entry.text}"
