"""Custom states and task types that an engine can't use: refused, or waited for, never guessed at."""

import asyncio
from typing import Any, ClassVar

import pytest

from elevon import app, errors
from elevon.plugin import TaskStatus
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    Flag,
    Other,
    Scripted,
    State,
    World,
    attempt,
    compiled,
    driving,
    identity,
    is_parked,
    until,
)


class Newer(Scripted):
    state_version: ClassVar[int] = 2


class Migrating(Newer):
    def migrate(self, old_version: int, raw: Any) -> Any:
        return {"value": raw.get("value", 0) + 100 * old_version}


class Late(Scripted):
    """Scripted, and can't be initialized."""

    async def initialize(self, setup: object) -> None:
        raise ConnectionError("the service is not reachable")


class Slow(Scripted):
    """Scripted, and never done with its set-up."""

    async def initialize(self, setup: object) -> None:
        await asyncio.Event().wait()


async def refused(world: World, executor: Scripted) -> str:
    """Why an execution failed."""
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert executor.kinds()[-2:] == ["kill", "finalize"]
    return record.failure.message


async def test_state_that_does_not_survive_its_codec_is_refused_with_the_path(world: World) -> None:
    message = await refused(world, Scripted(start=[TaskStatus.running(State(ratio=float("nan")))]))
    assert "executor 'scripted' returned a state that can't be kept" in message
    assert "ratio" in message


async def test_state_of_another_type_is_refused(world: World) -> None:
    message = await refused(world, Scripted(start=[TaskStatus.running({"value": "text"})]))
    assert "executor 'scripted' returned a state that can't be kept" in message


async def test_state_beyond_its_limit_is_refused_with_both_sizes(world: World) -> None:
    message = await refused(world, Scripted(start=[TaskStatus.running(State(text="x" * 256 * 1024))]))
    assert "exceeds the limit of 262144" in message


async def test_state_that_is_refused_in_a_check_ends_in_a_kill_with_the_last_state(world: World) -> None:
    executor = Scripted(check=[TaskStatus.running({"value": "text"})])
    await refused(world, executor)
    assert next(call.state for call in executor.calls if call.kind == "kill") == State(0)


async def test_state_of_a_newer_release_waits_and_goes_on_with_that_release(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Newer(check=[flag.hang]), flag.reached())
    old = Scripted()
    async with world.engine(old) as embedded:
        async with driving(embedded, (await embedded.admin.find("x1")).id):
            await until(embedded, is_parked)
        record = await attempt(embedded)
    assert "version 2" in record.reason
    assert record.phase is AttemptPhase.RUNNING
    assert "kill" not in old.kinds()
    assert (await world.resume(Newer())).phase is ExecutionPhase.SUCCEEDED


async def test_state_of_an_older_release_is_migrated(world: World) -> None:
    flag = Flag()
    await world.crash(
        flows.single, Scripted(start=[TaskStatus.running(State(7))], check=[flag.hang]), flag.reached()
    )
    migrating = Migrating()
    assert (await world.resume(migrating)).phase is ExecutionPhase.SUCCEEDED
    assert migrating.calls[0].state == State(107)


async def test_state_that_has_no_migration_waits(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(check=[flag.hang]), flag.reached())
    async with world.engine(Newer()) as embedded:
        async with driving(embedded, (await embedded.admin.find("x1")).id):
            await until(embedded, is_parked)
        assert "migration" in (await attempt(embedded)).reason


async def test_attempt_whose_type_has_gone_missing_waits_and_goes_on_when_it_is_back(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(check=[flag.hang]), flag.reached())
    async with world.engine() as embedded:
        async with driving(embedded, (await embedded.admin.find("x1")).id):
            await until(embedded, is_parked)
        assert "no executor is registered for the task type 'scripted'" in (await attempt(embedded)).reason
    assert (await world.resume(Scripted())).phase is ExecutionPhase.SUCCEEDED


async def test_node_whose_type_is_missing_waits_while_the_others_run(world: World) -> None:
    here = Scripted(start=[DONE])
    async with world.engine(here) as embedded:
        execution = await world.create(embedded, flows.mixed)
        async with driving(embedded, execution):
            await until(embedded, lambda engine: is_parked(engine, "n1"))
            await until(embedded, lambda engine: is_over(engine, "n2"))
    there = Other()
    assert (await world.resume(Scripted(), there)).phase is ExecutionPhase.SUCCEEDED
    assert there.kinds() == ["start", "check", "finalize"]


async def test_type_whose_executor_can_not_be_initialized_waits_and_says_why(world: World) -> None:
    async with world.engine(Late()) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, is_parked)
        assert "the service is not reachable" in (await attempt(embedded)).reason
    assert (await world.resume(Scripted(start=[RUNNING]))).phase is ExecutionPhase.SUCCEEDED


async def test_new_execution_is_refused_whose_executor_can_not_be_initialized(world: World) -> None:
    async with world.engine(Late(), Other()) as embedded:
        with pytest.raises(errors.UnavailableError, match="the service is not reachable"):
            await embedded.ensure_served(compiled(flows.single))
        await embedded.ensure_served(compiled(flows.single_other))


async def test_execution_that_needs_a_slow_executor_holds_nobody_up_and_can_be_suspended(
    world: World,
) -> None:
    slow = Slow()
    async with world.engine(slow, Other(start=[DONE])) as embedded:
        waiting = await world.create(embedded, flows.single, "waiting")
        free = await world.create(embedded, flows.single_other, "free")
        async with driving(embedded, waiting, free) as task:
            await until(embedded, lambda engine: has_succeeded(engine, "free"))
            assert slow.calls == []
            await embedded.engine.suspend()
            await task
    assert (await world.resume(Scripted(), name="waiting")).phase is ExecutionPhase.SUCCEEDED


async def has_succeeded(embedded: Any, name: str) -> bool:
    return (await embedded.admin.find(name)).phase is ExecutionPhase.SUCCEEDED


async def is_over(embedded: Any, node_id: str) -> bool:
    view = await embedded.admin.view((await embedded.admin.find("x1")).id)
    (node,) = [node for node in view.walk() if node.id == node_id]
    return node.record is not None and node.record.phase.is_terminal


class Stand(Scripted):
    """Takes what nobody registers for, and keeps the same kind of state."""

    id: ClassVar[str] = "stand"
    task_types: ClassVar[tuple[str, ...]] = ("another",)


async def test_attempt_of_an_executor_that_is_gone_is_not_handed_to_the_default_one(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(check=[flag.hang]), flag.reached())
    stand = Stand()
    async with (
        world.engine(stand, default_executor="stand") as embedded,
        driving(embedded, identity()),
        app.reading(world.home) as elsewhere,
    ):
        await until(embedded, is_parked)
        assert (await attempt(embedded)).reason.startswith(
            "executor 'scripted' has begun this attempt, and the task type 'scripted' is served by executor 'stand' "
        )
        await elsewhere.abort(identity(), by="ada", reason="enough")
        await until(embedded, is_being_killed)
    assert stand.calls == []
    executor = Scripted()
    assert (await world.resume(executor)).phase is ExecutionPhase.ABORTED
    assert executor.kinds() == ["kill", "finalize"]


async def is_being_killed(embedded: app.Embedded) -> bool:
    found = await attempt(embedded)
    return found.phase is AttemptPhase.KILLING and found.is_parked
