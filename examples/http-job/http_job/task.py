"""The author's side of `http-job`: what a workflow calls."""

from datetime import timedelta
from typing import Unpack

from elevon.sdk import settings, tasks
from http_job.http_job_pb2 import HttpJob, Outcome


class HttpJobTask(tasks.Task[[int], int]):
    """Has the service run a job that gives its value back: `job = HttpJobTask("job")`, and in a workflow `job(7)`."""

    task_type = "http-job"
    inputs = {"value": int}  # noqa: RUF012 - the SDK only reads it
    outputs = {"o0": int}  # noqa: RUF012

    def __init__(
        self,
        name: str,
        duration: timedelta = timedelta(0),
        outcome: "Outcome.ValueType" = Outcome.SUCCEED,
        **options: Unpack[settings.TaskOptions],
    ) -> None:
        """Declare a job.

        Args:
            name: Its name in the module that declares it.
            duration: How long it runs in the service.
            outcome: How it ends there.
            **options: Settings of any task.

        Raises:
            UserError: The duration is negative.
        """
        super().__init__(name, **options)
        if duration < timedelta(0):
            raise self.site.error(f"duration={duration} lies in the past: use a span of zero or more")
        self.duration = duration
        self.outcome = outcome

    def message(self) -> HttpJob:
        """What the executor must know."""
        job = HttpJob(outcome=self.outcome)
        job.duration.FromTimedelta(self.duration)
        return job
