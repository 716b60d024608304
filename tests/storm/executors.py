"""Two custom task types with a service outside the engine that remembers what was done to it, and forgives nothing.

`kiln` does everything through `once`; `press` looks by itself where a start may have happened. The service is a file
(`STORM_SERVICE`): it makes a second thing for a second request, and the judges find it.
"""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import msgspec

from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus
from elevon.primitives import failpoints
from tests.storm import ledgers

LATENCY_S = 0.02
STEP_COUNT = 3
"""So many checks see it running; with an input below zero all of them do."""


def _service() -> Path:
    return Path(os.environ["STORM_SERVICE"])


async def create(name: str) -> str:
    """Make the thing of that name, once more if it is there already; the answer takes its time."""
    ledgers.append(_service(), "create", name)
    failpoints.hit("service.after_create")
    await asyncio.sleep(LATENCY_S)
    return name


async def find(name: str) -> str | None:
    """The thing of that name, if there is one."""
    return next((name for line in ledgers.read(_service()) if line == ("create", name, line.pid)), None)


class State(msgspec.Struct, frozen=True):
    value: int
    name: str
    step: int = 0


class Kiln(Executor[None, State]):
    """Creates in its start and in its check, each through `once`."""

    id = "kiln"
    task_types = ("kiln",)
    properties = ExecutorProperties(check_after=timedelta(milliseconds=30))

    async def start_task(
        self, ctx: TaskContext[State], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[State]:
        name = await ctx.once("heat", create, find)
        return TaskStatus.running(State(inputs.literals["x"].scalar.primitive.integer, name))

    async def check_task_status(self, ctx: TaskContext[State]) -> TaskStatus[State]:
        state = msgspec.structs.replace(ctx.state, step=ctx.state.step + 1)
        if state.step < STEP_COUNT or state.value < 0:
            return TaskStatus.running(state, phase_version=state.step)
        await ctx.once("unload", create, find)
        return TaskStatus.succeeded({"o0": literals.integer(state.value + 1)}, state)

    async def kill_task(self, ctx: TaskContext[State], reason: str) -> None:
        ledgers.append(_service(), "kill", ctx.task_execution_id.generated_name)


class Press(Executor[None, State]):
    """Creates in its start under its generated name, and looks first where it must."""

    id = "press"
    task_types = ("press",)
    properties = ExecutorProperties(
        check_after=timedelta(milliseconds=30), requires_finalizer=True, isolation="engine"
    )

    async def start_task(
        self, ctx: TaskContext[State], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[State]:
        name = ctx.task_execution_id.generated_name
        if not (ctx.start_may_have_happened and await find(name)):
            await create(name)
        return TaskStatus.running(State(inputs.literals["x"].scalar.primitive.integer, name))

    async def check_task_status(self, ctx: TaskContext[State]) -> TaskStatus[State]:
        state = msgspec.structs.replace(ctx.state, step=ctx.state.step + 1)
        if state.step < STEP_COUNT or state.value < 0:
            return TaskStatus.running(state, phase_version=state.step)
        return TaskStatus.succeeded({"o0": literals.integer(-state.value)}, state)

    async def kill_task(self, ctx: TaskContext[State], reason: str) -> None:
        ledgers.append(_service(), "kill", ctx.task_execution_id.generated_name)

    async def finalize_task(self, ctx: TaskContext[State]) -> None:
        ledgers.append(_service(), "finalize", ctx.task_execution_id.generated_name)
