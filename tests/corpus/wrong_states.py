"""Executors whose state does not survive, or is not what they take it for."""

from typing import Any, ClassVar

import msgspec

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import TaskStatus
from elevon.testing import Promise
from tests.corpus.right import Context, Job, JobOf, JobScenario, Status


class CountingState(msgspec.Struct):
    job: str
    checks: int = 0


class MutatesItsState(JobOf[CountingState]):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(CountingState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        ctx.state.checks += 1
        return self.status(await self.service.get(ctx.state.job), ctx.state)


class LooseState(msgspec.Struct):
    job: str
    cost: float = float("nan")


class KeepsWhatJsonLoses(JobOf[LooseState]):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(LooseState(await ctx.once("job", self.service.create, self.service.find)))


class LoggingState(msgspec.Struct, frozen=True):
    job: str
    log: list[str] = []


class KeepsItsLog(JobOf[LoggingState]):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(LoggingState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        log = [*ctx.state.log, "all is well, " * 20_000]
        return self.status(await self.service.get(ctx.state.job), msgspec.structs.replace(ctx.state, log=log))


class NewState(msgspec.Struct, frozen=True):
    job_id: str


class KeepsItsNewState(JobOf[NewState]):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(NewState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        return self.status(await self.service.get(ctx.state.job_id), ctx.state)


class ForgotToMigrate(JobOf[NewState]):
    state_version = 2

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(NewState(await ctx.once("job", self.service.create, self.service.find)))

    async def check_task_status(self, ctx: Context) -> Status:
        return self.status(await self.service.get(ctx.state.job_id), ctx.state)


class CheckMutatesItsState(JobScenario):
    made = MutatesItsState


class CheckKeepsWhatJsonLoses(JobScenario):
    made = KeepsWhatJsonLoses


class CheckKeepsItsLog(JobScenario):
    made = KeepsItsLog


class CheckForgotToMigrate(JobScenario):
    made = ForgotToMigrate
    old_states: ClassVar[dict[int, Any]] = {1: {"job": "job-1"}}


class CheckKeptItsVersion(JobScenario):
    """A layout that the release before can't read, under the same version."""

    made = KeepsItsNewState

    def previous_executor(self, service: Any) -> Job:
        return Job(service)


WRONG = {
    CheckKeptItsVersion: Promise.STATE,
    CheckMutatesItsState: Promise.CHECK,
    CheckKeepsWhatJsonLoses: Promise.STATE,
    CheckKeepsItsLog: Promise.STATE,
    CheckForgotToMigrate: Promise.STATE,
}
