"""What happened in one run, in order: what judges read and what a report tells.

Entries are plain values that name what they are about, so that a judge need not parse text. A story must be the same
whenever a run is repeated.
"""

import enum

import msgspec

from elevon.testing.conformance.promises import Complaint, Promise


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

    def lines(self) -> list[str]:
        """The story as text, a line an entry."""
        several = max((entry.engine for entry in self.entries), default=0) > 1
        return [_line(entry, several) for entry in self.entries]


def _line(entry: Entry, is_engine_told: bool) -> str:
    engine = f"engine {entry.engine}: " if is_engine_told and entry.engine else ""
    return f"{entry.at_s:10.2f} s  {engine}{entry.text}"
