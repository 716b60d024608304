"""A wall clock that is set back while the engine runs: waits and time-outs go by the time that really passes."""

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from elevon import app
from elevon.plugin import ExecutorProperties, TaskContext, TaskStatus
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.memories import Memory, Noted
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Flag,
    State,
    compiled,
    drive,
    driving,
    identity,
    outputs_of,
    until,
)

HOUR = timedelta(hours=1)
QUEUED: TaskStatus[Any] = TaskStatus.queued(State(), check_after=SOON)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path)


class Narrow(Noted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, max_concurrency=1
    )


async def has_failed(embedded: app.Embedded) -> bool:
    return (await embedded.admin.get(identity())).phase is ExecutionPhase.FAILED


def set_back(memory: Memory, status: TaskStatus[Any]) -> Any:
    """A step during which the clock is set back by an hour."""

    async def step(_ctx: TaskContext[State]) -> TaskStatus[Any]:
        memory.clock.shift -= HOUR
        return status

    return step


async def run(memory: Memory, flow: Any, executor: Noted) -> Any:
    async with memory.engine(executor) as embedded:
        await embedded.admin.create_execution(msgspec.structs.replace(compiled(flow), name="x1"))
        await drive(embedded, identity())
        return await embedded.admin.get(identity())


async def test_checks_go_on(memory: Memory) -> None:
    back = set_back(memory, RUNNING)
    executor = Noted(memory.ledger, start=[back], check=[RUNNING, back, RUNNING, DONE])
    assert outputs_of(await run(memory, flows.single, executor)) == {"o0": 1}


async def test_calls_that_raised_are_repeated(memory: Memory) -> None:
    back = set_back(memory, RUNNING)
    executor = Noted(memory.ledger, start=[back], check=[ConnectionError("reset"), DONE])
    assert outputs_of(await run(memory, flows.single, executor)) == {"o0": 1}


@pytest.mark.parametrize(
    ("flow", "status", "code"),
    [(flows.limited, RUNNING, "USER:Timeout"), (flows.waiting, QUEUED, "USER:QueueTimeout")],
    ids=["running", "queued"],
)
async def test_time_outs_come(memory: Memory, flow: Any, status: TaskStatus[Any], code: str) -> None:
    executor = Noted(memory.ledger, start=[set_back(memory, status)], check=[status])
    record = await run(memory, flow, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure.code == code


async def test_a_time_out_comes_for_what_was_never_started(memory: Memory) -> None:
    """Another execution has the only place."""
    executor = Narrow(memory.ledger, start=[set_back(memory, RUNNING)], check=[RUNNING])
    async with memory.engine(executor) as embedded:
        for name, flow in (("x0", flows.single), ("x1", flows.waiting)):
            await embedded.admin.create_execution(msgspec.structs.replace(compiled(flow), name=name))
        async with driving(embedded, identity("x0"), identity("x1")):
            await until(embedded, has_failed)
        record = await embedded.admin.get(identity())
    assert executor.kinds().count("start") == 1
    assert record.failure is not None
    assert record.failure.code == "USER:QueueTimeout"


async def test_an_engine_after_the_change_goes_on(memory: Memory) -> None:
    flag = Flag()
    later: TaskStatus[Any] = TaskStatus.not_ready(State(), check_after=SOON)
    async with memory.engine(Noted(memory.ledger, start=[later, flag.hang])) as embedded:
        await embedded.admin.create_execution(msgspec.structs.replace(compiled(flows.single), name="x1"))
        async with driving(embedded, identity()):
            await flag.reached()
    memory.clock.shift -= HOUR
    async with memory.engine(Noted(memory.ledger)) as embedded:
        await drive(embedded, identity())
        assert outputs_of(await embedded.admin.get(identity())) == {"o0": 1}
