"""The items of a cache: which there are, which was used last, and who wants to hear of each.

It must never know time: when an item is synced is the matter of `refreshes`.
"""

import logging
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import cachetools

from elevon.plugin.metering import Metrics

T = TypeVar("T")
Wake = Callable[[], None]
_OWNERS_PER_ITEM: Final = 1_000
_log = logging.getLogger("elevon.plugin")


class Entry(Generic[T]):
    """One item with all that is known about it.

    Attributes:
        is_terminal: It needs no sync.
        is_present: False once it was dropped or evicted; nothing brings this entry back.
        is_leaving: It is to be dropped when its sync has ended.
        is_changed: It was updated while a sync of it was under way, whose answer is about something older.
        due_at: Which note in the calendar counts; None if none does.
        failure_count: Syncs in a row that failed.
        batch_limit: How large a batch with it may be, after such a failure; None for any.
    """

    __slots__ = (
        "batch_limit",
        "due_at",
        "failure_count",
        "id",
        "is_changed",
        "is_leaving",
        "is_present",
        "is_terminal",
        "item",
        "wakes",
    )

    def __init__(self, item_id: str, item: T, *, is_terminal: bool) -> None:
        self.id = item_id
        self.item = item
        self.is_terminal = is_terminal
        self.is_present = True
        self.is_leaving = False
        self.is_changed = False
        self.due_at: float | None = None
        self.failure_count = 0
        self.batch_limit: int | None = None
        self.wakes: dict[Wake, None] = {}  # in the order in which they were last heard of

    def remember(self, wake: Wake) -> None:
        """Note an owner; of too many the one that was not heard of for the longest time is forgotten."""
        self.wakes.pop(wake, None)
        self.wakes[wake] = None
        if len(self.wakes) > _OWNERS_PER_ITEM:
            del self.wakes[next(iter(self.wakes))]


class _LeastRecentlyUsed(cachetools.LRUCache[str, Entry[T]]):
    """cachetools has no hook for an eviction but this."""

    def __init__(self, size: int, evicted: Callable[[Entry[T]], None]) -> None:
        super().__init__(size)
        self._evicted = evicted

    def peek(self, item_id: str) -> Entry[T] | None:
        return super(cachetools.LRUCache, self).__getitem__(item_id) if item_id in self else None

    def popitem(self) -> tuple[str, Entry[T]]:
        item_id, entry = super().popitem()
        self._evicted(entry)
        return item_id, entry


class Entries(Generic[T]):
    """The entries of one cache by id, as many as fit.

    Args:
        name: The cache's name.
        size: How many fit.
        metrics: Where hits, misses, evictions and the number of entries go.
    """

    def __init__(self, name: str, size: int, metrics: Metrics) -> None:
        self._name = name
        self._kept = _LeastRecentlyUsed[T](size, self._evict)
        self._hits = metrics.counter(f"cache_{name}_hits", "Items that were found")
        self._misses = metrics.counter(f"cache_{name}_misses", "Items that were not found")
        self._evictions = metrics.counter(f"cache_{name}_evictions", "Items that made room for others")
        self._size = metrics.gauge(f"cache_{name}_size", "Items that there are")

    def __len__(self) -> int:
        return len(self._kept)

    def use(self, item_id: str) -> Entry[T] | None:
        """The entry, which is the most recently used one from now on."""
        entry = self._kept.get(item_id)
        (self._misses if entry is None else self._hits).add()
        return entry

    def peek(self, item_id: str) -> Entry[T] | None:
        """The entry, as if nobody had looked."""
        return self._kept.peek(item_id)

    def add(self, entry: Entry[T]) -> None:
        """Put a new one in; the least recently used one makes room."""
        self._kept[entry.id] = entry
        self._size.set(len(self._kept))

    def drop(self, entry: Entry[T]) -> None:
        """Take a present one out."""
        del self._kept[entry.id]
        entry.is_present = False
        self._size.set(len(self._kept))

    def wake_owners(self, entry: Entry[T]) -> None:
        """Tell all who want to hear of it that there is news."""
        for wake in list(entry.wakes):
            try:
                wake()
            except Exception:  # noqa: BLE001 - what one owner's wake raises is nothing to the others
                _log.exception("cache %r could not wake an owner of %r", self._name, entry.id)

    def _evict(self, entry: Entry[T]) -> None:
        entry.is_present = False
        self._evictions.add()
