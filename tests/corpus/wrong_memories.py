"""Executors that keep truth where a restart loses it."""

import functools
import os
from typing import Any, ClassVar

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import TaskStatus
from elevon.testing import FakeService, Promise
from tests.corpus.right import (
    Context,
    Job,
    JobOf,
    JobScenario,
    JobState,
    Status,
)

JOBS: dict[str, str] = {}


class RemembersInTheObject(JobOf[None]):
    def __init__(self, service: FakeService) -> None:
        super().__init__(service)
        self.jobs: dict[str, str] = {}

    def known(self) -> dict[str, str]:
        return self.jobs

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        name = ctx.task_execution_id.generated_name
        self.known()[name] = await ctx.once("job", self.service.create, self.service.find)
        return TaskStatus.queued()

    async def check_task_status(self, ctx: Context) -> Status:
        job = self.known()[ctx.task_execution_id.generated_name]
        return self.status(await self.service.get(job), None)


class RemembersInTheModule(RemembersInTheObject):
    def known(self) -> dict[str, str]:
        return JOBS


class RemembersInTheClass(RemembersInTheObject):
    shared: ClassVar[dict[str, str]] = {}

    def known(self) -> dict[str, str]:
        return self.shared


class RemembersInACache(RemembersInTheObject):
    def known(self) -> dict[str, str]:
        return cached_jobs()


class RemembersInTheEnvironment(RemembersInTheObject):
    """What no module holds survives a new module: only a new process has lost it."""

    def known(self) -> Any:
        return os.environ


@functools.lru_cache
def cached_jobs() -> dict[str, str]:
    return {}


class GuardsItsStartInMemory(Job):
    def __init__(self, service: FakeService) -> None:
        super().__init__(service)
        self.started: set[str] = set()

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        name = ctx.task_execution_id.generated_name
        job = await self.service.find(name) if name in self.started else None
        self.started.add(name)
        return TaskStatus.queued(JobState(job or await self.service.create(name)))

    async def kill_task(self, ctx: Context, reason: str) -> None:
        job = await self.service.find(ctx.task_execution_id.generated_name)
        if job is not None:
            await self.service.delete(job)


class CheckRemembersInTheObject(JobScenario):
    made = RemembersInTheObject


class CheckRemembersInTheModule(JobScenario):
    made = RemembersInTheModule


class CheckRemembersInTheClass(JobScenario):
    made = RemembersInTheClass


class CheckRemembersInACache(JobScenario):
    made = RemembersInACache


class CheckRemembersInTheEnvironment(JobScenario):
    made = RemembersInTheEnvironment


class CheckGuardsItsStartInMemory(JobScenario):
    made = GuardsItsStartInMemory


WRONG = {
    CheckRemembersInTheObject: Promise.SINGLETON,
    CheckRemembersInTheModule: Promise.SINGLETON,
    CheckRemembersInTheClass: Promise.SINGLETON,
    CheckRemembersInACache: Promise.SINGLETON,
    CheckGuardsItsStartInMemory: Promise.SINGLETON,
}
