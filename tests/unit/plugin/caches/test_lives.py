"""How a cache is closed, what it measures, and which options it takes."""

import asyncio
import gc
from datetime import timedelta
from typing import Any

import pytest

from elevon import errors
from elevon.plugin.caches import (
    AutoRefreshCache,
    pages_of,
)
from tests.unit.plugin.caches.worlds import PERIOD_S, World, names


def test_closing_cancels_what_runs_and_leaves_nothing(world: World) -> None:
    world.make(create_batches=None, workers=2)
    world.service.hanging.update(names(4))

    async def main() -> None:
        world.cache.start()
        world.cache.start()
        world.add(*names(4))
        await world.clock.sleep(1)
        assert world.service.running_count == 2
        await world.cache.close()
        assert world.service.running_count == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await world.cache.close()
        assert world.cache.get("job-0") == "running"
        with pytest.raises(errors.BugError, match="was closed"):
            world.cache.start()

    world.clock.run(main())
    assert len(world.service.calls) == 2
    assert world.figures.counts["cache_jobs_sync_errors"] == 0


def test_closing_does_not_wait_for_ever_for_a_sync_that_refuses_to_end(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.service.stubborn.add("a")

    async def main() -> None:
        async with world.cache:
            world.add("a")
            await world.clock.sleep(1)
        assert world.clock.monotonic() == pytest.approx(6)
        world.service.stubborn.clear()
        await world.clock.sleep(3_600)

    world.clock.run(main())
    assert "leaves a sync behind" in caplog.text


def test_what_is_measured(world: World) -> None:
    world.service.latency_s = 0.5

    async def story() -> None:
        world.add("a", "b")
        await world.clock.sleep(5 * PERIOD_S)
        assert world.figures.observed["cache_jobs_sync_seconds"] == pytest.approx([0.5] * 5)
        assert world.figures.gauges["cache_jobs_oldest_seconds"] <= PERIOD_S
        world.service.faults["a"] = ValueError("no")
        await world.clock.sleep(5 * PERIOD_S)
        assert world.figures.gauges["cache_jobs_oldest_seconds"] >= 3 * PERIOD_S
        world.cache.delete_delayed("a")
        world.cache.delete_delayed("b")
        await world.clock.sleep(PERIOD_S)
        assert world.figures.gauges["cache_jobs_oldest_seconds"] == 0
        assert world.figures.gauges["cache_jobs_size"] == 0

    world.run(story)


def test_what_is_gone_is_not_kept_in_memory(world: World) -> None:
    class Weighty(str):
        __slots__ = ()
        alive = 0

        def __init__(self, *_: object) -> None:
            Weighty.alive += 1

        def __del__(self) -> None:
            Weighty.alive -= 1

    cache = world.make(size=10)

    async def story() -> None:
        for name in names(500):
            world.service.jobs[name] = "running"
            cache.get_or_create(name, Weighty("running"))
            await world.clock.sleep(0.01)
        await world.clock.sleep(2 * PERIOD_S)
        world.service.calls.clear()
        gc.collect()
        assert Weighty.alive <= 10

    world.run(story)


@pytest.mark.parametrize(
    "option",
    [
        {"resync_period": timedelta(0)},
        {"sync_timeout": timedelta(0)},
        {"size": 0},
        {"workers": 0},
    ],
    ids=str,
)
def test_options_without_sense_are_refused(world: World, option: dict[str, Any]) -> None:
    with pytest.raises(errors.BugError, match=r"use spans above 0|at least 1"):
        world.make(**option)


def test_pages_without_items_are_refused() -> None:
    with pytest.raises(errors.BugError, match="use at least 1"):
        pages_of(0)


def test_a_name_that_metrics_cannot_have_is_refused(world: World) -> None:
    with pytest.raises(errors.BugError, match="can't name a cache"):
        AutoRefreshCache("my jobs", world.service.sync, clock=world.clock, resync_period=timedelta(1), size=1)
