"""A cache keeps what it knows of a service's jobs fresh, whatever the service and the author's functions do."""

import asyncio
import gc
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from elevon import errors
from elevon.plugin.caches import (
    AutoRefreshCache,
    Item,
    SyncAction,
    SyncResponse,
    pages_of,
)
from elevon.primitives.rates import TokenBucket
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


@pytest.fixture
def world() -> World:
    return World()


def names(count: int) -> list[str]:
    return [f"job-{number}" for number in range(count)]


# What is in it.


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


# When it is synced.


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


# What becomes of the answers.


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


# What may go wrong.


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


# Life and figures.


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
