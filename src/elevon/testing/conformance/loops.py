"""The event loop of one simulated process, on a time that outlives it.

Waits take no time: when nothing is left to do, the time moves on to the next timer. A loop is ended as `kill -9` ends
a process, between two turns, and nothing that it held goes on. It owns the time and the end of a loop; it must never
know engines or executors.
"""

import asyncio
import concurrent.futures
import contextlib
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from elevon.testing.clocks import EPOCH

T = TypeVar("T")
_LEAST_STEP_S = 1e-6  # so that rounding can't let the time stand still before a timer
_THREAD_POLL_S = 0.05
_CLOSING_LIMIT = 10


class ProcessKilledError(BaseException):
    """The simulated process is dead: what is raised to whatever of it still tries to act."""


class StandstillError(BaseException):
    """Nothing is left that could ever happen, and the execution has not ended."""


class VirtualClock:
    """A `ports.Clock` whose time is moved on by the loops that run on it."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._idle: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The simulated instant."""
        return EPOCH + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Return after that many simulated seconds."""
        await asyncio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake who idles."""
        self._elapsed_s += max(seconds, _LEAST_STEP_S)
        while self._idle and self._idle[0][0] <= self._elapsed_s:
            future = heapq.heappop(self._idle)[2]
            if not future.done():
                future.set_result(None)

    def drop_idlers(self) -> None:
        """Forget who idles: their process is dead."""
        self._idle.clear()

    async def idle(self, seconds: float) -> None:
        """Return once that many seconds have passed, without being a reason for time to pass."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._idle, (self._elapsed_s + seconds, next(self._order), future))
        await future


class HousekeepingClock:
    """The clock as the engine's own housekeeping sees it: its sleeps never make time pass.

    An engine looks every now and then whether something is asked of it. On a time that jumps from one event to the
    next, those looks would be most of the work of a simulated day.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The simulated instant."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return at the first event after that many seconds."""
        await self._clock.idle(seconds)


class ProcessLoop(asyncio.SelectorEventLoop):
    """The loop of one process.

    Args:
        clock: Its time.
        take_turn: Called before each turn; what it raises ends the process.
    """

    def __init__(self, clock: VirtualClock, take_turn: Callable[[], None]) -> None:
        self._virtual = clock
        self._threads = 0
        self._tasks: list[asyncio.Task[Any]] = []
        super().__init__(_JumpingSelector(self, clock, take_turn))
        self.set_exception_handler(lambda _loop, _context: None)  # of what is abandoned nobody is to hear

    @property
    def has_threads(self) -> bool:
        """Whether something runs in a thread, for which real time must pass."""
        return self._threads > 0

    def time(self) -> float:
        return self._virtual.monotonic()

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, **options)
        self._tasks.append(task)  # asyncio's own list is of all loops, those that are no more included
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        self._threads += 1
        given: concurrent.futures.Executor | None = executor
        made = super().run_in_executor(given, func, *args)
        made.add_done_callback(self._end_thread)
        return made

    def live(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end of a coroutine, or of the process; then nothing of the loop is left.

        Raises:
            ProcessKilledError: The process was killed.
            StandstillError: Nothing is left to happen.
        """
        try:
            return self.run_until_complete(main)
        finally:
            self._abandon()
            self.close()

    def _end_thread(self, _future: object) -> None:
        self._threads -= 1

    def _abandon(self) -> None:
        """End what is under way without letting it do anything more: whatever it reaches for is dead already."""
        self._virtual.drop_idlers()
        for task in self._tasks:
            if task.done():
                continue
            coroutine = task.get_coro()
            for _ in range(_CLOSING_LIMIT):  # one that awaits in its `finally` has to be told several times
                with contextlib.suppress(BaseException):
                    coroutine.close()
                    break


class _JumpingSelector(selectors.PollSelector):
    """Where the loop would wait for its next timer, the time is made to have passed."""

    def __init__(self, loop: ProcessLoop, clock: VirtualClock, take_turn: Callable[[], None]) -> None:
        super().__init__()
        self._loop = loop
        self._clock = clock
        self._take_turn = take_turn

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._take_turn()
        if self._loop.has_threads:
            return super().select(_THREAD_POLL_S if timeout is None else min(timeout, _THREAD_POLL_S))
        if timeout is None or timeout > 0:
            events = super().select(0)
            if events:
                return events
            if timeout is None:
                raise StandstillError
            self._clock.advance(timeout)
        return []
