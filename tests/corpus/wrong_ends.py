"""Executors that leave something over when an attempt ends."""

from typing import Any

from elevon.plugin import TaskStatus
from elevon.records.phases import AttemptPhase
from elevon.testing import Promise, ServiceJob
from tests.corpus.right import OUTPUTS, Context, Job, JobScenario, StagingJob, StagingScenario, Status


class IgnoresKills(Job):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        return


class KillsWithAStateAlone(Job):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        await self.service.delete(ctx.state.job)


class ForgetsWhatNoStateTells(Job):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        if ctx.custom_state is not None:
            await self.service.delete(ctx.custom_state.job)


class KillsOnce(Job):
    async def kill_task(self, ctx: Context, reason: str) -> None:
        for intent in ctx.intents.values():
            job = await self.service.find(intent.token)
            if job is not None:
                standing = await self.service.get(job)
                if standing.status == "deleted":
                    raise RuntimeError(f"{job} was deleted already")
                await self.service.delete(job)


class FinalizesSuccessesAlone(StagingJob):
    async def finalize_task(self, ctx: Context) -> None:
        await self.service.remove_file(ctx.state.job and ctx.task_execution_id.generated_name)


class FinalizesOnce(StagingJob):
    async def finalize_task(self, ctx: Context) -> None:
        name = ctx.task_execution_id.generated_name
        if name not in {thing.token.removeprefix("file ") for thing in self.service.files.values()}:
            raise FileNotFoundError(name)
        await self.service.remove_file(name)


class FinalizesNothing(StagingJob):
    async def finalize_task(self, ctx: Context) -> None:
        if ctx.phase is AttemptPhase.SUCCEEDED:
            await super().finalize_task(ctx)


class SucceedsTooEarly(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        return TaskStatus.succeeded(OUTPUTS) if job.status == "running" else super().status(job, state)


class CheckIgnoresKills(JobScenario):
    made = IgnoresKills


class CheckKillsWithAStateAlone(JobScenario):
    made = KillsWithAStateAlone


class CheckForgetsWhatNoStateTells(JobScenario):
    made = ForgetsWhatNoStateTells


class CheckKillsOnce(JobScenario):
    made = KillsOnce


class CheckFinalizesSuccessesAlone(StagingScenario):
    made = FinalizesSuccessesAlone


class CheckFinalizesOnce(StagingScenario):
    made = FinalizesOnce


class CheckFinalizesNothing(StagingScenario):
    made = FinalizesNothing


class CheckSucceedsTooEarly(JobScenario):
    made = SucceedsTooEarly


WRONG = {
    CheckIgnoresKills: Promise.KILL,
    CheckKillsWithAStateAlone: Promise.KILL,
    CheckForgetsWhatNoStateTells: Promise.KILL,
    CheckKillsOnce: Promise.KILL,
    CheckFinalizesSuccessesAlone: Promise.FINALIZE,
    CheckFinalizesOnce: Promise.FINALIZE,
    CheckFinalizesNothing: Promise.FINALIZE,
    CheckSucceedsTooEarly: Promise.FINALIZE,
}
