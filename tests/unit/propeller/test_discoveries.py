"""What executors discover is served like what they register for, as long as they find it."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import (
    DiscoveredTypes,
    Executor,
    ExecutorProperties,
    SetupContext,
)
from elevon.plugin.registry import Registry
from elevon.propeller.discoveries import INTERVAL
from elevon.propeller.executors import Executors
from elevon.testing.clocks import SimulatedClock
from tests.unit.propeller.endless import Endless

Story: TypeAlias = Callable[[Executors, SimulatedClock], Awaitable[None]]


class Finder(Endless):
    id = "finder"
    task_types: ClassVar[tuple[str, ...]] = ()
    properties = ExecutorProperties(isolation="engine", discovers_types=True)

    def __init__(self, *found: str) -> None:
        self.found: DiscoveredTypes | Exception = DiscoveredTypes(task_types=found)
        self.initialize_count = 0
        self.ask_count = 0

    async def initialize(self, setup: SetupContext[Any]) -> None:
        self.initialize_count += 1

    async def discover_types(self) -> DiscoveredTypes:
        self.ask_count += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class OtherFinder(Finder):
    id = "other"


class BrokenFinder(Finder):
    id = "broken"

    async def initialize(self, setup: SetupContext[Any]) -> None:
        raise errors.UserError("no grpc")


class Plain(Finder):
    id = "plain"
    task_types = ("plain",)
    properties = ExecutorProperties(isolation="engine")


def tell(tmp_path: Path, *found: Executor[Any, Any], story: Story) -> None:
    """Run a story with the executors of an engine, on simulated time."""
    clock = SimulatedClock()
    setup = SetupContext(config=None, clock=clock, blobs=LocalBlobStore(), state_dir=tmp_path)

    async def run() -> None:
        executors = Executors(Registry.of(found), lambda _: setup, clock=clock)
        try:
            await story(executors, clock)
        finally:
            await executors.stop()

    clock.run(run())


async def a_round(clock: SimulatedClock, count: int = 1) -> None:
    """Let executors be asked so many times more."""
    await clock.sleep(INTERVAL.total_seconds() * count + 0.1)


@pytest.fixture
def finder() -> Finder:
    return Finder("found")


def test_a_type_that_nobody_registers_is_looked_for(finder: Finder, tmp_path: Path) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["found"])
        found = executors.of_type("found")
        assert found.id == "finder"
        assert executors.host(found).is_ready
        assert executors.registry.known_types == {"found"}

    tell(tmp_path, finder, story=story)


def test_types_that_are_registered_cost_no_discovery(finder: Finder, tmp_path: Path) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["plain"])
        await a_round(clock)

    tell(tmp_path, finder, Plain(), story=story)
    assert (finder.initialize_count, finder.ask_count) == (0, 0)


def test_what_is_wanted_is_not_even_read_if_nobody_discovers(tmp_path: Path) -> None:
    def wanted() -> Iterator[str]:
        raise AssertionError
        yield ""

    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.discover(wanted())

    tell(tmp_path, Plain(), story=story)


def test_a_new_type_is_found_while_the_engine_runs_and_told_twice(finder: Finder, tmp_path: Path) -> None:
    told: list[frozenset[str]] = []

    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["late"])
        await a_round(clock)
        with pytest.raises(errors.UnavailableError, match="task type 'late'"):
            executors.of_type("late")
        executors.observe(told.append)
        finder.found = DiscoveredTypes(task_types=("found", "late"))
        await a_round(clock, 4)
        assert executors.of_type("late").id == "finder"

    tell(tmp_path, finder, story=story)
    assert told == [{"late"}, {"late"}]


def test_a_type_that_is_gone_is_missing_until_it_is_back(finder: Finder, tmp_path: Path) -> None:
    told: list[frozenset[str]] = []

    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["found"])
        await a_round(clock)
        executors.observe(told.append)
        finder.found = DiscoveredTypes(problem="the service at a:1 was not reached")
        await a_round(clock)
        with pytest.raises(errors.UnavailableError, match=r"task type 'found'.*; the service at a:1 was not"):
            executors.of_type("found")
        finder.found = DiscoveredTypes(task_types=("found",))
        await a_round(clock, 3)
        assert executors.of_type("found").id == "finder"

    tell(tmp_path, finder, story=story)
    assert told == [{"found"}, {"found"}]


def test_what_was_discovered_stays_when_asking_fails(
    finder: Finder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["found"])
        finder.found = OSError("no route")
        await a_round(clock, 5)
        assert executors.of_type("found").id == "finder"

    tell(tmp_path, finder, story=story)
    assert [record.message for record in caplog.records] == [
        "executor 'finder' could not discover its task types: OSError: no route"
    ]


def test_a_registered_type_stays_with_whoever_registered_it_and_both_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["mine"])
        await a_round(clock, 3)
        assert executors.of_type("plain").id == "plain"
        assert executors.of_type("mine").id == "finder"

    tell(tmp_path, Finder("plain", "mine"), Plain(), story=story)
    (warning,) = [record.message for record in caplog.records]
    assert "Finder has discovered the task type 'plain', which" in warning
    assert "Plain serves already" in warning


def test_of_two_that_discover_a_type_the_first_serves_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["both"])
        await a_round(clock, 3)
        assert executors.of_type("both").id == "finder"

    tell(tmp_path, Finder("both"), OtherFinder("both"), story=story)
    assert len(caplog.records) == 1


def test_one_that_could_not_be_initialized_is_why_a_type_is_missing(tmp_path: Path) -> None:
    async def story(executors: Executors, clock: SimulatedClock) -> None:
        await executors.ready(["found"])
        with pytest.raises(errors.UnavailableError, match=r"'broken' could not be initialized: .*no grpc"):
            executors.of_type("found")

    tell(tmp_path, BrokenFinder("found"), story=story)
