"""An executor for host processes: it does what its configuration names, and notes every call in a file."""

import asyncio
import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralMap, TaskTemplate
from elevon.plugin import (
    Executor,
    ExecutorProperties,
    LauncherExecutor,
    SetupContext,
    TaskContext,
    TaskStatus,
)

SOON = timedelta(milliseconds=10)
LONG = timedelta(minutes=5)


class State(msgspec.Struct, frozen=True):
    """What a player keeps."""

    value: int = 0


class Script(msgspec.Struct, frozen=True):
    """What it plays: names of functions below, one for each call of a kind, the last one for ever.

    Attributes:
        folder: Where it takes notes.
    """

    folder: str = ""
    initialize: tuple[str, ...] = ("nothing",)
    start: tuple[str, ...] = ("running",)
    check: tuple[str, ...] = ("done",)
    kill: tuple[str, ...] = ("nothing",)
    finalize: tuple[str, ...] = ("nothing",)


class Player(Executor[None, State]):
    id: ClassVar[str] = "player"
    task_types: ClassVar[tuple[str, ...]] = ("scripted",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="process", check_after=SOON)
    config_type = Script

    async def initialize(self, setup: SetupContext[Script]) -> None:
        self.setup = setup
        await self._play("initialize", None)

    async def start_task(
        self, ctx: TaskContext[State], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[State]:
        return await self._play("start", ctx, may_have_happened=ctx.start_may_have_happened)

    async def check_task_status(self, ctx: TaskContext[State]) -> TaskStatus[State]:
        return await self._play("check", ctx)

    async def kill_task(self, ctx: TaskContext[State], reason: str) -> None:
        await self._play("kill", ctx)

    async def finalize_task(self, ctx: TaskContext[State]) -> None:
        await self._play("finalize", ctx)

    async def resolve_outputs(self, ctx: TaskContext[State], *names: str) -> Mapping[str, Literal]:
        return {name: literals.integer(7) for name in names}

    async def close(self) -> None:
        _note(self.setup.config.folder, "close")

    async def _play(self, kind: str, ctx: TaskContext[State] | None, **facts: Any) -> Any:
        config = self.setup.config
        if ctx is not None:
            state = ctx.custom_state
            facts |= {
                "node": ctx.task_execution_id.attempt.node_id,
                "attempt": ctx.attempt,
                "state": None if state is None else state.value,
            }
        count = sum(1 for note in notes(config.folder) if note["kind"] == kind)
        _note(config.folder, kind, **facts)
        names = getattr(config, kind)
        step = STEPS[names[min(count, len(names) - 1)]]
        return await step(ctx or self.setup)


class Impatient(Player):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="process", check_after=SOON, call_timeout=timedelta(milliseconds=200)
    )


class Neighbour(Player):
    """Another one, for other tasks."""

    id: ClassVar[str] = "neighbour"
    task_types: ClassVar[tuple[str, ...]] = ("other",)


class Shouting(LauncherExecutor[None]):
    """A stranger's type with user code."""

    id = "shouting"
    task_types = ("shouting",)
    properties = ExecutorProperties(uses_launcher=True, isolation="process")


def notes(folder: str | Path) -> list[dict[str, Any]]:
    """What was noted, in order."""
    path = Path(folder) / "notes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _note(folder: str, kind: str, **facts: Any) -> None:
    line = json.dumps({"kind": kind, "pid": os.getpid(), **facts}) + "\n"
    descriptor = os.open(Path(folder) / "notes.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


async def nothing(_ctx: Any) -> None:
    """Nothing to do."""


async def running(_ctx: Any) -> Any:
    return TaskStatus.running(State(1), check_after=SOON)


async def waiting(_ctx: Any) -> Any:
    return TaskStatus.running(State(1), check_after=LONG)


async def done(_ctx: Any) -> Any:
    return TaskStatus.succeeded({"o0": literals.integer(1)})


async def done_without_outputs(_ctx: Any) -> Any:
    return TaskStatus.succeeded()


async def fail(_ctx: Any) -> Any:
    raise ValueError("the service has no such queue")


async def panic(_ctx: Any) -> Any:
    raise SystemExit(3)


async def hang(_ctx: Any) -> Any:
    await asyncio.Event().wait()


async def ignore_cancellation(_ctx: Any) -> Any:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def block(_ctx: Any) -> Any:
    time.sleep(3600)  # noqa: ASYNC251 - the very fault


async def hold_the_gil(_ctx: Any) -> Any:
    return sum(range(10**12))


async def eat_memory(_ctx: Any) -> Any:
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * (8 << 20)))
        await asyncio.sleep(0.02)  # an engine that is slow to look must not cost the machine its memory


