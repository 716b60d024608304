"""Time-outs across the death of an engine: what began anew has its whole time, what went on has what was left."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from elevon import Task, app, workflow
from elevon.plugin import TaskStatus
from elevon.primitives.clocks import SystemClock
from elevon.records.phases import ExecutionPhase
from elevon.stores.sqlite import SqliteStateStore
from elevon.tasktypes.container.task import ContainerTask
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Flag,
    Scripted,
    State,
    World,
    attempt,
    driving,
    identity,
    until,
)

HOUR = timedelta(hours=1)


async def let_pass(world: World, span: timedelta) -> None:
    """Make what is stored of the attempt so much older, as if no engine had been there for that long."""
    clock = SystemClock()
    store = SqliteStateStore(world.home.database, clock)
    await store.open()
    try:
        lease = await store.acquire_lease(identity(), "past", clock.now() + HOUR, clock.now())
        assert lease is not None
        (record,) = (await store.load_execution(identity())).attempts
        assert record.running_at is not None
        older = msgspec.structs.replace(
            record, queued_at=record.queued_at - span, running_at=record.running_at - span
        )
        await store.commit(lease, [older])
        await store.release_lease(lease)
    finally:
        await store.close()


async def runs(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(one.running_at is not None for node in view.walk() for one in node.attempts)


def limited_command(folder: Path) -> Any:
    """A workflow of one command that takes too long at first, and a fraction of its time-out when it runs anew."""
    script = f"echo x >> {folder / 'runs'}; test $(wc -l < {folder / 'runs'}) -ge 2 || sleep 600; sleep 0.4"
    command = ContainerTask("command", "alpine:3", ["sh"], ["-c", script], timeout=timedelta(seconds=5))

    @workflow
    def flow() -> None:
        command()

    return flow


async def test_a_job_that_went_down_with_its_engine_has_its_whole_time_again(
    world: World, tmp_path: Path
) -> None:
    async with world.engine() as embedded:
        execution = await world.create(embedded, limited_command(tmp_path))
        async with driving(embedded, execution):
            await until(embedded, runs)
    await let_pass(world, HOUR)
    record = await world.resume()
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert len((tmp_path / "runs").read_text().split()) == 2
    async with world.engine() as embedded:
        assert (await attempt(embedded)).attempt == 0


@pytest.mark.parametrize(
    ("answer", "phase", "kinds"),
    [
        (DONE, ExecutionPhase.SUCCEEDED, ["check", "finalize"]),
        (RUNNING, ExecutionPhase.FAILED, ["check", "kill", "finalize"]),
    ],
    ids=["that is over", "that still runs"],
)
async def test_work_that_went_on_elsewhere_beyond_its_time_is_asked_for_first(
    world: World, answer: Any, phase: ExecutionPhase, kinds: list[str]
) -> None:
    flag = Flag()
    await world.crash(flows.limited, Scripted(check=[flag.hang]), flag.reached())
    await let_pass(world, HOUR)
    executor = Scripted(check=[answer])
    record = await world.resume(executor)
    assert record.phase is phase
    assert executor.kinds() == kinds
    if record.failure is not None:
        assert record.failure.code == "USER:Timeout"


async def test_no_time_out_comes_before_the_executor_has_said_that_the_work_began_anew(world: World) -> None:
    async def restarted(_ctx: object) -> TaskStatus[Any]:
        for _ in range(50):  # turns of the loop, in which a timer that is due would fire
            await asyncio.sleep(0)
        return TaskStatus.running(State(), check_after=SOON, is_restarted=True)

    flag = Flag()
    await world.crash(flows.limited, Scripted(check=[flag.hang]), flag.reached())
    await let_pass(world, HOUR)
    executor = Scripted(check=[restarted, DONE])
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["check", "check", "finalize"]


async def test_a_time_out_beyond_the_end_of_time_never_comes(world: World) -> None:
    endless: Any = Task(
        "endless",
        task_type="scripted",
        outputs={"o0": int},
        timeout=timedelta.max,
        queue_timeout=timedelta(days=4_000_000),
    )

    @workflow
    def flow() -> int:
        return endless()

    assert (await world.run(flow, Scripted())).phase is ExecutionPhase.SUCCEEDED
