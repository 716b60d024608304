"""What the conformance kit is told of `http-job`: `elevon plugin check http_job.scenario:HttpJobScenario`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from elevon.testing import FakeService, Scenario
from http_job.executor import HttpJobExecutor
from http_job.jobs import Job, JobPhase, JobRequest
from http_job.task import HttpJobTask


class MemoryService(FakeService):
    """The service in memory, with the calls of `JobClient`; a second request under one key makes a second job."""

    def __init__(self) -> None:
        super().__init__()
        self.repeatable = frozenset({"get_many", "find", "delete", "refuse"})

    async def create(self, key: str, wanted: JobRequest) -> Job:
        """Make a job."""
        return self._seen(self.make(key, timedelta(seconds=wanted.duration_s), value=wanted.value).id)

    async def get_many(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of these jobs that there are."""
        return [self._seen(job.id) for job in await self.list() if job.id in job_ids]

    async def find(self, key: str) -> Job | None:
        """The job of a key."""
        job_id = await super().find(key)
        return None if job_id is None else self._seen(job_id)

    async def refuse(self, key: str) -> None:
        """End the job of a key."""
        job_id = await super().find(key)
        if job_id is not None:
            await self.delete(job_id)

    def _seen(self, job_id: str) -> Job:
        thing = self.thing(job_id)
        if thing.is_running(self.clock.now()):
            return Job(job_id, JobPhase.RUNNING)
        if thing.deleted_at is not None:
            return Job(job_id, JobPhase.DELETED)
        return Job(job_id, JobPhase.SUCCEEDED, value=thing.spec["value"])


class HttpJobScenario(Scenario):
    """A job of half a minute."""

    task = HttpJobTask("job", timedelta(seconds=30))
    inputs = {"value": 7}  # noqa: RUF012 - the kit only reads it
    outputs = {"o0": 7}  # noqa: RUF012

    def service(self) -> MemoryService:
        """Stands for the service: in a run its calls are slow, fail, and are delivered twice."""
        return MemoryService()

    def executor(self, service: Any) -> HttpJobExecutor:
        """The executor, with the service as its client."""
        return HttpJobExecutor(service)
