"""Who is not to wait for operators is told once nothing goes on without one, and not before."""

import asyncio
from typing import Any, ClassVar

from elevon import app, errors
from elevon.plugin import ExecutorProperties, TaskStatus
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    PATIENCE_S,
    SOON,
    Scripted,
    World,
    identity,
    is_parked,
    until,
)

UNREADABLE = errors.CorruptStateError("the state can't be read")


class Other(Scripted):
    id: ClassVar[str] = "other"
    task_types: ClassVar[tuple[str, ...]] = ("other",)


class Narrow(Scripted):
    """Takes one at once."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, max_concurrency=1
    )


class Gate:
    """A check that answers once it may."""

    def __init__(self) -> None:
        self.opening = asyncio.Event()

    async def check(self, _ctx: object) -> TaskStatus[Any]:
        await self.opening.wait()
        return DONE


async def stalled(embedded: app.Embedded, *executions: ExecutionId) -> dict[str, list[str]]:
    """Drive, and give up where only an operator helps: what waits for one, by execution."""
    async with asyncio.timeout(PATIENCE_S):
        found = await embedded.engine.drive(*executions, waits_for_operators=False)
    return {execution.name: [line_of(record) for record in stalls] for execution, stalls in found.items()}


def line_of(record: AttemptRecord) -> str:
    return f"{record.node_id}#{record.attempt} {record.task_type}: {record.reason}"


async def test_an_execution_of_which_all_is_parked_is_given_up_and_goes_on_later(world: World) -> None:
    executor = Scripted(check=[UNREADABLE, DONE])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        assert await stalled(embedded, execution) == {"x1": ["n0#0 scripted: the state can't be read"]}
        assert not (await embedded.admin.get(execution)).phase.is_terminal
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED


async def test_an_execution_that_ends_is_given_up_by_nobody(world: World) -> None:
    async with world.engine(Scripted()) as embedded:
        assert await stalled(embedded, await world.create(embedded, flows.single)) == {}
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED


async def test_what_goes_on_beside_a_parked_attempt_is_waited_for(world: World) -> None:
    gate = Gate()
    async with world.engine(Scripted(check=[UNREADABLE]), Other(check=[gate.check])) as embedded:
        execution = await world.create(embedded, flows.mixed)
        driving = asyncio.ensure_future(stalled(embedded, execution))
        await until(embedded, is_parked)
        gate.opening.set()
        assert await driving == {"x1": ["n0#0 scripted: the state can't be read"]}
        view = await embedded.admin.view(execution)
    assert [str(node.record.phase) for node in view.walk() if node.record] == ["RUNNING", "SUCCEEDED"]


async def test_other_executions_are_driven_to_their_ends_before(world: World) -> None:
    gate = Gate()
    async with world.engine(Scripted(check=[UNREADABLE]), Other(check=[gate.check])) as embedded:
        parked = await world.create(embedded, flows.single)
        going_on = await world.create(embedded, flows.single_other, "x2")
        driving = asyncio.ensure_future(stalled(embedded, parked, going_on))
        await until(embedded, is_parked)
        gate.opening.set()
        assert await driving == {"x1": ["n0#0 scripted: the state can't be read"]}
        assert (await embedded.admin.get(going_on)).phase is ExecutionPhase.SUCCEEDED


async def test_who_waits_for_the_place_of_a_parked_attempt_goes_on_no_more_than_that(world: World) -> None:
    async with world.engine(Narrow(check=[UNREADABLE])) as embedded:
        execution = await world.create(embedded, flows.pair)
        assert await stalled(embedded, execution) == {"x1": ["n0#0 scripted: the state can't be read"]}


async def test_who_waits_in_line_behind_a_parked_attempt_is_waited_for_until_its_time_is_out(
    world: World,
) -> None:
    async with world.engine(Narrow(check=[UNREADABLE])) as embedded:
        execution = await world.create(embedded, flows.waiting_in_line)
        assert await stalled(embedded, execution) == {}
        record = await embedded.admin.get(execution)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "node n1" in record.failure.message


async def test_who_waits_for_the_turn_of_a_parked_attempt_goes_on_no_more_than_that(world: World) -> None:
    async with world.engine(Scripted(check=[UNREADABLE])) as embedded:
        execution = await world.create(embedded, flows.pair, max_parallelism=1)
        assert await stalled(embedded, execution) == {"x1": ["n0#0 scripted: the state can't be read"]}


async def test_a_kill_that_nobody_can_make_is_waited_for_by_nobody(world: World) -> None:
    async with world.engine(Scripted(check=[UNREADABLE])) as embedded:
        execution = await world.create(embedded, flows.single)
        await stalled(embedded, execution)
        await embedded.admin.abort(execution, by="ada", reason="not wanted")
    async with world.engine() as embedded:
        ((line,),) = (await stalled(embedded, execution)).values()
    assert line.startswith(
        "n0#0 scripted: it can't be killed, and waits until it can be or is abandoned: no executor"
    )


async def test_a_drained_type_is_waited_for_as_any_command_may_lift_that(world: World) -> None:
    async with world.engine(Scripted()) as embedded:
        execution = await world.create(embedded, flows.single)
        await embedded.admin.drains.drain("scripted", by="ada", reason="upgrade")
        driving = asyncio.ensure_future(stalled(embedded, execution))
        await until(embedded, is_parked)
        async with app.reading(world.home) as elsewhere:
            await elsewhere.drains.resume("scripted")
        assert await driving == {}
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
