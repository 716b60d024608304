"""What executors of services have in common: calls within their time, and one poll for all that is under way.

`WebApiExecutor` is made of it, and so is whoever has more than one resource for an attempt. It owns when the service
is left alone and how its resources are followed; it must never know what a call is about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from elevon import errors, ports
from elevon.plugin import transports
from elevon.plugin.caches import AutoRefreshCache, pages_of
from elevon.plugin.contexts import SetupContext
from elevon.plugin.statuses import TaskStatus
from elevon.plugin.trackers import Tracked, Tracker
from elevon.plugin.transports import TransportError

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")
_Seconds = Annotated[float, msgspec.Meta(gt=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Limit = Annotated[int, msgspec.Meta(ge=0)]
_SYNC_SHARE: Final = 0.9  # of the time in which news is to be known: the rest is for the sync and the commit


class ServiceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What every executor of a service can be told; derive from it to add an address and more.

    Attributes:
        resync_s: News of a resource is known within so many seconds; it is asked for a little more often.
        page_size: The most resources that are asked for at once.
        workers: Pages that are asked for at the same time.
        cache_size: Resources that are followed at the same time.
        check_s: An attempt of which nothing is heard is looked at after so many seconds all the same.
        call_s: A call that takes longer, in seconds, has failed.
        failed_limit: After more failed syncs in a row, the attempt's check fails.
        missing_limit: After more syncs in a row that do not find it, a resource is lost.
        pool: Name of the resource pool whose tokens are needed; empty for none.
    """

    resync_s: _Seconds = 30.0
    page_size: _Count = 500
    workers: _Count = 2
    cache_size: _Count = 100_000
    check_s: _Seconds = 300.0
    call_s: _Seconds = 15.0
    failed_limit: _Limit = 5
    missing_limit: _Limit = 3
    pool: str = ""


class ServiceCalls:
    """Calls of a service, each within its time, and what a failed one means.

    Args:
        clock: The time.
        call_s: A call that takes longer, in seconds, has failed.
        classify: The transport error that an exception of the service's client stands for; None if it is something
            else.
        service: The service, as sentences name it.
    """

    def __init__(
        self,
        clock: ports.Clock,
        call_s: float,
        classify: Callable[[Exception], TransportError | None] = transports.classify,
        service: str = "the service",
    ) -> None:
        self._clock = clock
        self._call_s = call_s
        self._classify = classify
        self._service = service
        self._quiet_until = 0.0  # on that clock, as the service wants it

    @property
    def quiet_s(self) -> float:
        """How long the service wants to be left alone from now on, in seconds; 0 if it does not."""
        return max(self._quiet_until - self._clock.monotonic(), 0.0)

    def ensure_wanted(self, patience_s: float = 0.0) -> None:
        """Do nothing unless the service wants to be left alone for longer than so many seconds.

        Raises:
            QuotaError: It does.
        """
        wait_s = self.quiet_s
        if wait_s > patience_s:
            raise errors.QuotaError(f"{self._service} wants to be left alone", timedelta(seconds=wait_s))

    async def answered(self, call: Callable[[], Awaitable[V]]) -> V:
        """A call; what the service's client raises is a transport error.

        Raises:
            TransportError: It brought no usable answer.
            Exception: What else it raises.
        """
        try:
            async with asyncio.timeout(self._call_s):
                return await call()
        except Exception as error:
            transport = self._classify(error)
            if transport is None:
                raise
            if transport.is_overload and transport.retry_after is not None:
                until = self._clock.monotonic() + transport.retry_after.total_seconds()
                self._quiet_until = max(self._quiet_until, until)
            if transport is error:
                raise
            raise transport from error

    async def converted(self, what: str, call: Callable[[], Awaitable[V]]) -> V:
        """A call whose failure is an error of elevon's tree.

        Args:
            what: The call, as the subject of a sentence: `delete of job 7`.
            call: Makes it.

        Raises:
            QuotaError: The service has too much to do.
            RetryableError: The same call may succeed later.
            UserError: No repetition helps.
        """
        try:
            return await self.answered(call)
        except TransportError as error:
            raise error.as_error(what) from error


class Follower(Generic[R, T]):
    """Follows resources of a service: one poll asks for all of them, and a check reads memory.

    What it loses comes back by `follow` in the next check, with what the custom state knows of the resource.

    Args:
        setup: Makes the cache.
        name: Of the cache: an identifier for metrics and logs.
        read: Asks the service for at most `page_size` resources; None for each that it does not know.
        status: What a resource means for its task.
        config: How often, and how many at once; None for what the executor is configured with.
    """

    def __init__(
        self,
        setup: SetupContext[Any],
        name: str,
        read: Callable[[Sequence[R]], Awaitable[Sequence[T | None]]],
        status: Callable[[T], TaskStatus[Any]],
        config: ServiceConfig | None = None,
    ) -> None:
        chosen: ServiceConfig = config or setup.config
        self._resync_period = timedelta(seconds=chosen.resync_s)
        self._tracker: Tracker[R, T] = Tracker(
            read, status, missing_limit=chosen.missing_limit, failed_limit=chosen.failed_limit
        )
        self._cache: AutoRefreshCache[Tracked[R]] = setup.make_cache(
            name,
            self._tracker.sync,
            resync_period=self._resync_period * _SYNC_SHARE,
            size=chosen.cache_size,
            workers=chosen.workers,
            create_batches=pages_of(chosen.page_size),
            is_terminal=lambda tracked: tracked.is_terminal,
            # A call has its own limit, and what is out of time there is counted for each resource.
            sync_timeout=timedelta(seconds=2 * chosen.call_s),
        )

    def follow(self, item_id: str, meta: R, wake: Callable[[], None]) -> Tracked[R]:
        """What the last sync saw of a resource, which is followed from now on.

        Args:
            item_id: Unique to it.
            meta: What names it in the service.
            wake: Called when its status changes; `TaskContext.wake`.
        """
        return self._cache.get_or_create(item_id, Tracked(meta), wake)

    def ensure_synced(self, item_id: str, what: str) -> None:
        """Do nothing while the syncs of a resource go well enough to rely on its last status.

        Args:
            item_id: Of the resource.
            what: The read, as the subject of a sentence.

        Raises:
            RetryableError: Too many syncs failed; a later one may succeed.
            UserError: Too many syncs failed, in a way that no repetition mends.
        """
        self._tracker.ensure_synced(item_id, what, self._resync_period)

    def forget(self, item_id: str) -> None:
        """Follow a resource no more."""
        self._cache.delete_delayed(item_id)
        self._tracker.forget(item_id)

    async def close(self) -> None:
        """Ask no more."""
        await self._cache.close()
