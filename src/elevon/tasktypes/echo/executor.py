"""The engine's side of `echo`."""

from elevon import errors
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus


class EchoExecutor(Executor[None, None]):
    """Succeeds in its start, so nothing is left to check or to kill."""

    id = "echo"
    task_types = ("echo",)
    properties = ExecutorProperties(isolation="engine")

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[None]:
        """Give the inputs back under their names, as far as the interface has outputs of those names."""
        wanted = template.interface.outputs.variables
        return TaskStatus.succeeded(
            {name: inputs.literals[name] for name in wanted if name in inputs.literals}
        )

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        """Never called."""
        raise errors.BugError("an echo ends in its start: there is nothing to check")

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        """Nothing runs anywhere."""
