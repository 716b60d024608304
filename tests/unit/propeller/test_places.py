"""Who may start: first come, first served, never more than there is room for."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import ExecutorProperties, SetupContext, TaskContext
from elevon.plugin.registry import Registry
from elevon.primitives.clocks import SystemClock
from elevon.propeller.executors import Executors
from elevon.propeller.machine.commands import Enqueue
from elevon.propeller.machine.events import Admitted, Event, Refused
from elevon.propeller.places import Places
from elevon.records.drains import Drain
from tests.unit.propeller.endless import Endless


class Free(Endless):
    """Takes any number of attempts."""

    id: ClassVar[str] = "free"
    task_types: ClassVar[tuple[str, ...]] = ("free",)


class Narrow(Free):
    """Takes two at once, and has something to finalize."""

    id: ClassVar[str] = "narrow"
    task_types: ClassVar[tuple[str, ...]] = ("narrow", "close")
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(max_concurrency=2)

    async def finalize_task(self, ctx: TaskContext[None]) -> None:
        pass


class Launching(Free):
    """Takes slots of the launcher."""

    id: ClassVar[str] = "launching"
    task_types: ClassVar[tuple[str, ...]] = ("launching",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(uses_launcher=True)


class LaunchingToo(Launching):
    """Shares the slots with the one before."""

    id: ClassVar[str] = "launching-too"
    task_types: ClassVar[tuple[str, ...]] = ("launching-too",)


class Broken(Free):
    """Can't be initialized."""

    id: ClassVar[str] = "broken"
    task_types: ClassVar[tuple[str, ...]] = ("broken",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="engine")

    async def initialize(self, setup: SetupContext[Any]) -> None:
        raise RuntimeError("no licence")


class Applicant:
    """Remembers what it was told."""

    def __init__(self, places: Places) -> None:
        self.events: list[Event] = []
        self._places = places

    def post(self, event: Event) -> None:
        self.events.append(event)

    def wants(self, *node_ids: str, task_type: str = "narrow", slots: int = 1) -> None:
        """Queue nodes up, in that order."""
        for node_id in node_ids:
            self._places.enqueue(self, Enqueue(node_id, task_type, slots))

    @property
    def admitted(self) -> list[str]:
        """The nodes that were let in, in that order."""
        return [event.node_id for event in self.events if isinstance(event, Admitted)]


class Counted(str):
    """A node's id that counts how often any of them is compared."""

    __slots__ = ()
    comparisons: ClassVar[int] = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)


@pytest.fixture
def executors() -> Executors:
    registry = Registry.of([Free(), Narrow(), Launching(), LaunchingToo(), Broken()])
    setup: SetupContext[None] = SetupContext(
        config=None, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=Path("unused")
    )
    return Executors(registry, lambda _registration: setup)


@pytest.fixture
def places(executors: Executors) -> Places:
    return Places(executors, slot_count=4)


@pytest.fixture
def ann(places: Places) -> Applicant:
    return Applicant(places)


@pytest.fixture
def bob(places: Places) -> Applicant:
    return Applicant(places)


def test_whoever_has_no_limit_is_let_in_at_once(ann: Applicant) -> None:
    ann.wants("a", "b", "c", task_type="free")
    assert ann.events == [Admitted("a", "free"), Admitted("b", "free"), Admitted("c", "free")]


def test_admission_names_the_executor_and_whether_there_is_something_to_finalize(ann: Applicant) -> None:
    ann.wants("a", task_type="close")
    assert ann.events == [Admitted("a", "narrow", has_finalizer=True)]


def test_the_limit_of_an_executor_holds_over_all_its_types_and_applicants(
    ann: Applicant, bob: Applicant
) -> None:
    ann.wants("a", task_type="narrow")
    bob.wants("a", task_type="close")
    ann.wants("b", task_type="narrow")
    assert (ann.admitted, bob.admitted) == (["a"], ["a"])


