"""Executors are initialized when they are needed, each beside the others."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import ExecutorProperties, SetupContext
from elevon.plugin.registry import Registration, Registry
from elevon.primitives.clocks import SystemClock
from elevon.propeller.executors import Executors
from tests.unit.propeller.endless import Endless


class Quick(Endless):
    id = "quick"
    task_types = ("quick",)
    properties = ExecutorProperties(isolation="engine")

    def __init__(self) -> None:
        self.initialize_count = 0

    async def initialize(self, setup: SetupContext[Any]) -> None:
        self.initialize_count += 1


class Slow(Quick):
    id = "slow"
    task_types = ("slow", "slower")

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()
        self.is_cancelled = False

    async def initialize(self, setup: SetupContext[Any]) -> None:
        await super().initialize(setup)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


class Broken(Quick):
    id = "broken"
    task_types = ("broken",)

    async def initialize(self, setup: SetupContext[Any]) -> None:
        raise OSError("no route to the cluster")


class Generating(Quick):
    """Its tasks go on as others, which go on as tasks of its own type again."""

    id = "generating"
    task_types = ("generating", "again")
    properties = ExecutorProperties(isolation="engine", generates_types=("quick", "again"))


class Hopeful(Quick):
    id = "hopeful"
    task_types = ("hopeful",)
    properties = ExecutorProperties(isolation="engine", generates_types=("generating", "broken"))


class Missing(Quick):
    id = "missing"
    task_types = ("missing",)
    properties = ExecutorProperties(isolation="engine", generates_types=("nobodys",))


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def quick() -> Quick:
    return Quick()


@pytest.fixture
async def executors(slow: Slow, quick: Quick, tmp_path: Path) -> AsyncIterator[Executors]:
    def setup_of(registration: Registration) -> SetupContext[Any]:
        return SetupContext(
            config=registration.config, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=tmp_path
        )

    known = Registry.of([slow, quick, Broken(), Generating(), Hopeful(), Missing()])
    made = Executors(known, setup_of, patience=timedelta(0))
    yield made
    await made.stop()


async def test_a_slow_initialize_holds_up_its_own_types_only(
    executors: Executors, slow: Slow, quick: Quick
) -> None:
    waiting = asyncio.ensure_future(executors.ready(["slow", "quick"]))
    await executors.ready(["quick"])
    assert executors.host(executors.of_type("quick")).is_ready
    assert not waiting.done()
    slow.may_end.set()
    await waiting
    assert executors.host(executors.of_type("slow")).is_ready


async def test_what_nobody_needs_is_not_initialized_and_what_many_need_once(
    executors: Executors, slow: Slow, quick: Quick
) -> None:
    for _ in range(2):
        await executors.ready(["quick", "quick", "nobodys"])
    assert (slow.initialize_count, quick.initialize_count) == (0, 1)


async def test_a_wait_that_is_cancelled_leaves_the_initialization_going_on(
    executors: Executors, slow: Slow
) -> None:
    impatient = asyncio.ensure_future(executors.ready(["slow"]))
    await executors.ready(["quick"])
    impatient.cancel()
    slow.may_end.set()
    await executors.ready(["slower"])
    assert (slow.initialize_count, slow.is_cancelled) == (1, False)
    assert executors.host(executors.of_type("slow")).is_ready


async def test_a_failed_initialize_refuses_its_types_by_name(
    executors: Executors, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.UnavailableError, match="no route"):
        await executors.ensure_served(["broken"])
    assert caplog.text == "", "whoever asked has been told"
    for _ in range(2):
        await executors.ready(["broken", "quick"])
    assert caplog.text.count("'broken' could not be initialized, its task types are refused") == 1
    with pytest.raises(errors.UnavailableError, match=r"'broken' could not be initialized: .*no route"):
        executors.of_type("broken")
    assert executors.of_type("quick").id == "quick"


async def test_who_generates_tasks_is_served_with_those_who_serve_them(
    executors: Executors, quick: Quick
) -> None:
    await executors.ensure_served(["generating"])
    assert quick.initialize_count == 1


async def test_a_type_that_is_generated_and_can_not_be_served_is_refused_with_who_generates_it(
    executors: Executors,
) -> None:
    with pytest.raises(
        errors.UnavailableError,
        match=r"'hopeful' go on as tasks of the type 'broken': executor 'broken' .*no route",
    ):
        await executors.ensure_served(["hopeful"])
    with pytest.raises(
        errors.UnavailableError, match=r"'missing' go on as tasks of the type 'nobodys': no executor"
    ):
        await executors.ensure_served(["missing"])


async def test_who_is_waited_for_is_named_in_the_log(
    executors: Executors, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    class Patience(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            slow.may_end.set()

    logger = logging.getLogger("elevon.propeller.executors")
    logger.addHandler(end_of_patience := Patience())
    await executors.ready(["slow", "quick"])
    logger.removeHandler(end_of_patience)
    assert "still being initialized: slow" in caplog.text


async def test_stop_ends_an_initialize_that_is_under_way(executors: Executors, slow: Slow) -> None:
    waiting = asyncio.ensure_future(executors.ready(["slow"]))
    await executors.ready(["quick"])
    await executors.stop()
    await waiting
    assert slow.is_cancelled
