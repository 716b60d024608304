"""AutoRefreshCache: what services know of thousands of jobs, kept fresh in memory by a loop in the background.

It exists so that ten thousand tasks which wait for a service cost it a few list calls, not ten thousand single ones.
Everything in it runs on one event loop, that of the executor, and nothing in it locks.
"""

import asyncio
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from elevon import errors, ports
from elevon.plugin.caches.entries import Entries, Entry, Wake
from elevon.plugin.caches.items import Sync
from elevon.plugin.caches.options import CacheOptions, CacheSettings
from elevon.plugin.caches.refreshes import Refresher
from elevon.plugin.caches.syncs import SyncLimits, Syncs
from elevon.plugin.metering import NO_METRICS, Metrics

T = TypeVar("T")


class AutoRefreshCache(Generic[T]):
    """Items by id that are synced with a service again and again, while the cache is open.

    It is an accelerator and never a truth: whatever is evicted, or was there before a restart, comes back from custom
    state through `get_or_create`. What holds:

    - Two syncs of one item never overlap, even if it was evicted and created anew in between. A sync sees the items
      as they are when it begins. What it answers about an item that was updated since is dropped, and the item is
      synced again at once.
    - UPDATE and DELETE wake the owners of an item. UPDATE never brings back what was evicted or deleted.
    - Whatever `sync`, `create_batches` or `is_terminal` raises in the background is counted and logged. It drops the
      answers of that batch and of no other, and its items are tried again a period later, then two, four and 8 at most
      (`RetryableError.after` is honoured). Of a batch they are tried one by one then, so that the one that is to blame
      is alone; in halves, if the error is the service's: `UnavailableError`, `RetryableError`, `QuotaError`,
      `TimeoutError`, `ConnectionError`, or no answer in time. They take at most half of the workers.
    - The items of a period come due at 16 instants, each up to a sixteenth of the period early, so that batches are
      full; in between nothing happens.

    Args:
        name: An identifier for metrics and logs, unique in the executor.
        sync: Asks the service about a batch, on the loop of the cache, and answers with what has become of its items.
        clock: The only source of time.
        metrics: Where hits, misses, evictions, size, age, latency and errors go.
        options: See `CacheOptions`.

    Raises:
        BugError: The name or an option makes no sense.
    """

    def __init__(
        self,
        name: str,
        sync: Sync[T],
        *,
        clock: ports.Clock,
        metrics: Metrics = NO_METRICS,
        **options: Unpack[CacheOptions[T]],
    ) -> None:
        if not name.isidentifier():
            raise errors.BugError(f"{name!r} can't name a cache: use letters, digits and underscores")
        settings = CacheSettings[T](**options)
        limits = SyncLimits(settings.workers, settings.sync_timeout.total_seconds(), settings.rate_limiter)
        self._name = name
        self._settings = settings
        self._entries = Entries[T](name, settings.size, metrics)
        self._syncs = Syncs[T](name, sync, limits, clock, metrics)
        self._refresher = Refresher[T](name, self._entries, settings, clock, metrics)
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to refresh, on the loop that runs; idempotent. Items may have been put in before.

        Raises:
            BugError: It was closed.
        """
        if self._syncs.is_stopped:
            raise errors.BugError(f"cache {self._name!r} was closed: make a new one")
        if self._keeper is None:
            keeping = self._refresher.keep(self._syncs)
            self._keeper = asyncio.get_running_loop().create_task(keeping, name=f"cache {self._name}")

    async def close(self) -> None:
        """Cancel what runs and wait until it has ended; idempotent. What is in the cache can still be read."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        await self._syncs.stop()
        if self._keeper is not None and not self._keeper.cancelled():
            self._keeper.result()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, item_id: str) -> T | None:
        """The item as it was last seen, which is the most recently used one from now on; None if there is none."""
        entry = self._entries.use(item_id)
        return None if entry is None else entry.item

    def get_or_create(self, item_id: str, item: T, wake: Wake | None = None) -> T:
        """The item that is there, else this one, which is put in.

        What is there stays, whatever `item` is, also if `delete_delayed` was about to drop it.

        Args:
            item_id: Its id.
            item: What custom state knows of it.
            wake: Called on news of it, as a rule `ctx.wake`; kept with those of other owners until the item is gone,
                also if the item was there before. An item keeps the thousand that it heard of last.
        """
        entry = self._entries.use(item_id)
        if entry is None:
            entry = Entry(item_id, item, is_terminal=self._settings.is_terminal(item))
            self._entries.add(entry)
            if not entry.is_terminal:
                self._refresher.expect(entry, is_urgent=self._settings.sync_on_create)
        entry.is_leaving = False
        if wake is not None:
            entry.remember(wake)
        return entry.item

    def update(self, item_id: str, item: T) -> bool:
        """Replace an item by what its executor, or a notification of the service, knows of it.

        Its owners are woken if it differs from what was there.

        Returns:
            Whether it was there; otherwise nothing has happened.
        """
        entry = self._entries.peek(item_id)
        if entry is None:
            return False
        is_news = entry.item != item
        was_terminal, entry.is_terminal = entry.is_terminal, self._settings.is_terminal(item)
        entry.item = item
        entry.is_changed = True
        if was_terminal and not entry.is_terminal:
            self._refresher.expect(entry, is_urgent=True)
        if is_news:
            self._entries.wake_owners(entry)
        return True

    def delete_delayed(self, item_id: str) -> None:
        """Drop an item as soon as no sync of it is under way or queued, waking nobody; no such item is fine."""
        entry = self._entries.peek(item_id)
        if entry is None:
            return
        if self._refresher.is_marked(entry):
            entry.is_leaving = True
        else:
            self._entries.drop(entry)


class OpenCaches:
    """The caches that an executor was given and that are closed after it."""

    def __init__(self) -> None:
        self._caches: dict[str, AutoRefreshCache[Any]] = {}

    def start(self, name: str, cache: AutoRefreshCache[Any]) -> None:
        """Start a cache, and remember to close it.

        Raises:
            BugError: There is one of that name.
        """
        if name in self._caches:
            raise errors.BugError(f"there is a cache {name!r} already: give each cache a name of its own")
        cache.start()
        self._caches[name] = cache

    async def close(self) -> None:
        """Close all of them; idempotent."""
        caches, self._caches = self._caches, {}
        for cache in caches.values():
            await cache.close()