async def die(_ctx: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


async def crash(_ctx: Any) -> Any:
    print("the driver of the cluster is gone", file=sys.stderr)
    ctypes.string_at(0)


async def leave(_ctx: Any) -> Any:
    print("the licence has expired", file=sys.stderr)
    os._exit(3)


async def submit_once(ctx: Any) -> Any:
    async def submit(token: str) -> str:
        _note(ctx.setup.config.folder, "submitted", token=token)
        return token

    async def find(token: str) -> str:
        _note(ctx.setup.config.folder, "found", token=token)
        return token

    result = await ctx.once("job", submit, find)
    return TaskStatus.running(State(2), check_after=SOON, reason=result)


async def submit_and_die(ctx: Any) -> Any:
    async def submit(token: str) -> str:
        _note(ctx.setup.config.folder, "submitted", token=token)
        os._exit(3)

    await ctx.once("job", submit)


async def wake_later(ctx: Any) -> Any:
    asyncio.get_running_loop().call_later(0.02, ctx.wake)
    return TaskStatus.running(State(1), check_after=LONG)


async def use_everything(ctx: Any) -> Any:
    """Ask the engine for all that it gives."""
    setup = ctx.setup
    await setup.blobs.put(f"{setup.config.folder}/blob", b"content")
    blob = await setup.blobs.get(f"{setup.config.folder}/blob")
    secret = await setup.secrets.get("service", "password")
    setup.metrics.counter("jobs_seen", "jobs that were seen").add(3)
    inputs = await ctx.write_inputs()
    code = await ctx.write_code()
    allocation = await setup.pools.get("licences").allocate(ctx)
    await setup.pools.get("licences").release(ctx)
    _note(
        setup.config.folder,
        "used",
        blob=blob.decode(),
        secret_length=len(secret),
        inputs=inputs.read_bytes().hex(),
        code=None if code is None else code.read_bytes().hex(),
        allocation=str(allocation.status),
        state_dir=str(setup.state_dir),
        now=ctx.now.isoformat(),
        namespace=ctx.namespace,
    )
    return TaskStatus.running(State(1), check_after=SOON)


async def leave_if_first(ctx: Any) -> Any:
    """The first node ends the process, and the others are under way by then."""
    if ctx.task_execution_id.attempt.node_id == "n0":
        await asyncio.sleep(0.05)
        os._exit(3)
    await asyncio.sleep(0.1)
    return TaskStatus.running(State(1))


async def lossy_state(_ctx: Any) -> Any:
    return TaskStatus.running(State("three"))  # pyright: ignore[reportArgumentType]


async def odd_reason(_ctx: Any) -> Any:
    return TaskStatus.running(State(1), reason="file \udcff")


async def write_much(_ctx: Any) -> Any:
    print("x" * 5000)
    return TaskStatus.running(State(1))


async def speak(_ctx: Any) -> Any:
    logging.getLogger("player.voice").warning("the queue is %s", "long")
    print("the queue is printed")
    return TaskStatus.running(State(1), check_after=SOON)


async def start_child(ctx: Any) -> Any:
    """Leave a process behind, in the group of the host."""
    child = subprocess.Popen(["sleep", "600"])  # noqa: ASYNC220, S607
    _note(ctx.setup.config.folder, "child", child=child.pid)
    await asyncio.Event().wait()


STEPS = {
    name: step
    for name, step in list(globals().items())
    if asyncio.iscoroutinefunction(step) and not name.startswith("_")
}
