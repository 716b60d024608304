"""An executor whose attempts run until they are killed."""

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, TaskContext, TaskStatus


class Endless(Executor[None, None]):
    """Says that they run, whenever it is asked; who derives from it says for which types."""

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[None]:
        return TaskStatus.running()

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        return TaskStatus.running()

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        pass