def test_a_place_that_is_given_back_goes_to_who_waits_longest(
    places: Places, ann: Applicant, bob: Applicant
) -> None:
    ann.wants("a", "b")
    bob.wants("c")
    ann.wants("d")
    places.release(ann, "b")
    assert (ann.admitted, bob.admitted) == (["a", "b"], ["c"])
    places.release(bob, "c")
    assert ann.admitted == ["a", "b", "d"]


def test_a_place_is_given_back_once(places: Places, ann: Applicant) -> None:
    ann.wants("a", "b", "c", "d")
    places.release(ann, "a")
    places.release(ann, "a")
    assert ann.admitted == ["a", "b", "c"]


def test_who_has_no_place_gives_none_back(places: Places, ann: Applicant, bob: Applicant) -> None:
    ann.wants("a", "b", "c")
    places.release(ann, "c")
    places.release(bob, "a")
    assert ann.admitted == ["a", "b"]


def test_executors_do_not_wait_for_each_other(ann: Applicant) -> None:
    ann.wants("a", "b", "c")
    ann.wants("d", task_type="free")
    ann.wants("e", task_type="launching")
    assert ann.admitted == ["a", "b", "d", "e"]


def test_slots_of_the_launcher_are_shared_by_its_executors(places: Places, ann: Applicant) -> None:
    ann.wants("a", task_type="launching", slots=3)
    ann.wants("b", task_type="launching-too", slots=1)
    ann.wants("c", task_type="launching-too", slots=1)
    assert ann.admitted == ["a", "b"]
    places.release(ann, "a")
    assert ann.admitted == ["a", "b", "c"]


def test_a_big_one_at_the_head_is_waited_for(places: Places, ann: Applicant) -> None:
    ann.wants("a", "b", task_type="launching", slots=2)
    ann.wants("big", task_type="launching", slots=4)
    ann.wants("small", task_type="launching")
    places.release(ann, "a")
    assert ann.admitted == ["a", "b"]
    places.release(ann, "b")
    assert ann.admitted == ["a", "b", "big"]
    places.release(ann, "big")
    assert ann.admitted == ["a", "b", "big", "small"]


def test_more_slots_than_there_are_is_refused_and_says_what_to_do(ann: Applicant) -> None:
    ann.wants("a", task_type="launching", slots=5)
    ann.wants("b", task_type="launching", slots=4)
    assert ann.events == [
        Refused(
            "a",
            "the task requests 5 CPUs, and this engine has 4 slots: lower the request, or resume with more --workers",
        ),
        Admitted("b", "launching"),
    ]


def test_only_the_launcher_counts_cpus(ann: Applicant) -> None:
    ann.wants("a", "b", slots=100)
    assert ann.admitted == ["a", "b"]


def test_a_type_that_nobody_serves_is_refused_by_name(ann: Applicant) -> None:
    ann.wants("a", task_type="spark")
    (refused,) = ann.events
    assert isinstance(refused, Refused)
    assert refused.node_id == "a"
    assert "no executor is registered for the task type 'spark'" in refused.reason


async def test_an_executor_that_could_not_be_initialized_refuses(
    executors: Executors, ann: Applicant
) -> None:
    await executors.ready(["broken"])
    try:
        ann.wants("a", task_type="broken")
    finally:
        await executors.stop()
    (refused,) = ann.events
    assert isinstance(refused, Refused)
    assert "executor 'broken' could not be initialized: RuntimeError: no licence" in refused.reason


def test_what_was_under_way_before_counts_even_beyond_the_limit(
    places: Places, executors: Executors, ann: Applicant
) -> None:
    narrow = executors.of_type("narrow")
    for node_id in ("a", "b", "c"):
        places.occupy(ann, node_id, narrow, 1)
    ann.wants("d")
    places.release(ann, "a")
    assert ann.admitted == []
    places.release(ann, "b")
    assert ann.admitted == ["d"]


def test_what_is_too_big_to_go_on_here_holds_up_nobody(
    places: Places, executors: Executors, ann: Applicant
) -> None:
    places.occupy(ann, "big", executors.of_type("launching"), 5)
    ann.wants("a", task_type="launching", slots=4)
    assert ann.admitted == ["a"]
    places.release(ann, "big")
    ann.wants("b", task_type="launching")
    assert ann.admitted == ["a"]


