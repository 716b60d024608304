"""Executors whose reports go back, or say what nobody records."""

from typing import Any

from elevon.plugin import TaskStatus
from elevon.records.attempts import LogLink
from elevon.records.phases import AttemptPhase
from elevon.testing import Promise, ServiceJob
from tests.corpus.right import Context, Job, JobScenario, Status


class GoesBack(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        job = await self.service.get(ctx.state.job)
        if job.status == "running":
            is_even = int(ctx.now.timestamp()) // 10 % 2 == 0
            return TaskStatus.running(ctx.state) if is_even else TaskStatus.initializing(ctx.state)
        return self.status(job, ctx.state)


class GoesBackWhenTheServiceIsDown(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        try:
            return await super().check_task_status(ctx)
        except ConnectionError:
            return TaskStatus.queued(ctx.state)


class CountsDown(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        if job.status == "running":
            return TaskStatus.running(state, phase_version=len(self.service.things) + 1)
        return super().status(job, state)

    async def check_task_status(self, ctx: Context) -> Status:
        if ctx.phase is AttemptPhase.RUNNING and ctx.phase_version:
            return TaskStatus.running(ctx.state)
        return await super().check_task_status(ctx)


class TellsMoreUnderTheSamePair(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        status = await super().check_task_status(ctx)
        if status.phase is not AttemptPhase.RUNNING:
            return status
        return TaskStatus.running(ctx.state, log_links=(LogLink("at", f"http://logs/{ctx.now.isoformat()}"),))


class CheckGoesBack(JobScenario):
    made = GoesBack


class CheckGoesBackWhenTheServiceIsDown(JobScenario):
    made = GoesBackWhenTheServiceIsDown


class CheckCountsDown(JobScenario):
    made = CountsDown


class CheckTellsMoreUnderTheSamePair(JobScenario):
    made = TellsMoreUnderTheSamePair


WRONG = {
    CheckGoesBack: Promise.PHASES,
    CheckGoesBackWhenTheServiceIsDown: Promise.PHASES,
    CheckCountsDown: Promise.PHASES,
    CheckTellsMoreUnderTheSamePair: Promise.PHASES,
}
