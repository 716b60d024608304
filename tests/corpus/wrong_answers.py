"""Executors that answer wrongly, too slowly, or all the time."""

import time
from datetime import timedelta
from typing import Any

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.plugin import ExecutorProperties, TaskStatus
from elevon.testing import Promise, ServiceJob
from tests.corpus.right import OUTPUTS, Context, Job, JobScenario, Status


class SleepsWhenTheServiceIsDown(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        try:
            return await super().check_task_status(ctx)
        except ConnectionError:
            time.sleep(0.25)  # noqa: ASYNC251 - that is what is wrong
            raise


class GivesOutputsWhileItRuns(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        status = super().status(job, state)
        return msgspec.structs.replace(status, outputs=OUTPUTS)


class SucceedsWithoutOutputs(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        return TaskStatus.succeeded({}) if job.status == "succeeded" else super().status(job, state)


class GivesAnotherType(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        if job.status == "succeeded":
            return TaskStatus.succeeded({"o0": literals.integer(3)})
        return super().status(job, state)


class IsAskedAllTheTime(Job):
    properties = ExecutorProperties(check_after=timedelta(0))


class WakesItself(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        ctx.wake()
        return await super().check_task_status(ctx)


class FailsWithTheNetwork(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        try:
            return await super().check_task_status(ctx)
        except ConnectionError as error:
            return TaskStatus.permanent_failure(str(error))

    async def finalize_task(self, ctx: Context) -> None:
        await self.kill_task(ctx, "it has failed")


class DoesNotKnowAllStatuses(Job):
    def status(self, job: ServiceJob, state: Any) -> Status:
        tell = {"running": TaskStatus.running, "succeeded": lambda _: TaskStatus.succeeded(OUTPUTS)}
        return tell[job.status](state)


class WaitsForWhatIsLost(Job):
    async def check_task_status(self, ctx: Context) -> Status:
        try:
            return await super().check_task_status(ctx)
        except errors.NotFoundError:
            return TaskStatus.unknown()


class CheckSleepsWhenTheServiceIsDown(JobScenario):
    made = SleepsWhenTheServiceIsDown


class CheckGivesOutputsWhileItRuns(JobScenario):
    made = GivesOutputsWhileItRuns


class CheckSucceedsWithoutOutputs(JobScenario):
    made = SucceedsWithoutOutputs


class CheckGivesAnotherType(JobScenario):
    made = GivesAnotherType
    outputs = None


class CheckIsAskedAllTheTime(JobScenario):
    made = IsAskedAllTheTime


class CheckWakesItself(JobScenario):
    made = WakesItself


class CheckFailsWithTheNetwork(JobScenario):
    made = FailsWithTheNetwork


class CheckDoesNotKnowAllStatuses(JobScenario):
    made = DoesNotKnowAllStatuses


class CheckWaitsForWhatIsLost(JobScenario):
    made = WaitsForWhatIsLost


WRONG = {
    CheckSleepsWhenTheServiceIsDown: Promise.BLOCKING,
    CheckGivesOutputsWhileItRuns: Promise.OUTPUTS,
    CheckSucceedsWithoutOutputs: Promise.OUTPUTS,
    CheckGivesAnotherType: Promise.OUTPUTS,
    CheckIsAskedAllTheTime: Promise.WAKING,
    CheckWakesItself: Promise.WAKING,
    CheckFailsWithTheNetwork: Promise.ERRORS,
    CheckDoesNotKnowAllStatuses: Promise.ERRORS,
    CheckWaitsForWhatIsLost: Promise.ERRORS,
}
