"""Attempts of a type that an executor has discovered run, wait when it is gone, and go on when it is back."""

import asyncio
from typing import Any, ClassVar

import pytest

from elevon import errors
from elevon.plugin import DiscoveredTypes, ExecutorProperties, SetupContext, TaskContext
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    PATIENCE_S,
    RUNNING,
    SOON,
    Flag,
    Scripted,
    World,
    attempt,
    compiled,
    drive,
    driving,
    identity,
    is_parked,
    until,
)


class Discovering(Scripted):
    id: ClassVar[str] = "discovering"
    task_types: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, discovers_types=True
    )

    def __init__(self, **steps: Any) -> None:
        super().__init__(**steps)
        self.found: tuple[str, ...] = ("scripted",)

    async def discover_types(self) -> DiscoveredTypes:
        return DiscoveredTypes(task_types=self.found)


async def test_a_discovered_type_runs(world: World) -> None:
    executor = Discovering()
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["start", "check", "finalize"]


async def test_an_execution_of_a_type_that_nobody_discovers_is_refused(world: World) -> None:
    async with world.engine(Discovering()) as embedded:
        assert "scripted" not in (await embedded.task_types(["sleep"]) or ())
        known = await embedded.task_types(["other"])
        assert known is not None
        assert "scripted" in known
        assert "other" not in known
        with pytest.raises(errors.UnavailableError, match="task type 'other'"):
            await embedded.ensure_served(compiled(flows.single_other))


async def test_an_attempt_whose_type_is_gone_waits_and_goes_on_when_it_is_back(world: World) -> None:
    async def lose(_ctx: TaskContext[Any]) -> Any:
        executor.found = ()
        await embedded.executors.discover(["anything"])
        return RUNNING

    executor = Discovering(check=[lose, DONE])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as drive_task:
            await until(embedded, is_parked)
            assert "task type 'scripted'" in (await attempt(embedded)).reason
            executor.found = ("scripted",)
            await embedded.executors.discover(["scripted"])
            await drive_task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["start", "check", "check", "finalize"]


async def test_a_node_whose_type_is_not_found_yet_starts_when_it_is(world: World) -> None:
    executor = Discovering()
    executor.found = ()
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as drive_task:
            await until(embedded, is_parked)
            executor.found = ("scripted",)
            await embedded.executors.discover(["scripted"])
            await drive_task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED


async def test_a_type_is_waited_for_as_long_as_somebody_may_discover_it(world: World) -> None:
    executor = Discovering()
    executor.found = ()
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        driving = asyncio.ensure_future(embedded.engine.drive(execution, waits_for_operators=False))
        await until(embedded, is_parked)
        executor.found = ("scripted",)
        await embedded.executors.discover(["scripted"])
        async with asyncio.timeout(PATIENCE_S):
            assert await driving == {}
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED


async def test_a_type_is_waited_for_by_nobody_once_it_can_not_be_discovered(world: World) -> None:
    class Broken(Discovering):
        async def initialize(self, setup: SetupContext[Any]) -> None:
            raise OSError("no route to the service")

    async with world.engine(Broken()) as embedded:
        execution = await world.create(embedded, flows.single)
        async with asyncio.timeout(PATIENCE_S):
            ((stall,),) = (await embedded.engine.drive(execution, waits_for_operators=False)).values()
    assert "no executor is registered for the task type 'scripted'" in stall.reason
    assert "no route to the service" in stall.reason


async def test_a_new_engine_discovers_the_types_of_what_it_resumes(world: World) -> None:
    checking = Flag()
    await world.crash(flows.single, Discovering(check=[checking.hang]), checking.reached())
    async with world.engine(second := Discovering()) as embedded:
        await drive(embedded, identity())
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED
    assert second.kinds() == ["check", "finalize"]
