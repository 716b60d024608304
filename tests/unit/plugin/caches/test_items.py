"""What is in a cache: what is there wins, the least recently used one makes room, and no more than that is kept."""

from tests.unit.plugin.caches.worlds import PERIOD_S, World


def test_the_existing_item_wins(world: World) -> None:
    assert world.cache.get("a") is None
    assert world.cache.get_or_create("a", "queued") == "queued"
    assert world.cache.get_or_create("a", "running") == "queued"
    assert world.cache.get("a") == "queued"
    assert len(world.cache) == 1
    assert world.figures.counts == {"cache_jobs_hits": 2, "cache_jobs_misses": 2}
    assert world.figures.gauges["cache_jobs_size"] == 1


def test_the_least_recently_used_item_makes_room(world: World) -> None:
    cache = world.make(size=2)
    cache.get_or_create("a", "queued")
    cache.get_or_create("b", "queued")
    cache.get("a")
    cache.get_or_create("c", "queued")
    assert [cache.get(name) for name in "abc"] == ["queued", None, "queued"]
    assert world.figures.counts["cache_jobs_evictions"] == 1
    assert world.figures.gauges["cache_jobs_size"] == 2


def test_neither_a_pass_nor_an_update_counts_as_use(world: World) -> None:
    cache = world.make(size=2)

    async def story() -> None:
        world.add("a", "b")
        world.service.jobs["a"] = "stopping"
        await world.clock.sleep(3 * PERIOD_S)
        assert cache.update("a", "stopped")
        world.add("c")
        assert cache.get("a") is None
        assert cache.get("b") == "running"

    world.run(story)


def test_an_update_of_what_is_not_there_does_nothing(world: World) -> None:
    assert world.cache.update("a", "running") is False
    assert len(world.cache) == 0
