"""Where executors run, how they are woken, and user code that a stranger's type launches, by the real engine."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from elevon.cli import programs
from elevon.idl import literals
from elevon.plugin import ExecutorProperties, LauncherExecutor, TaskContext, TaskStatus
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    Other,
    Scripted,
    State,
    World,
    drive,
    driving,
    outputs_of,
    until,
)

LONG = timedelta(minutes=5)
LOUD = Path(__file__).with_name("loud_program.py")


class Threaded(Scripted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="thread")


class Shouting(LauncherExecutor[None]):
    """A stranger's type with user code: what `python-task` uses, it uses too."""

    id = "shouting"
    task_types = ("shouting",)
    properties = ExecutorProperties(uses_launcher=True)


async def test_call_that_blocks_its_thread_holds_nobody_else_up(world: World) -> None:
    release = threading.Event()

    async def block(_ctx: TaskContext[State]) -> TaskStatus[Any]:
        assert threading.current_thread() is not threading.main_thread()
        assert await asyncio.sleep(0, result=release.wait(20))
        return DONE

    other = Other()
    async with world.engine(Threaded(start=[block]), other) as embedded:
        blocked = await world.create(embedded, flows.single, "blocked")
        free = await world.create(embedded, flows.single_other, "free")
        async with driving(embedded, blocked, free) as task:
            await until(embedded, lambda engine: has_ended(engine, "free"))
            assert not await has_ended(embedded, "blocked")
            release.set()
            await task
        assert await has_ended(embedded, "blocked")


async def has_ended(embedded: Any, name: str) -> bool:
    return (await embedded.admin.find(name)).phase is ExecutionPhase.SUCCEEDED


async def test_thread_sees_state_intents_and_wakes_as_the_engine_does(world: World) -> None:
    async def submit(token: str) -> str:
        return token

    async def start(ctx: TaskContext[State]) -> TaskStatus[Any]:
        assert await ctx.once("a", submit) == ctx.intents["a"].result
        threading.Timer(0.01, ctx.wake).start()
        return TaskStatus.running(State(3), check_after=LONG)

    executor = Threaded(start=[start])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.calls[1].state == State(3)


async def test_wake_shortens_a_long_wait(world: World) -> None:
    wakes: list[Callable[[], None]] = []

    async def start(ctx: TaskContext[State]) -> TaskStatus[Any]:
        wakes.append(ctx.wake)
        return TaskStatus.running(State(), check_after=LONG)

    async with world.engine(Scripted(start=[start])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await until(embedded, ran)
            wakes[0]()
            await task
        wakes[0]()  # dead after the attempt, and harmless


async def ran(embedded: Any) -> bool:
    view = await embedded.admin.view((await embedded.admin.find("x1")).id)
    return any(attempt.phase == "RUNNING" for node in view.walk() for attempt in node.attempts)


async def test_news_during_a_call_is_not_lost(world: World) -> None:
    async def check(ctx: TaskContext[State]) -> TaskStatus[Any]:
        ctx.wake()
        return TaskStatus.running(State(1), check_after=LONG)

    executor = Scripted(check=[check, DONE])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED


async def test_type_of_a_stranger_runs_user_code_in_a_worker(world: World) -> None:
    async with world.engine(Shouting()) as embedded:
        prepared = programs.load(str(LOUD), "loud").prepare(await embedded.task_types(()))
        new = msgspec.structs.replace(prepared, given={"x": literals.integer(20)})
        execution = (await embedded.admin.create_execution(new)).id
        await drive(embedded, execution)
        record = await embedded.admin.get(execution)
    assert outputs_of(record) == {"o0": 21}


async def test_phase_that_goes_back_stays_and_is_noted(world: World) -> None:
    executor = Scripted(check=[TaskStatus.queued(State(1), check_after=timedelta(0)), RUNNING, DONE])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        await drive(embedded, execution)
        view = await embedded.admin.view(execution)
    notes = [one.message for one in view.history if one.attempt == 0]
    assert any("went back from RUNNING to QUEUED" in note for note in notes)
    assert all(one.phase != "QUEUED" for one in view.history if one.attempt == 0)
