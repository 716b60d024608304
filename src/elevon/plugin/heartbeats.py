"""Whether a loop still answers: one beat at a time is sent to it, and a late answer says since when it hangs."""

from datetime import datetime, timedelta
from typing import Final

from elevon import ports

BLOCKED_AFTER: Final = timedelta(seconds=5)


class Heartbeat:
    """The beats to one loop.

    Args:
        clock: Of the engine.
    """

    def __init__(self, clock: ports.Clock) -> None:
        self._clock = clock
        self._sent: tuple[float, datetime] | None = None
        self._is_told = False

    @property
    def blocked_since(self) -> datetime | None:
        """When the beat was sent that the loop owes, if it has owed it for longer than `BLOCKED_AFTER`."""
        if self._sent is None:
            return None
        sent, sent_at = self._sent
        is_late = self._clock.monotonic() - sent >= BLOCKED_AFTER.total_seconds()
        return sent_at if is_late else None

    def begin(self) -> bool:
        """Whether a beat is to be sent now: none is under way."""
        if self._sent is not None:
            return False
        self._sent = (self._clock.monotonic(), self._clock.now())
        return True

    def end(self) -> None:
        """The loop has answered, or is gone."""
        self._sent = None
        self._is_told = False

    def is_to_be_told(self) -> bool:
        """Whether it is late and nobody was told yet; from now on somebody was."""
        is_new = self.blocked_since is not None and not self._is_told
        self._is_told = self._is_told or is_new
        return is_new
