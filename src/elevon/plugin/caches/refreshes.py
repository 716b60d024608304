"""When each item of a cache is synced, and what becomes of the answer.

It owns the times, the marks of what is queued or being synced, and the loop in the background. Every item has one note
in the calendar, or a mark, or is terminal; a pass looks only at what is due, and there are few instants at which
anything is.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

from elevon import errors, ports
from elevon.plugin.caches.entries import Entries, Entry
from elevon.plugin.caches.items import Item, SyncAction, SyncResponse
from elevon.plugin.caches.options import CacheSettings
from elevon.plugin.caches.syncs import Syncs
from elevon.plugin.metering import Metrics
from elevon.primitives.calendars import Calendar

T = TypeVar("T")
_SLICE: Final = 2_000  # items that a pass handles before others on the loop get their turn
_GATHERING_S: Final = 0.05  # what is to be synced at once within this time is synced together
_TICKS_PER_PERIOD: Final = 16
_BACKOFF_LIMIT: Final = 8  # periods
_SERVICE_FAULTS: Final = (
    errors.UnavailableError,
    errors.RetryableError,
    TimeoutError,
    ConnectionError,
)


class Refresher(Generic[T]):
    """Syncs the entries that it was told to expect, again and again.

    Args:
        name: The cache's name.
        entries: The items.
        settings: What the author chose.
        clock: The only source of time.
        metrics: Where the age of the oldest refresh goes.
    """

    def __init__(
        self,
        name: str,
        entries: Entries[T],
        settings: CacheSettings[T],
        clock: ports.Clock,
        metrics: Metrics,
    ) -> None:
        self._entries = entries
        self._settings = settings
        self._clock = clock
        self._period_s = settings.resync_period.total_seconds()
        self._tick_s = self._period_s / _TICKS_PER_PERIOD
        self._gathering_s = min(_GATHERING_S, self._tick_s)
        self._calendar = Calendar[Entry[T]]()
        self._marked: dict[str, Entry[T]] = {}
        self._refreshed_at = OrderedDict[Entry[T], float]()  # the oldest first
        self._age = metrics.gauge(f"cache_{name}_oldest_seconds", "Time since the oldest item was refreshed")
        self._rest: asyncio.Future[None] | None = None
        self._rest_until = -math.inf

    async def keep(self, syncs: Syncs[T]) -> None:
        """Refresh for ever."""
        try:
            while True:
                syncs.expire()
                await self._pass(syncs)
                self._age.set(self._oldest_s())
                await self._pause(syncs)
        finally:
            if self._rest is not None:
                self._rest.cancel()
                await asyncio.wait((self._rest,))

    def is_marked(self, entry: Entry[T]) -> bool:
        """Whether a batch with it is queued or being synced."""
        return self._marked.get(entry.id) is entry

    def expect(self, entry: Entry[T], *, is_urgent: bool) -> None:
        """Begin to refresh an entry that is not terminal.

        An id may still be marked for an entry that was evicted; then the end of that sync is waited for.
        """
        now = self._clock.monotonic()
        self._refreshed_at[entry] = now
        self._refreshed_at.move_to_end(entry)
        if entry.id not in self._marked and entry.due_at is None:
            self._schedule((entry,), self._soon(now) if is_urgent else self._later(now + self._period_s, now))

    # What a batch asks for.

    def begin(self, entries: Iterable[Entry[T]]) -> tuple[list[Entry[T]], float]:
        """Those that are still to be synced when their call begins, and that instant."""
        now = self._clock.monotonic()
        wanted = [one for one in entries if one.is_present and not (one.is_leaving or one.is_terminal)]
        for entry in wanted:
            entry.is_changed = False
        self._ring(now + self._settings.sync_timeout.total_seconds())
        return wanted, now

    def apply(self, asked: dict[str, Entry[T]], responses: Iterable[SyncResponse[T]]) -> None:
        """Take over what a call answered: all that it says of what it was asked, or nothing if it raises."""
        is_terminal = self._settings.is_terminal
        news: list[tuple[Entry[T], SyncResponse[T], bool]] = []
        for response in responses:
            entry = asked.pop(response.id, None)
            if entry is not None and response.action is not SyncAction.UNCHANGED:
                is_update = response.action is SyncAction.UPDATE
                news.append((entry, response, is_update and is_terminal(response.item)))
        taken = [entry for entry, response, ends in news if self._take(entry, response, is_terminal=ends)]
        for entry in taken:
            self._entries.wake_owners(entry)

    def _take(self, entry: Entry[T], response: SyncResponse[T], *, is_terminal: bool) -> bool:
        if not entry.is_present or entry.is_changed:
            return False
        if response.action is SyncAction.DELETE:
            self._entries.drop(entry)
        else:
            entry.item, entry.is_terminal = response.item, is_terminal
        return True

    def release(
        self, entries: Sequence[Entry[T]], begun_at: float | None, error: BaseException | None
    ) -> None:
        """Take the marks off, and note when each is due next.

        Args:
            entries: All of a batch.
            begun_at: When their call began; None if there was none.
            error: What it raised; None if nothing.
        """
        now = self._clock.monotonic()
        renewed: list[Entry[T]] = []
        for entry in entries:
            del self._marked[entry.id]
            if entry.is_leaving or not entry.is_present:
                self._see_off(entry, now)
            elif entry.is_terminal:
                continue
            elif error is not None:
                self._back_off(entry, len(entries), error, now)
            else:
                renewed.append(entry)
        if begun_at is None:
            self._schedule(renewed, self._later(now + self._period_s, now))
        else:
            self._renew(renewed, begun_at, now)

    def _see_off(self, entry: Entry[T], now: float) -> None:
        """Drop it if that was put off; let in who may have come under the same id, and waited for this sync to end."""
        if entry.is_present:
            self._entries.drop(entry)
        successor = self._entries.peek(entry.id)
        if successor is not None and not successor.is_terminal:
            self._schedule((successor,), self._soon(now))

    def _back_off(self, entry: Entry[T], count: int, error: BaseException, now: float) -> None:
        entry.batch_limit = max(1, count // 2) if isinstance(error, _SERVICE_FAULTS) else 1
        entry.failure_count += 1
        wait_s = self._period_s * min(2 ** (entry.failure_count - 1), _BACKOFF_LIMIT)
        if isinstance(error, errors.RetryableError) and error.after is not None:
            wait_s = max(wait_s, error.after.total_seconds())
        self._schedule((entry,), self._later(now + wait_s, now))

    def _renew(self, entries: Sequence[Entry[T]], begun_at: float, now: float) -> None:
        for entry in entries:
            self._refreshed_at[entry] = now
            self._refreshed_at.move_to_end(entry)
            if entry.failure_count:
                entry.failure_count, entry.batch_limit = 0, None
        changed = [entry for entry in entries if entry.is_changed]
        settled = [entry for entry in entries if not entry.is_changed] if changed else entries
        self._schedule(changed, self._soon(now))
        self._schedule(settled, self._later(begun_at + self._period_s, now))

    # What follows concerns time.

    def _oldest_s(self) -> float:
        """The age of the oldest refresh; what needs none any more is forgotten when it is found there."""
        while self._refreshed_at:
            entry, at = next(iter(self._refreshed_at.items()))
            if entry.is_present and not entry.is_terminal:
                return self._clock.monotonic() - at
            del self._refreshed_at[entry]
        return 0

    def _soon(self, now: float) -> float:
        """The end of the moment in which others may join."""
        return (now // self._gathering_s + 1) * self._gathering_s

    def _later(self, at: float, now: float) -> float:
        """The last tick that is not after that instant; but one that is yet to come."""
        return max(at // self._tick_s, now // self._tick_s + 1) * self._tick_s

    def _schedule(self, entries: Sequence[Entry[T]], at: float) -> None:
        if not entries:
            return
        for entry in entries:
            entry.due_at = at
        self._calendar.add(entries, at)
        self._ring(at)

    def _ring(self, at: float) -> None:
        """End the rest of the keeper if it would last longer."""
        if at < self._rest_until and self._rest is not None:
            self._rest.cancel()

    async def _pause(self, syncs: Syncs[T]) -> None:
        now = self._clock.monotonic()
        due_at, deadline = self._calendar.next_at, syncs.next_deadline
        told_at = now + self._period_s if self._refreshed_at else None  # for the age to be told
        until = min((at for at in (due_at, deadline, told_at) if at is not None), default=math.inf)
        loop = asyncio.get_running_loop()
        self._rest = (
            loop.create_future()
            if until == math.inf
            else loop.create_task(self._clock.sleep(max(0, until - now)))
        )
        self._rest_until = until
        try:
            await asyncio.wait((self._rest,))
        finally:
            self._rest_until = -math.inf

    async def _pass(self, syncs: Syncs[T]) -> None:
        """Send all items that are due on their way, a slice at a time."""
        while True:
            at, noted = self._calendar.take(self._clock.monotonic(), _SLICE)
            if not noted:
                return
            for limit, group in self._mark(noted, at).items():
                for entries in self._batches_of(group, limit, syncs):
                    syncs.put(_EntryBatch(self, entries, is_suspect=limit is not None))
            await asyncio.sleep(0)

    def _mark(self, noted: Iterable[Entry[T]], at: float) -> dict[int | None, list[Entry[T]]]:
        """Mark the entries whose note of that instant counts; by the size of the batches that they may be in."""
        groups: dict[int | None, list[Entry[T]]] = {}
        for entry in noted:
            if entry.is_present and entry.due_at == at:
                entry.due_at = None
                if not entry.is_terminal:
                    self._marked[entry.id] = entry
                    groups.setdefault(entry.batch_limit, []).append(entry)
        return groups

    def _batches_of(self, group: list[Entry[T]], limit: int | None, syncs: Syncs[T]) -> list[list[Entry[T]]]:
        create_batches = self._settings.create_batches
        if create_batches is None or limit == 1:
            return [[entry] for entry in group]
        left = {entry.id: entry for entry in group}
        made: list[list[Entry[T]]] = []
        try:
            for batch in create_batches([Item(entry.id, entry.item) for entry in group]):
                entries = [left.pop(item.id) for item in batch if item.id in left]
                size = limit or max(1, len(entries))
                made.extend(entries[start : start + size] for start in range(0, len(entries), size))
        except BaseException as error:  # noqa: BLE001 - a stranger's function: not even its panic may end the loop
            syncs.report(len(group), error)
            self.release(group, None, error)
            return []
        self.release(list(left.values()), None, None)
        return made


class _EntryBatch(Generic[T]):
    """A `syncs.Batch` of entries."""

    def __init__(self, refresher: Refresher[T], entries: list[Entry[T]], *, is_suspect: bool) -> None:
        self.is_suspect = is_suspect
        self._refresher = refresher
        self._entries = entries
        self._asked: dict[str, Entry[T]] = {}
        self._begun_at: float | None = None

    def begin(self) -> list[Item[T]]:
        wanted, begun_at = self._refresher.begin(self._entries)
        self._asked = {entry.id: entry for entry in wanted}
        self._begun_at = begun_at if wanted else None
        return [Item(entry.id, entry.item) for entry in wanted]

    def apply(self, responses: Iterable[SyncResponse[T]]) -> None:
        self._refresher.apply(self._asked, responses)

    def release(self, error: BaseException | None) -> None:
        self._refresher.release(self._entries, self._begun_at, error)
