"""A cache goes on, whatever the service and the functions of its author do."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from elevon import errors
from elevon.plugin.caches import (
    Item,
)
from tests.unit.plugin.caches.worlds import PERIOD_S, SOON_S, World, names


class PanicError(BaseException):
    """What an extension module raises when it panics."""


@pytest.mark.parametrize(
    "fault",
    [ValueError("no"), PanicError("no"), SystemExit(1), GeneratorExit(), asyncio.CancelledError()],
    ids=lambda fault: type(fault).__name__,
)
def test_a_poisoned_item_cannot_stop_the_others(world: World, fault: BaseException) -> None:
    world.make(workers=1)
    world.service.faults["job-7"] = fault

    async def story() -> None:
        world.add(*names(100))
        await world.clock.sleep(SOON_S)
        world.service.jobs = dict.fromkeys(names(100), "stopping")
        await world.clock.sleep(2 * PERIOD_S)
        phases = Counter(world.cache.get(name) for name in names(100))
        assert phases == {"stopping": 99, "running": 1}
        world.service.calls.clear()
        await world.clock.sleep(20 * PERIOD_S)

    world.run(story)
    assert len(world.service.instants_of("job-7")) <= 5
    assert len(world.service.instants_of("job-8")) >= 20
    assert world.service.batch_sizes.count(99) >= 20
    assert world.figures.counts["cache_jobs_sync_errors"] >= 4


def test_the_items_of_a_service_that_is_down_stay_together(world: World) -> None:
    world.service.faults["job-0"] = errors.UnavailableError("down")

    async def story() -> None:
        world.add(*names(100))
        await world.clock.sleep(SOON_S + PERIOD_S)
        assert world.service.batch_sizes == [100, 50, 50]
        world.service.faults.clear()
        await world.clock.sleep(3 * PERIOD_S)
        world.service.calls.clear()
        await world.clock.sleep(PERIOD_S)

    world.run(story)
    assert world.service.batch_sizes == [100]


def test_repeated_failures_are_tried_more_and_more_seldom_but_for_ever(world: World) -> None:
    world.service.faults["a"] = ValueError("no")

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(3_600)
        world.service.faults.clear()
        world.service.jobs["a"] = "stopping"
        await world.clock.sleep(8 * PERIOD_S)
        assert world.cache.get("a") == "stopping"

    world.run(story)
    instants = world.service.instants_of("a")
    spans = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert spans[:5] == pytest.approx([10, 20, 40, 80, 80], abs=PERIOD_S / 8)


def test_a_service_may_say_when_to_come_again(world: World) -> None:
    world.service.faults["a"] = errors.QuotaError("too many", after=timedelta(minutes=5))

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(320)

    world.run(story)
    assert len(world.service.instants_of("a")) == 2
    assert world.service.instants_of("a")[1] == pytest.approx(300, abs=PERIOD_S / 8)


@pytest.mark.parametrize("kind", ["hanging", "stubborn"])
def test_a_sync_that_never_returns_holds_up_nobody(world: World, kind: str) -> None:
    world.make(create_batches=None, workers=2, sync_timeout=timedelta(seconds=30))
    getattr(world.service, kind).update({"job-0", "job-1", "job-2"})

    async def story() -> None:
        world.add(*names(20))
        await world.clock.sleep(130)
        world.service.jobs = dict.fromkeys(names(20), "stopping")
        await world.clock.sleep(4 * PERIOD_S)
        assert {world.cache.get(name) for name in names(20)[3:]} == {"stopping"}
        world.service.hanging.clear()
        world.service.stubborn.clear()
        await world.clock.sleep(3_600 + 20 * PERIOD_S)
        assert {world.cache.get(name) for name in names(20)} == {"stopping"}

    world.run(story)
    assert world.figures.counts["cache_jobs_sync_errors"] >= 3


@pytest.mark.parametrize("answer", [None, 5, [None], [("a", "running", "update")]], ids=str)
def test_an_answer_that_is_none_is_an_error_of_that_batch(world: World, answer: Any) -> None:
    async def sync(batch: Sequence[Item[str]]) -> Any:
        return answer

    world.service.sync = sync
    world.make()

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(SOON_S)

    world.run(story)
    assert world.figures.counts["cache_jobs_sync_errors"] == 1


def test_batches_that_cannot_be_made_are_made_of_single_items_next_time(world: World) -> None:
    def create_batches(items: Sequence[Item[str]]) -> Iterable[Sequence[Item[str]]]:
        yield items[:1]
        if len(items) > 1:
            raise PanicError("no")

    world.make(create_batches=create_batches)

    async def story() -> None:
        world.add("a", "b")
        await world.clock.sleep(PERIOD_S + SOON_S)

    world.run(story)
    assert world.service.batch_sizes == [1, 1]
    assert world.figures.counts["cache_jobs_sync_errors"] == 1


def test_what_create_batches_leaves_out_or_repeats_does_no_harm(world: World) -> None:
    def create_batches(items: Sequence[Item[str]]) -> Iterable[Sequence[Item[str]]]:
        return [[items[0], items[0]], [], [items[0], Item("stranger", "x")]]

    world.make(create_batches=create_batches)

    async def story() -> None:
        world.add("a", "b")
        await world.clock.sleep(PERIOD_S - 1)

    world.run(story)
    assert [batch for _, batch in world.service.calls] == [[Item("a", "running")]]


def test_an_is_terminal_that_raises_fails_who_calls_it(world: World) -> None:
    def is_terminal(phase: str) -> bool:
        if phase == "odd":
            raise ValueError("odd")
        return False

    world.make(is_terminal=is_terminal)

    async def story() -> None:
        with pytest.raises(ValueError, match="odd"):
            world.cache.get_or_create("z", "odd")
        world.add("a", "b")
        with pytest.raises(ValueError, match="odd"):
            world.cache.update("a", "odd")
        assert world.cache.get("a") == "running"
        world.service.jobs["a"] = "odd"
        world.service.jobs["b"] = "stopping"
        await world.clock.sleep(SOON_S)
        assert world.cache.get("b") == "running"
        await world.clock.sleep(PERIOD_S)
        assert (world.cache.get("a"), world.cache.get("b")) == ("running", "stopping")

    world.run(story)


def test_errors_are_logged_with_the_cache_and_the_traceback_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.service.faults["a"] = ValueError("no such column")

    async def story() -> None:
        world.add("a")
        await world.clock.sleep(4 * PERIOD_S)

    with caplog.at_level(logging.WARNING, logger="elevon.plugin"):
        world.run(story)
    assert [record.message for record in caplog.records] == [
        "cache 'jobs' could not sync 1 of its items: ValueError(no such column)"
    ] * 3
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]
