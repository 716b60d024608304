"""Which executions an engine that serves is to take up, and when.

What was created beside the engine is announced and comes at once. The rest is found by looking: what was unfinished
when the engine began, what an engine left that was killed or suspended, and what other processes created. It owns that
nothing is handed out twice at a time, and what is left alone. It must never drive or lease anything.
"""

import asyncio
from datetime import timedelta
from typing import Final

from elevon.ports import Clock, StateStore
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase

_INTERVAL_S: Final = 1.0
_GRACE: Final = timedelta(seconds=5)


class Arrivals:
    """A line of executions; on one loop.

    Args:
        store: Where they are looked for.
        clock: The source of time.
    """

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: dict[ExecutionId, None] = {}
        self._taken: set[ExecutionId] = set()
        self._set_aside: set[ExecutionId] = set()
        self._news = asyncio.Event()
        self._is_closed = False
        self._looked = asyncio.Event()

    @property
    def has_looked(self) -> bool:
        """Whether all that was there at the beginning is in the line or was handed out."""
        return self._looked.is_set()

    async def looked(self) -> None:
        """Return when `has_looked`."""
        await self._looked.wait()

    def announce(self, execution: ExecutionId) -> None:
        """Put one in line, unless it is handed out already."""
        if execution not in self._taken and execution not in self._set_aside:
            self._waiting[execution] = None
            self._news.set()

    def leave(self, execution: ExecutionId) -> None:
        """One that was handed out is not driven any more; it may come again."""
        self._taken.discard(execution)

    def set_aside(self, execution: ExecutionId) -> None:
        """One can't be driven here: it does not come again by itself."""
        self._set_aside.add(execution)

    def give_another_chance(self, execution: ExecutionId) -> None:
        """One that was set aside may come again."""
        self._set_aside.discard(execution)

    def close(self) -> None:
        """Hand out nothing more."""
        self._is_closed = True
        self._news.set()

    async def next(self) -> tuple[ExecutionId, ...]:
        """All that are in line, as soon as there is one; nothing once the line is closed."""
        while not self._is_closed:
            await self._news.wait()
            self._news.clear()
            if self._waiting and not self._is_closed:
                handed_out = tuple(self._waiting)
                self._waiting.clear()
                self._taken.update(handed_out)
                return handed_out
        return ()

    async def look_always(self) -> None:
        """Put in line whatever nobody drives, over and over.

        What has just been created and never driven is left, after the first look, to the process that created it: that
        may be about to drive it.
        """
        while True:
            now = self._clock.now()
            for heading in await self._store.list_unowned(now):
                is_new = heading.phase is ExecutionPhase.QUEUED and now - heading.created_at < _GRACE
                if not (is_new and self.has_looked):
                    self.announce(heading.id)
            self._looked.set()
            await self._clock.sleep(_INTERVAL_S)
