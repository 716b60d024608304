"""The executor of every type whose work is the user code that its template holds.

It follows one job of `ctx.launcher` and keeps no state: the launcher knows the job by the attempt's generated name.
The shipped `python-task` and `container` are this class with names; a stranger's type may be so too.
"""

from datetime import timedelta
from typing import ClassVar, Generic, TypeVar

from elevon import errors, ports
from elevon.idl.messages import DynamicJobSpec, LiteralMap, TaskTemplate
from elevon.plugin.contexts import TaskContext
from elevon.plugin.executors import Executor
from elevon.plugin.statuses import DetailOptions, TaskStatus

M = TypeVar("M")
S = TypeVar("S")


class LauncherExecutor(Executor[M, None], Generic[M]):
    """Starts, polls and kills the job that the template describes.

    Attributes:
        grace: How long a start waits for the end of its job, so that a short one needs no check.
    """

    grace: ClassVar[timedelta] = timedelta(milliseconds=250)

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: M, inputs: LiteralMap
    ) -> TaskStatus[None]:
        """Start the job, or find it started by an earlier call."""
        return status_of_job(await ctx.launcher.start(grace=self.grace))

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        """Look at the job."""
        return status_of_job(await ctx.launcher.poll())

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        """End the job and everything it started."""
        await ctx.launcher.kill()


def status_of_job(job: ports.JobStatus, state: S | None = None) -> TaskStatus[S]:
    """What the standing of a job means for its attempt; a failure is retryable if it says that it is recoverable.

    Args:
        job: What `ctx.launcher` answered.
        state: The custom state to go with it.

    Raises:
        RetryableError: The system failed and not the job, which the next start or poll begins anew; the engine calls
            again after a while, and no retry of the user's is spent.
    """
    anew = DetailOptions(is_restarted=True) if job.is_restarted else DetailOptions()
    if job.result is None:
        follow = TaskStatus.running if job.is_started else TaskStatus.queued
        return follow(state, **anew)
    if job.result.futures is not None:
        return TaskStatus.expanded(DynamicJobSpec.FromString(job.result.futures), state, **anew)
    if job.result.failure is None:
        outputs = LiteralMap.FromString(job.result.outputs or b"").literals
        return TaskStatus.succeeded(outputs, state, **anew)
    if job.result.failure.is_system_fault:
        raise errors.RetryableError(job.result.failure.message)
    if job.result.failure.is_recoverable:
        return TaskStatus.retryable_failure(job.result.failure, state, **anew)
    return TaskStatus.permanent_failure(job.result.failure, state, **anew)
