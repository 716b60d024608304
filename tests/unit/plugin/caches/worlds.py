"""A cache of what a service in memory knows of its jobs, with the time and the figures in the hand of a test."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from elevon.plugin.caches import (
    AutoRefreshCache,
    Item,
    SyncAction,
    SyncResponse,
    pages_of,
)
from elevon.testing.clocks import SimulatedClock

PERIOD_S = 10
SOON_S = 0.1  # longer than what is new gathers
Responses = list[SyncResponse[str]]


class Service:
    """Jobs by name; it remembers every list call, and fails or hangs for the jobs that it is told to."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.jobs: dict[str, str] = {}
        self.latency_s = 0.0
        self.calls: list[tuple[float, list[Item[str]]]] = []
        self.faults: dict[str, BaseException] = {}
        self.hanging: set[str] = set()
        self.stubborn: set[str] = set()
        self.running_count = self.most_at_once = 0

    async def sync(self, batch: Sequence[Item[str]]) -> Responses:
        self.calls.append((self.clock.monotonic(), list(batch)))
        self.running_count += 1
        self.most_at_once = max(self.most_at_once, self.running_count)
        try:
            return await self._answer(batch)
        finally:
            self.running_count -= 1

    async def _answer(self, batch: Sequence[Item[str]]) -> Responses:
        names = {one.id for one in batch}
        await self.clock.sleep(self.latency_s)
        for name in names & self.faults.keys():
            raise self.faults[name]
        if names & self.hanging:
            await asyncio.Event().wait()
        while names & self.stubborn:
            try:
                await self.clock.sleep(3600)
            except asyncio.CancelledError:
                continue
        return [self._response(one) for one in batch]

    def _response(self, one: Item[str]) -> SyncResponse[str]:
        if one.id not in self.jobs:
            return SyncResponse(one.id, one.item, SyncAction.DELETE)
        phase = self.jobs[one.id]
        return SyncResponse(one.id, phase, SyncAction.UNCHANGED if phase == one.item else SyncAction.UPDATE)

    def instants_of(self, name: str) -> list[float]:
        return [at for at, batch in self.calls if name in {one.id for one in batch}]

    @property
    def batch_sizes(self) -> list[int]:
        return [len(batch) for _, batch in self.calls]


class Figures:
    """Metrics that can be read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}
        self.observed: dict[str, list[float]] = {}

    def counter(self, name: str, meaning: str) -> "Figure":
        return Figure(lambda n: self.counts.update({name: n}))

    def gauge(self, name: str, meaning: str) -> "Figure":
        return Figure(lambda x: self.gauges.__setitem__(name, x))

    def histogram(self, name: str, meaning: str) -> "Figure":
        return Figure(self.observed.setdefault(name, []).append)


class Figure:
    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take

    def add(self, n: float = 1) -> None:
        self._take(n)

    def set(self, x: float) -> None:
        self._take(x)

    def observe(self, x: float) -> None:
        self._take(x)


class World:
    """A service, a cache of its jobs, and the time."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.service = Service(self.clock)
        self.figures = Figures()
        self.woken: Counter[str] = Counter()
        self.cache = self.make()

    def make(self, **changed: Any) -> AutoRefreshCache[str]:
        options: dict[str, Any] = {
            "resync_period": timedelta(seconds=PERIOD_S),
            "size": 1_000,
            "create_batches": pages_of(100),
            "is_terminal": lambda phase: phase == "done",
        }
        self.cache = AutoRefreshCache(
            "jobs", self.service.sync, clock=self.clock, metrics=self.figures, **options | changed
        )
        return self.cache

    def add(self, *names: str, phase: str = "running") -> None:
        for name in names:
            self.service.jobs[name] = phase
            self.cache.get_or_create(name, phase, self.waker(name))

    def waker(self, name: str) -> Callable[[], None]:
        return lambda: self.woken.update([name])

    def run(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Tell a story while the cache is open."""

        async def main() -> None:
            async with self.cache:
                await story()

        self.clock.run(main())


def names(count: int) -> list[str]:
    return [f"job-{number}" for number in range(count)]
