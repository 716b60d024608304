"""Caches in a run: real ones, that lose items and whose refreshes fail when the plan wants it.

A cache is an accelerator: whatever it loses comes back from the custom state. That a restart empties it needs nothing
of this module, as each engine has caches of its own.
"""

from typing import Any, Protocol, TypeVar, Unpack

from elevon import errors
from elevon.plugin.caches.caches import AutoRefreshCache
from elevon.plugin.caches.items import Sync
from elevon.plugin.caches.options import CacheOptions
from elevon.plugin.contexts import SetupContext
from elevon.testing.conformance.calls import CURRENT
from elevon.testing.conformance.faults import CACHE, SYNC, Action
from elevon.testing.conformance.stories import What

T = TypeVar("T")


class Process(Protocol):
    """What a cache needs of the simulated process that it belongs to."""

    def strike(self, moment: str) -> Action | None:
        """Say that a moment has come at which nothing can be awaited; returns what goes wrong there."""
        ...

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; what goes wrong there, as far as the process did not see to it."""
        ...

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story; returns its index."""
        ...


class SimulatedSetup(SetupContext[Any], frozen=True, kw_only=True):
    """What an executor is initialized with in a run.

    Attributes:
        process: Its simulated process.
    """

    process: Any

    def make_cache(self, name: str, sync: Sync[T], **options: Unpack[CacheOptions[T]]) -> AutoRefreshCache[T]:
        """A cache that forgets when the plan wants it."""
        process: Process = self.process

        async def disturbed(batch: Any) -> Any:
            if await process.reach(SYNC) is Action.POISON:
                process.tell(What.FAULT, f"a refresh of the cache {name} fails")
                raise errors.UnavailableError("the refresh failed, as the plan wants it")
            return await sync(batch)

        cache = _ForgetfulCache[T](name, disturbed, clock=self.clock, metrics=self.metrics, **options)
        cache.process = process
        self.caches.start(name, cache)
        return cache


class _ForgetfulCache(AutoRefreshCache[T]):
    """A cache that evicts an item at the very moment at which it is asked for."""

    process: Process

    def get(self, item_id: str) -> T | None:
        self._lose(item_id)
        return super().get(item_id)

    def get_or_create(self, item_id: str, item: T, wake: Any = None) -> T:
        self._lose(item_id)
        return super().get_or_create(item_id, item, wake)

    def _lose(self, item_id: str) -> None:
        entry = self._entries.peek(item_id)
        if self.process.strike(CACHE) is Action.EVICT and entry is not None:
            self._entries.drop(entry)
            call = CURRENT.get()
            if call is not None:
                call.has_lost_item = True
            attempt = None if call is None else call.attempt
            self.process.tell(What.FAULT, f"the cache has evicted {item_id}", attempt=attempt)
