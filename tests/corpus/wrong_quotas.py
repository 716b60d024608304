"""Executors that take more of a quota than is theirs."""

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import TaskStatus
from elevon.testing import Promise
from tests.corpus.right import Context, JobState, QuotaJob, QuotaScenario, Status


class BeginsWithoutAToken(QuotaJob):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        await ctx.setup.pools.get("jobs").allocate(ctx)
        return TaskStatus.queued(JobState(await ctx.once("job", self.service.create, self.service.find)))


class GivesItsTokenBackTooEarly(QuotaJob):
    async def check_task_status(self, ctx: Context) -> Status:
        status = await super().check_task_status(ctx)
        await ctx.setup.pools.get("jobs").release(ctx)
        return status


class LeaksAToken(QuotaJob):
    async def start_task(
        self, ctx: Context, template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Status:
        key = "again" if ctx.start_may_have_happened else ""
        allocation = await ctx.setup.pools.get("jobs").allocate(ctx, key)
        if not allocation.is_granted:
            return TaskStatus.not_ready(reason=allocation.reason)
        return TaskStatus.queued(JobState(await ctx.once("job", self.service.create, self.service.find)))


class CheckBeginsWithoutAToken(QuotaScenario):
    made = BeginsWithoutAToken


class CheckGivesItsTokenBackTooEarly(QuotaScenario):
    made = GivesItsTokenBackTooEarly


class CheckLeaksAToken(QuotaScenario):
    made = LeaksAToken


WRONG = {
    CheckBeginsWithoutAToken: Promise.POOLS,
    CheckGivesItsTokenBackTooEarly: Promise.POOLS,
    CheckLeaksAToken: Promise.POOLS,
}
