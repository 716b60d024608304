"""An executor that needs a token of a pool while its work runs."""

from datetime import timedelta
from typing import Any, ClassVar

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus
from tests.integration.engine.worlds import DONE, SOON

LATER = timedelta(hours=1)
"""Longer than any test: who is served before that was woken."""


class Queries(Executor[None, None]):
    """Takes a token of the pool `queries`, and runs until a test ends it.

    Args:
        again_after: When one that has to wait asks again, if nobody wakes it.
        is_short: Whether everything ends by itself.

    Attributes:
        refused: Who was told to wait, in order, each time.
        begun: Whom a token was granted, as `execution/node#attempt`, in order.
        running: Who runs now.
        most: How many ran at once at most.
    """

    id: ClassVar[str] = "queries"
    task_types: ClassVar[tuple[str, ...]] = ("scripted",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="engine", check_after=SOON)

    def __init__(self, again_after: timedelta = LATER, *, is_short: bool = False) -> None:
        self._again_after = again_after
        self._is_short = is_short
        self._answers: dict[str, TaskStatus[Any]] = {}
        self.refused: list[str] = []
        self.begun: list[str] = []
        self.running: set[str] = set()
        self.most = 0

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[None]:
        allocation = await ctx.setup.pools.get("queries").allocate(ctx)
        if not allocation.is_granted:
            self.refused.append(_name(ctx))
            return TaskStatus.not_ready(reason=allocation.reason, check_after=self._again_after)
        self.begun.append(_name(ctx))
        self.running.add(_name(ctx))
        self.most = max(self.most, len(self.running))
        return TaskStatus.running()

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        answer = DONE if self._is_short else self._answers.get(_name(ctx), TaskStatus.running())
        if answer.phase is not None and answer.phase.is_terminal:
            self.running.discard(_name(ctx))
        return answer

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        self.running.discard(_name(ctx))

    def end(self, name: str, status: TaskStatus[Any] = DONE) -> None:
        """Let one end."""
        self._answers[name] = status


class ThreadedQueries(Queries):
    """The same on a loop of its own."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="thread", check_after=SOON)


def _name(ctx: TaskContext[None]) -> str:
    attempt = ctx.task_execution_id.attempt
    return f"{attempt.execution.name}/{attempt.node_id}#{attempt.attempt}"
