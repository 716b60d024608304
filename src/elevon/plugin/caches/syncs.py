"""How a cache asks for news: batches of items, one call of the author's `sync` each, a few at a time, none for ever.

It owns these calls: how many run, how long, and the containment of whatever they raise. It must never know what becomes
of the items; that is another's part (`refreshes`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar

import msgspec

from elevon import errors, ports
from elevon.plugin import crossings
from elevon.plugin.caches.items import Item, Sync, SyncResponse
from elevon.plugin.caches.options import RateLimiter
from elevon.plugin.metering import Metrics

T = TypeVar("T")
STOP_GRACE = timedelta(seconds=5)
_log = logging.getLogger("elevon.plugin")


class Batch(Protocol[T]):
    """Items that are synced together, as their cache sees them. Each method is called at most once, in this order."""

    @property
    def is_suspect(self) -> bool:
        """Whether its items failed before."""
        ...

    def begin(self) -> Sequence[Item[T]]:
        """The items that are still wanted, as they are now; with none there is no call."""
        ...

    def apply(self, responses: Iterable[SyncResponse[T]]) -> None:
        """Take over what the call answered; all of it or, if it raises, nothing."""
        ...

    def release(self, error: BaseException | None) -> None:
        """The call has ended, with an error or without; it must not raise."""
        ...


class SyncLimits(msgspec.Struct, frozen=True):
    """What holds for the calls of one cache.

    Attributes:
        workers: How many may run at a time.
        time_limit_s: After how many seconds one is cancelled.
        rate_limiter: What each waits for before it begins; None for nothing.
    """

    workers: int
    time_limit_s: float
    rate_limiter: RateLimiter | None


class _Call(Generic[T]):
    """One batch on its way; `error` is set as soon as its outcome is decided from outside."""

    __slots__ = ("batch", "begun_at", "count", "error")

    def __init__(self, batch: Batch[T]) -> None:
        self.batch = batch
        self.begun_at: float | None = None
        self.count = 0
        self.error: BaseException | None = None


class Syncs(Generic[T]):
    """Runs the syncs of one cache.

    Batches of items that failed before have a queue of their own, which gets every other turn and at most half of the
    workers (one, if there is only one): what hangs or fails cannot keep the others waiting. A call that goes on after
    it was cancelled is left behind: its place is given to the next, and its batch is released when it ends.

    Args:
        name: The cache's name.
        sync: The author's function.
        limits: What holds for every call.
        clock: The only source of time.
        metrics: Where latency and errors go.
    """

    def __init__(
        self, name: str, sync: Sync[T], limits: SyncLimits, clock: ports.Clock, metrics: Metrics
    ) -> None:
        self._name = name
        self._sync = sync
        self._limits = limits
        self._suspect_limit = max(1, limits.workers // 2)
        self._clock = clock
        self._latency = metrics.histogram(f"cache_{name}_sync_seconds", "How long a sync of a batch takes")
        self._errors = metrics.counter(f"cache_{name}_sync_errors", "Syncs that raised or took too long")
        self._healthy: deque[Batch[T]] = deque()
        self._suspects: deque[Batch[T]] = deque()
        self._is_turn_of_suspects = False
        self._running: dict[_Call[T], asyncio.Task[None]] = {}
        self._left_behind: dict[_Call[T], asyncio.Task[None]] = {}
        self._deadlines: dict[_Call[T], float] = {}  # in the order in which they come
        self.is_stopped = False

    @property
    def next_deadline(self) -> float | None:
        """When `expire` has something to do at the earliest; None while nothing runs."""
        return next(iter(self._deadlines.values()), None)

    def put(self, batch: Batch[T]) -> None:
        """Sync it as soon as its turn comes."""
        (self._suspects if batch.is_suspect else self._healthy).append(batch)
        self._fill()

    def expire(self) -> None:
        """Cancel the calls whose time is up."""
        now = self._clock.monotonic()
        for call, deadline in list(self._deadlines.items()):
            if deadline > now:
                return
            del self._deadlines[call]
            self._fail(
                call,
                errors.UnavailableError(
                    f"a sync of cache {self._name!r} took longer than its time limit of "
                    f"{self._limits.time_limit_s:g} s: give the service's client a shorter one, or raise sync_timeout"
                ),
            )
            task = self._running.pop(call)
            self._left_behind[call] = task
            task.cancel()
        self._fill()

    def report(self, count: int, error: BaseException, *, is_new: bool = True) -> None:
        """Count and log what kept items from being synced; the traceback only the first time."""
        self._errors.add()
        _log.warning(
            "cache %r could not sync %d of its items: %s(%s)",
            self._name,
            count,
            type(error).__name__,
            error,
            exc_info=error if is_new else None,
        )

    async def stop(self) -> None:
        """Cancel all calls and wait for their end, but no longer than `STOP_GRACE` for those that refuse."""
        self.is_stopped = True
        ending = {*self._running.values(), *self._left_behind.values()}
        for task in ending:
            task.cancel()
        if not ending:
            return
        grace = asyncio.ensure_future(self._clock.sleep(STOP_GRACE.total_seconds()))
        every_end = asyncio.gather(*ending, return_exceptions=True)
        await asyncio.wait((every_end, grace), return_when=asyncio.FIRST_COMPLETED)
        grace.cancel()
        await asyncio.wait((grace,))
        if not every_end.done():
            _log.warning("cache %r leaves a sync behind that does not end", self._name)

    def _fill(self) -> None:
        while not self.is_stopped and len(self._running) < self._limits.workers:
            batch = self._next()
            if batch is None:
                return
            call = _Call(batch)
            task = asyncio.get_running_loop().create_task(crossings.contained(partial(self._run, call)))
            self._running[call] = task
            task.add_done_callback(partial(self._end, call))

    def _next(self) -> Batch[T] | None:
        if self._suspects and (self._is_turn_of_suspects or not self._healthy):
            running_count = sum(call.batch.is_suspect for call in self._running)
            if running_count < self._suspect_limit:
                self._is_turn_of_suspects = False
                return self._suspects.popleft()
        if not self._healthy:
            return None
        self._is_turn_of_suspects = True
        return self._healthy.popleft()

    async def _run(self, call: _Call[T]) -> None:
        if self._limits.rate_limiter is not None:
            await self._limits.rate_limiter.acquire()
        items = call.batch.begin()
        if not items:
            return
        call.count = len(items)
        call.begun_at = self._clock.monotonic()
        self._deadlines[call] = call.begun_at + self._limits.time_limit_s
        responses = await self._sync(items)
        if call.error is None and not self.is_stopped:
            call.batch.apply(responses)

    def _end(self, call: _Call[T], task: asyncio.Task[None]) -> None:
        self._running.pop(call, None)
        self._left_behind.pop(call, None)
        self._deadlines.pop(call, None)
        if call.begun_at is not None:
            self._latency.observe(self._clock.monotonic() - call.begun_at)
        error = _error_of(task)
        if error is not None and call.error is None and not self.is_stopped:
            self._fail(call, error)
        call.batch.release(call.error)
        self._fill()

    def _fail(self, call: _Call[T], error: BaseException) -> None:
        call.error = error
        self.report(call.count, error, is_new=not call.batch.is_suspect)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    if task.cancelled():
        return crossings.UnexpectedExitError("it raised CancelledError, and nobody had cancelled it")
    return task.exception()