def test_who_has_a_place_takes_no_second_one(places: Places, executors: Executors, ann: Applicant) -> None:
    ann.wants("a")
    places.occupy(ann, "a", executors.of_type("narrow"), 1)
    ann.wants("b")
    assert ann.admitted == ["a", "b"]


def test_who_leaves_the_queue_is_passed_over(places: Places, ann: Applicant, bob: Applicant) -> None:
    ann.wants("a", "b", "c")
    bob.wants("c")
    places.dequeue(ann, "c")
    places.release(ann, "a")
    assert (ann.admitted, bob.admitted) == (["a", "b"], ["c"])


def test_leaving_the_queue_after_admission_keeps_the_place(places: Places, ann: Applicant) -> None:
    ann.wants("a", "b", "c")
    places.dequeue(ann, "a")
    assert ann.admitted == ["a", "b"]
    places.release(ann, "a")
    assert ann.admitted == ["a", "b", "c"]


def test_leaving_a_queue_that_one_never_joined_is_fine(places: Places, ann: Applicant) -> None:
    places.dequeue(ann, "a")
    ann.wants("a")
    assert ann.admitted == ["a"]


def test_who_left_may_queue_up_again_behind_the_others(
    places: Places, ann: Applicant, bob: Applicant
) -> None:
    ann.wants("a", "b", "c")
    bob.wants("d")
    places.dequeue(ann, "c")
    ann.wants("c")
    places.release(ann, "a")
    assert (ann.admitted, bob.admitted) == (["a", "b"], ["d"])


def test_an_applicant_that_goes_away_leaves_its_places_to_the_others_and_waits_no_more(
    places: Places, ann: Applicant, bob: Applicant
) -> None:
    ann.wants("a", "b", "c")
    ann.wants("l", task_type="launching", slots=4)
    bob.wants("d")
    bob.wants("m", task_type="launching", slots=4)
    places.drop(ann)
    assert (ann.admitted, bob.admitted) == (["a", "b", "l"], ["d", "m"])
    bob.wants("e", "f")
    assert bob.admitted == ["d", "m", "e"]


def test_a_waiter_that_goes_away_lets_those_behind_it_in(
    places: Places, ann: Applicant, bob: Applicant
) -> None:
    bob.wants("a", "b", task_type="launching")
    ann.wants("big", task_type="launching", slots=4)
    bob.wants("c", task_type="launching")
    places.drop(ann)
    assert (ann.admitted, bob.admitted) == ([], ["a", "b", "c"])


def test_leaving_is_no_search_among_those_that_wait(places: Places, ann: Applicant) -> None:
    nodes = [Counted(f"n{number}") for number in range(1000)]
    ann.wants(*nodes)
    Counted.comparisons = 0
    for node_id in reversed(nodes):
        places.dequeue(ann, node_id)
    assert Counted.comparisons <= 10 * len(nodes)


def drain(task_type: str) -> dict[str, Drain]:
    return {
        task_type: Drain(task_type=task_type, by="ada", reason="upgrade", at=datetime(2030, 1, 1, tzinfo=UTC))
    }


def test_a_drain_sends_away_who_waits_and_who_comes(places: Places, ann: Applicant) -> None:
    ann.wants("a", "b", "c")
    assert not places.drain(drain("narrow"))
    ann.wants("d")
    assert ann.admitted == ["a", "b"]
    refusals = [event for event in ann.events if isinstance(event, Refused)]
    assert [event.node_id for event in refusals] == ["c", "d"]
    assert refusals[0].reason.startswith("the task type 'narrow' was drained by ada: upgrade")


def test_a_drain_leaves_the_others_alone(places: Places, ann: Applicant) -> None:
    places.drain(drain("narrow"))
    ann.wants("a", task_type="free")
    assert ann.admitted == ["a"]


def test_a_drain_that_is_lifted_is_named_once(places: Places, ann: Applicant) -> None:
    places.drain(drain("narrow"))
    assert places.drain({}) == {"narrow"}
    assert places.drain({}) == frozenset()
    ann.wants("a")
    assert ann.admitted == ["a"]
