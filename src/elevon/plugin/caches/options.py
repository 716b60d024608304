"""What an author can choose of a cache, and how it is checked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, Required, TypedDict, TypeVar

import msgspec

from elevon import errors
from elevon.plugin.caches.items import Item

T = TypeVar("T")
CreateBatches = Callable[[Sequence[Item[T]]], Iterable[Sequence[Item[T]]]]


class RateLimiter(Protocol):
    """Says when the next sync may begin; `elevon.primitives.rates.TokenBucket` is one."""

    async def acquire(self) -> None:
        """Return when it may."""
        ...


class CacheOptions(TypedDict, Generic[T], total=False):
    """Keywords of `AutoRefreshCache`.

    Attributes:
        resync_period: How old an item may get before it is synced again.
        size: How many items there may be; the least recently used one is evicted for a new one.
        workers: How many syncs may run at a time; 4 unless given.
        rate_limiter: What each sync waits for; None for nothing.
        create_batches: Groups items that are due, at most 2,000 at a time, into batches for `sync`; None for batches
            of one. An item that it leaves out is due again a period later. See `pages_of`.
        is_terminal: Whether an item will never change again and so needs no sync; none will unless given.
        sync_on_create: Whether a new item is synced at once, with others that are new; else, after a period.
        sync_timeout: After how long a sync is cancelled; a minute unless given.
    """

    resync_period: Required[timedelta]
    size: Required[int]
    workers: int
    rate_limiter: RateLimiter | None
    create_batches: CreateBatches[T] | None
    is_terminal: Callable[[T], bool]
    sync_on_create: bool
    sync_timeout: timedelta


def _never(item: object) -> bool:
    del item
    return False


class CacheSettings(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """`CacheOptions` with their defaults.

    Raises:
        BugError: One of them makes no sense.
    """

    resync_period: timedelta
    size: int
    workers: int = 4
    rate_limiter: RateLimiter | None = None
    create_batches: CreateBatches[T] | None = None
    is_terminal: Callable[[T], bool] = _never
    sync_on_create: bool = True
    sync_timeout: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.resync_period <= timedelta(0) or self.sync_timeout <= timedelta(0):
            raise errors.BugError(
                f"resync_period={self.resync_period}, sync_timeout={self.sync_timeout}: use spans above 0"
            )
        if self.size < 1 or self.workers < 1:
            raise errors.BugError(
                f"size={self.size}, workers={self.workers}: a cache needs at least 1 of both"
            )


def pages_of(count: int) -> CreateBatches[Any]:
    """For `create_batches`: so many items a batch, as a service lists them at a time.

    Raises:
        BugError: A page would be empty.
    """
    if count < 1:
        raise errors.BugError(f"pages_of({count}) would never come to an end: use at least 1")

    def pages(items: Sequence[Item[Any]]) -> Iterator[Sequence[Item[Any]]]:
        return (items[start : start + count] for start in range(0, len(items), count))

    return pages
