"""When each item of a cache is synced: once a period, with others, and never twice at a time."""

import asyncio
import itertools

import pytest

from elevon.plugin.caches import (
    Item,
)
from elevon.primitives.rates import TokenBucket
from tests.unit.plugin.caches.worlds import PERIOD_S, SOON_S, World, names


def test_each_item_is_synced_once_a_period(world: World) -> None:
    async def story() -> None:
        world.add(*names(250))
        await world.clock.sleep(3_600)

    world.run(story)
    instants = world.service.instants_of("job-0")
    spans = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert instants[0] < SOON_S
    assert all(PERIOD_S * 15 / 16 <= span <= PERIOD_S for span in spans[1:])
    assert all(len(world.service.instants_of(name)) == len(instants) for name in names(250))
    assert world.service.batch_sizes == [100, 100, 50] * len(instants)


def test_items_that_are_created_together_are_synced_together_at_once(world: World) -> None:
    async def story() -> None:
        for name in names(60):
            world.add(name)
            await asyncio.sleep(0)
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert world.service.batch_sizes == [60]


def test_a_new_item_can_wait_for_a_period(world: World) -> None:
    world.make(sync_on_create=False)

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(2 * PERIOD_S - 1)

    world.run(story)
    assert world.service.instants_of("a") == [pytest.approx(PERIOD_S)]


def test_without_create_batches_each_item_is_a_batch(world: World) -> None:
    world.make(create_batches=None)

    async def story() -> None:
        world.add(*names(5))
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert world.service.batch_sizes == [1] * 5


def test_items_that_are_there_before_it_starts_are_synced_when_it_does(world: World) -> None:
    world.add("a")

    async def story() -> None:
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert len(world.service.calls) == 1


def test_terminal_items_are_skipped(world: World) -> None:
    async def story() -> None:
        world.add("a", "b")
        world.add("c", phase="done")
        world.service.jobs["a"] = "done"
        await world.clock.sleep(10 * PERIOD_S)
        assert world.cache.get("a") == "done"
        assert world.service.instants_of("c") == []
        assert len(world.service.instants_of("a")) == 1
        world.cache.update("a", "running")
        await world.clock.sleep(SOON_S)
        assert len(world.service.instants_of("a")) == 2

    world.run(story)


def test_so_many_workers_sync_at_once(world: World) -> None:
    world.make(create_batches=None, workers=3)
    world.service.latency_s = 1

    async def story() -> None:
        world.add(*names(9))
        await world.clock.sleep(4)

    world.run(story)
    assert world.service.most_at_once == 3
    assert len(world.service.calls) == 9


def test_syncs_keep_to_the_rate_limit(world: World) -> None:
    limiter = TokenBucket(rate=2, burst=1, clock=world.clock)
    world.make(create_batches=None, rate_limiter=limiter)

    async def story() -> None:
        world.add(*names(4))
        await world.clock.sleep(3)

    world.run(story)
    first = world.service.calls[0][0]
    assert [at - first for at, _ in world.service.calls] == pytest.approx([0, 0.5, 1, 1.5])


def test_a_sync_sees_the_item_as_it_is_when_it_begins(world: World) -> None:
    world.make(create_batches=None, workers=1)
    world.service.latency_s = 1

    async def story() -> None:
        world.add("a", "b", "c")
        await world.clock.sleep(SOON_S)
        world.cache.update("b", "newer")
        world.cache.delete_delayed("c")
        await world.clock.sleep(3)

    world.run(story)
    assert [batch for _, batch in world.service.calls[:2]] == [[Item("a", "running")], [Item("b", "newer")]]
    assert world.service.instants_of("c") == []
    assert world.cache.get("c") is None


def test_nothing_happens_while_nothing_is_due(world: World) -> None:
    sleeps: list[float] = []
    slept = world.clock.sleep

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        await slept(seconds)

    world.clock.sleep = sleep

    async def story() -> None:
        for name in names(100):
            world.add(name)
            await slept(0.5)
        sleeps.clear()
        await slept(10 * PERIOD_S)

    world.run(story)
    assert len(sleeps) <= 2 * 10 * 16  # the pauses of the keeper and the calls of the service
