"""The engine's side of `http-job`: what its jobs mean; the base knows how to make, poll and end them safely."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp

from elevon.idl import literals
from elevon.plugin import SetupContext, TaskStatus
from elevon.plugin.transports import TransportError, classify, parse_retry_after
from elevon.plugin.webapi import Submission, WebApiConfig, WebApiExecutor
from http_job.clients import JobClient
from http_job.http_job_pb2 import HttpJob, Outcome
from http_job.jobs import Job, JobOutcome, JobPhase, JobRequest

_OUTCOMES = {
    Outcome.SUCCEED: JobOutcome.SUCCEED,
    Outcome.FAIL: JobOutcome.FAIL,
    Outcome.FAIL_FOR_NOW: JobOutcome.FAIL_FOR_NOW,
    Outcome.RUN_FOR_EVER: JobOutcome.RUN_FOR_EVER,
}


class HttpJobConfig(WebApiConfig, frozen=True, kw_only=True):
    """The table `[executors.http-job]` of elevon.toml.

    Attributes:
        base_url: Where the service is.
    """

    base_url: str = "http://127.0.0.1:8090"
    resync_s: float = 10.0


class HttpJobExecutor(WebApiExecutor[HttpJob, str, Job]):
    """Has a job made for each attempt; the job's id is all that is kept of it.

    Args:
        client: Of the service; None for one that goes to the configured address.
    """

    id = "http-job"
    task_types = ("http-job",)
    config_type = HttpJobConfig

    def __init__(self, client: Any = None) -> None:
        self._client = client

    async def initialize(self, setup: SetupContext[HttpJobConfig]) -> None:
        """Open the connections."""
        if self._client is None:
            config = setup.config
            self._client = JobClient(config.base_url, config.calls + config.workers, config.call_s)
        await super().initialize(setup)

    async def close(self) -> None:
        """Close the connections."""
        await super().close()
        if isinstance(self._client, JobClient):
            await self._client.close()

    async def create(self, submission: Submission[HttpJob], token: str) -> str:
        """Make the job, or find the one that was made under this token."""
        spec = submission.spec
        wanted = JobRequest(
            value=submission.inputs.literals["value"].scalar.primitive.integer,
            duration_s=spec.duration.ToTimedelta().total_seconds(),
            outcome=_OUTCOMES[spec.outcome],
        )
        return (await self._client.create(token, wanted)).id

    async def find(self, token: str) -> str | None:
        """The job of a token."""
        job = await self._client.find(token)
        return None if job is None else job.id

    async def cancel(self, token: str) -> None:
        """The service can refuse a token, so a request that is still on its way makes nothing either."""
        await self._client.refuse(token)

    async def get_many(self, metas: Sequence[str]) -> Sequence[Job | None]:
        """One page of jobs."""
        found = {job.id: job for job in await self._client.get_many(metas)}
        return [found.get(meta) for meta in metas]

    async def delete(self, meta: str) -> None:
        """End the job."""
        await self._client.delete(meta)

    def status(self, resource: Job) -> TaskStatus[Any]:
        """What the job means."""
        match resource.phase:
            case JobPhase.QUEUED:
                return TaskStatus.queued()
            case JobPhase.RUNNING:
                return TaskStatus.running()
            case JobPhase.SUCCEEDED:
                return TaskStatus.succeeded({"o0": literals.integer(resource.value or 0)})
            case JobPhase.FAILED if resource.is_mendable:
                return TaskStatus.retryable_failure(resource.error)
            case JobPhase.FAILED:
                return TaskStatus.permanent_failure(resource.error)
            case JobPhase.DELETED:
                return TaskStatus.permanent_failure(f"somebody deleted the job {resource.id}")

    def transport_error(self, error: Exception) -> TransportError | None:
        """What aiohttp raises."""
        if isinstance(error, aiohttp.ClientResponseError):
            header = error.headers.get("Retry-After") if error.headers else None
            retry_after = parse_retry_after(header, datetime.now(UTC))
            return TransportError(error.message, status=error.status, retry_after=retry_after)
        if isinstance(error, aiohttp.ClientError):
            return TransportError(str(error) or type(error).__name__)
        return classify(error)
