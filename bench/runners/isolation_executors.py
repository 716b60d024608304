"""The executors of the workload `isolation`: one that behaves, in each isolation, and one that does not.

It must be a module of its own, because host processes import it.
"""

import asyncio
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any, ClassVar, Literal

import msgspec

from elevon.plugin import Executor, ExecutorProperties, SetupContext, TaskContext, TaskStatus

INTERVAL = timedelta(milliseconds=20)
Fault = Literal["none", "raise", "hang", "block", "gil", "memory"]


class Quiet(Executor[None, None]):
    """Runs for ever; notes how late each check comes after it was due."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="engine", check_after=INTERVAL)
    id: ClassVar[str] = "quiet-engine"
    task_types: ClassVar[tuple[str, ...]] = ("quiet-engine",)

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._due_at: dict[str, float] = defaultdict(time.perf_counter)

    async def start_task(
        self, ctx: TaskContext[None], template: Any, spec: None, inputs: Any
    ) -> TaskStatus[None]:
        return TaskStatus.running()

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        name = ctx.owner_id
        if name in self._due_at:
            self.delays.append(time.perf_counter() - self._due_at[name])
        self._due_at[name] = time.perf_counter() + INTERVAL.total_seconds()
        return TaskStatus.running()

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        pass


class QuietThread(Quiet):
    """The same in a thread."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="thread", check_after=INTERVAL)
    id: ClassVar[str] = "quiet-thread"
    task_types: ClassVar[tuple[str, ...]] = ("quiet-thread",)


class QuietProcess(Quiet):
    """The same in a process."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="process", check_after=INTERVAL)
    id: ClassVar[str] = "quiet-process"
    task_types: ClassVar[tuple[str, ...]] = ("quiet-process",)


class Misdeed(msgspec.Struct, frozen=True):
    """The configuration of whoever does not behave.

    Attributes:
        fault: What each of its checks does.
    """

    fault: Fault = "none"


class Loud(Quiet):
    """Does in each check what it is configured for; in a thread."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="thread", check_after=INTERVAL, call_timeout=timedelta(milliseconds=500)
    )
    id: ClassVar[str] = "loud"
    task_types: ClassVar[tuple[str, ...]] = ("loud",)
    config_type = Misdeed

    async def initialize(self, setup: SetupContext[Misdeed]) -> None:
        self._fault = setup.config.fault

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        match self._fault:
            case "raise":
                raise ValueError("the service is broken")
            case "hang":
                await asyncio.Event().wait()
            case "block":
                time.sleep(3600)  # noqa: ASYNC251 - the very fault
            case "gil":
                sum(range(10**12))
            case "memory":
                eaten: list[bytes] = []
                while True:
                    eaten.append(b"x" * (16 << 20))
                    await asyncio.sleep(0.002)
            case "none":
                pass
        return TaskStatus.running()


class LoudProcess(Loud):
    """The same in a process."""

    properties: ClassVar[ExecutorProperties] = msgspec.structs.replace(Loud.properties, isolation="process")
