"""Real time that passes faster: real processes and real I/O, without the waiting that a scenario asks for."""

import asyncio
import selectors
import time
from datetime import datetime, timedelta
from typing import Final

from elevon.testing.clocks import EPOCH

_WORTH_S: Final = 0.4
_FASTEST: Final = 2000.0


class PacedClock:
    """A `ports.Clock` that runs faster than this machine's.

    Args:
        pace: So many seconds pass in one.
        origin_s: Where it began, by the machine's monotonic clock: all processes of a run share it.
    """

    def __init__(self, pace: float, origin_s: float) -> None:
        self.pace = pace
        self.origin_s = origin_s

    def now(self) -> datetime:
        """The instant."""
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since it began."""
        return (time.monotonic() - self.origin_s) * self.pace

    async def sleep(self, seconds: float) -> None:
        """Return after that many of its seconds."""
        await asyncio.sleep(seconds)


class PacedLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers go by such a clock."""

    def __init__(self, clock: PacedClock) -> None:
        self._paced = clock
        super().__init__(_PacedSelector(clock.pace))

    def time(self) -> float:
        return self._paced.monotonic()


class _PacedSelector(selectors.DefaultSelector):
    def __init__(self, pace: float) -> None:
        super().__init__()
        self._pace = pace

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self._pace)


def pace_of(duration_s: float) -> float:
    """How fast time must pass for an undisturbed run to be short.

    Args:
        duration_s: How long it takes by its own time.
    """
    return min(max(1.0, duration_s / _WORTH_S), _FASTEST)
