"""Whatever happens in whatever order, a cache syncs no item twice at once, invents nothing, and tells its owners."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from elevon.plugin.caches import AutoRefreshCache, Item, SyncAction, SyncResponse, pages_of
from elevon.testing.clocks import SimulatedClock

PERIOD_S = 10.0
IDS = "abcdef"
ACTIONS = ("create", "create", "change", "update", "delete", "vanish", "poison", "heal", "wait")
PAUSES_S = (0.0, 0.01, 0.3, 2.0, PERIOD_S)


class World:
    """A service whose jobs have a version, a cache of them, and owners who know what they were told."""

    def __init__(self, size: int, workers: int, page: int, latency_s: float) -> None:
        self.clock = SimulatedClock()
        self.latency_s = latency_s
        self.versions: dict[str, int] = {}
        self.poisoned: set[str] = set()
        self.being_synced: set[str] = set()
        self.alive: set[str] = set()
        self.told: dict[str, int | None] = {}
        self.version = 0
        self.broken: list[str] = []  # what a sync raises is contained, so it can't assert
        self.cache: AutoRefreshCache[int] = AutoRefreshCache(
            "jobs",
            self.sync,
            clock=self.clock,
            resync_period=timedelta(seconds=PERIOD_S),
            size=size,
            workers=workers,
            create_batches=pages_of(page),
        )

    async def sync(self, batch: Sequence[Item[int]]) -> list[SyncResponse[int]]:
        ids = {one.id for one in batch}
        self.broken += [f"{one} is synced twice at once" for one in batch if one.id in self.being_synced]
        self.broken += [f"{one} is old" for one in batch if self.cache.get(one.id) != one.item]
        self.being_synced |= ids
        answer = [self.response(one) for one in batch]
        try:
            await self.clock.sleep(self.latency_s)
            if ids & self.poisoned:
                raise ValueError("poison")
            return answer
        finally:
            self.being_synced -= ids

    def response(self, one: Item[int]) -> SyncResponse[int]:
        if one.id not in self.versions:
            return SyncResponse(one.id, 0, SyncAction.DELETE)
        version = self.versions[one.id]
        action = SyncAction.UNCHANGED if version == one.item else SyncAction.UPDATE
        return SyncResponse(one.id, version, action)

    def take(self, action: str, name: str) -> None:
        self.version += 1
        match action:
            case "create":
                self.versions.setdefault(name, self.version)
                item = self.cache.get_or_create(name, self.versions[name], self.wakes[name])
                self.told[name] = item
                self.alive.add(name)
            case "change" if name in self.versions:
                self.versions[name] = self.version
            case "update":
                self.cache.update(name, self.version)
            case "delete":
                self.cache.delete_delayed(name)
            case "vanish":
                self.versions.pop(name, None)
            case "poison":
                self.poisoned = {name}
            case "heal":
                self.poisoned.clear()
        self.look()

    @property
    def wakes(self) -> dict[str, "Owner"]:
        return {name: Owner(self, name) for name in IDS}

    def look(self) -> None:
        """What was seen to be gone is there again only after somebody created it."""
        present = {name for name in IDS if self.cache.get(name) is not None}
        assert present <= self.alive
        self.alive = present


class Owner:
    """A wake handle: those of one owner are equal."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owner) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __call__(self) -> None:
        self.world.told[self.name] = self.world.cache.get(self.name)


@pytest.mark.parametrize("seed", range(150))
def test_whatever_happens(seed: int) -> None:
    rng = random.Random(seed)
    world = World(rng.randint(2, 6), rng.randint(1, 3), rng.randint(1, 4), rng.choice((0.0, 0.2, 3.0, 12.0)))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: world.broken.append(str(told)))
        async with world.cache:
            for _ in range(80):
                world.take(rng.choice(ACTIONS), rng.choice(IDS))
                await world.clock.sleep(rng.choice(PAUSES_S))
                world.look()
            for name in world.versions:
                world.take("change", name)
            await world.clock.sleep(60 * PERIOD_S)
            world.look()
            for name in world.alive:
                assert world.told[name] == world.cache.get(name)
                assert name in world.poisoned or world.cache.get(name) == world.versions[name]
        assert world.broken == []
        assert not world.being_synced
        assert asyncio.all_tasks() == {asyncio.current_task()}

    world.clock.run(main())
