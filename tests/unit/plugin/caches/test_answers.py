"""What becomes of the answers of a sync: news wakes owners, and nothing brings back what is gone."""

from collections.abc import Sequence

import pytest

from elevon.plugin.caches import (
    Item,
    SyncAction,
    SyncResponse,
)
from tests.unit.plugin.caches.worlds import PERIOD_S, SOON_S, Responses, World


def test_an_update_is_taken_over_and_wakes_every_owner(world: World) -> None:
    async def story() -> None:
        world.add("a")
        world.cache.get_or_create("a", "running", world.waker("another"))
        await world.clock.sleep(SOON_S)
        assert not world.woken
        world.service.jobs["a"] = "stopping"
        await world.clock.sleep(PERIOD_S)
        assert world.cache.get("a") == "stopping"
        assert world.woken == {"a": 1, "another": 1}

    world.run(story)


def test_a_deletion_drops_the_item_and_wakes_its_owners(world: World) -> None:
    async def story() -> None:
        world.add("a")
        del world.service.jobs["a"]
        await world.clock.sleep(SOON_S)
        assert world.cache.get("a") is None
        assert world.woken == {"a": 1}
        await world.clock.sleep(3 * PERIOD_S)
        assert len(world.service.calls) == 1

    world.run(story)


def test_an_owner_is_remembered_once_and_not_all_owners_of_all_time_are(world: World) -> None:
    async def story() -> None:
        world.service.jobs["a"] = "stopping"
        wakers = [world.waker(str(number)) for number in range(1_500)]
        for wake in [*wakers, wakers[-1]]:
            world.cache.get_or_create("a", "running", wake)
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert world.woken == {str(number): 1 for number in range(500, 1_500)}


def test_an_update_by_hand_wakes_the_owners_if_it_is_news(world: World) -> None:
    world.add("a")
    world.cache.update("a", "running")
    assert not world.woken
    world.cache.update("a", "stopping")
    assert world.woken == {"a": 1}


def test_a_wake_that_raises_keeps_the_news_from_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("no bell")

    async def story() -> None:
        world.service.jobs.update(a="stopping", b="stopping")
        world.cache.get_or_create("a", "running", broken)
        world.cache.get_or_create("a", "running", world.waker("a"))
        world.cache.get_or_create("b", "running", world.waker("b"))
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert world.woken == {"a": 1, "b": 1}
    assert "could not wake an owner of 'a'" in caplog.text


def test_an_update_never_brings_back_what_was_evicted(world: World) -> None:
    cache = world.make(size=1)
    world.service.latency_s = 1

    async def story() -> None:
        world.add("a")
        world.service.jobs["a"] = "stopping"
        await world.clock.sleep(0.5)
        world.add("b")
        await world.clock.sleep(3 * PERIOD_S)
        assert cache.get("a") is None
        assert world.woken == {}

    world.run(story)
    assert len(world.service.instants_of("a")) == 1


def test_what_was_evicted_and_created_anew_is_synced_after_the_sync_that_was_under_way(world: World) -> None:
    cache = world.make(size=1)
    world.service.latency_s = 5

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(1)
        world.service.jobs["a"] = "stopping"
        world.add("b")
        cache.get_or_create("a", "paused", world.waker("a"))
        await world.clock.sleep(4.5)
        assert cache.get("a") == "paused"
        await world.clock.sleep(5)
        assert cache.get("a") == "stopping"

    world.run(story)
    first, second = world.service.instants_of("a")[:2]
    assert second - first >= 5


def test_an_answer_about_an_older_item_is_dropped_and_asked_for_again(world: World) -> None:
    world.service.latency_s = 1

    async def story() -> None:
        world.add("a")
        world.service.jobs["a"] = "stale"
        await world.clock.sleep(0.5)
        world.cache.update("a", "newest")
        world.woken.clear()
        await world.clock.sleep(0.7)
        assert world.cache.get("a") == "newest"
        assert not world.woken
        await world.clock.sleep(1)
        assert world.cache.get("a") == "stale"
        assert world.woken == {"a": 1}

    world.run(story)
    assert [batch for _, batch in world.service.calls] == [[Item("a", "running")], [Item("a", "newest")]]


def test_a_deletion_by_hand_waits_for_the_sync_that_is_under_way(world: World) -> None:
    world.service.latency_s = 1

    async def story() -> None:
        world.add("a", "b")
        await world.clock.sleep(0.5)
        world.cache.delete_delayed("a")
        world.cache.delete_delayed("b")
        world.cache.delete_delayed("nobody")
        assert world.cache.get("a") == "running"
        world.cache.get_or_create("b", "whatever")
        await world.clock.sleep(1)
        assert world.cache.get("a") is None
        assert world.cache.get("b") == "running"
        world.cache.delete_delayed("b")
        assert world.cache.get("b") is None
        assert not world.woken

    world.run(story)


def test_answers_that_nobody_asked_for_and_missing_ones_are_nothing(world: World) -> None:
    async def sync(batch: Sequence[Item[str]]) -> Responses:
        first = SyncResponse(batch[0].id, "first", SyncAction.UPDATE)
        return [
            first,
            SyncResponse(batch[0].id, "second", SyncAction.UPDATE),
            SyncResponse("stranger", "x", SyncAction.UPDATE),
        ]

    world.service.sync = sync
    cache = world.make()

    async def story() -> None:
        world.add("a", "b")
        await world.clock.sleep(SOON_S)
        assert (cache.get("a"), cache.get("b"), cache.get("stranger")) == ("first", "running", None)

    world.run(story)
    assert world.figures.counts["cache_jobs_sync_errors"] == 0
