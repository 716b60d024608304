"""Simulated time: an event loop whose waits take none.

It exists so that a test runs hours in milliseconds, and twice in the same way: the time moves on only when the loop has
nothing else to do, straight to the next timer. Every timer of the loop goes by it, `asyncio.sleep` and
`asyncio.timeout` too. It owns that time; it must never let anything really wait. What runs in other threads takes no
time of it, so that a story with a time limit keeps to its one loop.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from elevon import errors

T = TypeVar("T")
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """A `ports.Clock` for `run`: `await clock.sleep(3600)` returns after everything due within that hour has happened.

    Args:
        started_at: What `now` says at first, aware.
    """

    def __init__(self, started_at: datetime = EPOCH) -> None:
        self._started_at = started_at
        self._seconds = 0.0

    def now(self) -> datetime:
        """The simulated instant."""
        return self._started_at + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Let that many simulated seconds pass.

        Raises:
            BugError: It was called outside of `run`, where the time would stand still.
        """
        loop = asyncio.get_running_loop()
        if not (isinstance(loop, _SimulatedLoop) and loop.clock is self):
            raise errors.BugError(
                "SimulatedClock.sleep was called on a loop of real time: use SimulatedClock.run"
            )
        await asyncio.sleep(seconds)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, as `asyncio.run` does, on a loop of this clock's time."""
        with asyncio.Runner(loop_factory=lambda: _SimulatedLoop(self)) as runner:
            return runner.run(main)

    def skip(self, seconds: float) -> None:
        """Move the time on at once, without anything happening in between: a machine that was suspended."""
        self._seconds += seconds


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        super().__init__(_SkippingSelector(clock))

    def time(self) -> float:
        return self.clock.monotonic()


class _SkippingSelector(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, the time is made to have passed."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            return super().select(None)
        self._clock.skip(timeout)
        return events
