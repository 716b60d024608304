"""Executors that carry an effect out twice, or never dare to again."""

import uuid

from elevon import errors
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import TaskStatus
from elevon.testing import Promise
from tests.corpus.right import Context, Job, JobScenario, JobState, Status, TwoJobs, TwoJobsScenario


class StartsTwice(Job):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(JobState(await self.service.create(ctx.task_execution_id.generated_name)))

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for job in await self.service.list():
            await self.service.delete(job.id)


class SubmitsTwiceFromACheck(TwoJobs):
    async def second(self, ctx: Context) -> str:
        return await self.service.create(f"{ctx.task_execution_id.generated_name}-second")

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for job in await self.service.list():
            await self.service.delete(job.id)


class FindNeverFinds(Job):
    async def find(self, token: str) -> str | None:
        return next((job.id for job in await self.service.list() if job.id == token), None)

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(JobState(await ctx.once("job", self.service.create, self.find)))

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for job in await self.service.list():
            await self.service.delete(job.id)


class MakesTokensOfItsOwn(Job):
    async def create(self, _token: str) -> str:
        return await self.service.create(str(uuid.UUID(int=len(self.service.things))))

    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(JobState(await ctx.once("job", self.create, self.service.find)))

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for job in await self.service.list():
            await self.service.delete(job.id)


class SwallowsMayHaveHappened(Job):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        try:
            job = await ctx.once("job", self.service.create)
        except errors.MayHaveHappenedError:
            job = await self.service.create(ctx.task_execution_id.generated_name)
        return TaskStatus.queued(JobState(job))

    async def kill_task(self, ctx: Context, reason: str) -> None:
        for job in await self.service.list():
            await self.service.delete(job.id)


class HasNoFind(Job):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        return TaskStatus.queued(JobState(await ctx.once("job", self.service.create)))


class CheckStartsTwice(JobScenario):
    made = StartsTwice


class CheckSubmitsTwiceFromACheck(TwoJobsScenario):
    made = SubmitsTwiceFromACheck


class CheckFindNeverFinds(JobScenario):
    made = FindNeverFinds


class CheckMakesTokensOfItsOwn(JobScenario):
    made = MakesTokensOfItsOwn


class CheckSwallowsMayHaveHappened(JobScenario):
    made = SwallowsMayHaveHappened


class CheckHasNoFind(JobScenario):
    made = HasNoFind


WRONG = {
    CheckStartsTwice: Promise.START,
    CheckSubmitsTwiceFromACheck: Promise.ONCE,
    CheckFindNeverFinds: Promise.ONCE,
    CheckMakesTokensOfItsOwn: Promise.ONCE,
    CheckSwallowsMayHaveHappened: Promise.ONCE,
    CheckHasNoFind: Promise.ONCE,
}
