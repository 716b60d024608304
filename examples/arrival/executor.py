"""The engine's side: one object serves every arrival that is waited for."""

from datetime import timedelta
from pathlib import Path

import msgspec

from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus


class ArrivalState(msgspec.Struct, frozen=True):
    """All that survives a restart of the engine."""

    path: str


class ArrivalExecutor(Executor[None, ArrivalState]):
    """Looks for the file every fifth of a second."""

    id = "file-arrival"
    task_types = ("file-arrival",)
    properties = ExecutorProperties(check_after=timedelta(seconds=0.2))

    async def start_task(
        self, ctx: TaskContext[ArrivalState], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[ArrivalState]:
        """The inputs are not seen again, so what is needed later goes into the state."""
        return self._look(ArrivalState(inputs.literals["path"].scalar.primitive.string_value))

    async def check_task_status(self, ctx: TaskContext[ArrivalState]) -> TaskStatus[ArrivalState]:
        """Look again."""
        return self._look(ctx.state)

    async def kill_task(self, ctx: TaskContext[ArrivalState], reason: str) -> None:
        """Nothing was started, so there is nothing to end."""

    def _look(self, state: ArrivalState) -> TaskStatus[ArrivalState]:
        if Path(state.path).exists():
            return TaskStatus.succeeded({"o0": literals.string(state.path)}, state)
        return TaskStatus.running(state)
