"""The engine's side of `sleep`: one executor object serves every sleep of the engine."""

from datetime import datetime, timedelta

import msgspec

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus
from elevon.tasktypes.sleep.sleep_pb2 import SleepJob


class SleepState(msgspec.Struct, frozen=True):
    """All that survives a restart of the engine: when the sleep ends."""

    wake_at: datetime


class SleepExecutor(Executor[SleepJob, SleepState]):
    """Sleeps without a process: the state says when to wake, the engine says when to look."""

    id = "sleep"
    task_types = ("sleep",)
    properties = ExecutorProperties(isolation="engine")

    async def start_task(
        self, ctx: TaskContext[SleepState], template: TaskTemplate, spec: SleepJob, inputs: LiteralMap
    ) -> TaskStatus[SleepState]:
        """Set the alarm; the message is not seen again, so what it says goes into the state."""
        return self._until(ctx.now + spec.duration.ToTimedelta(), ctx.now)

    async def check_task_status(self, ctx: TaskContext[SleepState]) -> TaskStatus[SleepState]:
        """Look at the clock."""
        return self._until(ctx.state.wake_at, ctx.now)

    async def kill_task(self, ctx: TaskContext[SleepState], reason: str) -> None:
        """Nothing runs anywhere, so there is nothing to end."""

    def _until(self, wake_at: datetime, now: datetime) -> TaskStatus[SleepState]:
        if wake_at - now <= timedelta(0):
            return TaskStatus.succeeded(outputs={})
        return TaskStatus.running(SleepState(wake_at), check_after=wake_at - now)
