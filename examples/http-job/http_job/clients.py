"""A client of the service: one method a call, over a pool of connections.

It raises what aiohttp raises; what that means for a task is the executor's matter.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import aiohttp
import msgspec

from http_job.jobs import Job, JobRequest, Page

T = TypeVar("T")


class JobClient:
    """The service at one address.

    Args:
        base_url: Without a slash at its end.
        connection_limit: Connections at the same time.
        timeout_s: The most that a call may take, in seconds.
    """

    def __init__(self, base_url: str, connection_limit: int, timeout_s: float) -> None:
        self._url = base_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connection_limit),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            raise_for_status=True,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def create(self, key: str, wanted: JobRequest) -> Job:
        """Make a job, or find the one that was made under this key."""
        body, headers = msgspec.json.encode(wanted), {"Idempotency-Key": key}
        return await self._ask(Job, "POST", "/jobs", data=body, headers=headers)

    async def get_many(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of up to 500 jobs that there are."""
        page = await self._ask(Page, "GET", "/jobs", params={"ids": ",".join(job_ids)})
        return page.jobs

    async def find(self, key: str) -> Job | None:
        """The job of a key, if there is one."""
        try:
            return await self._ask(Job, "GET", f"/keys/{key}")
        except aiohttp.ClientResponseError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, job_id: str) -> None:
        """End a job."""
        async with self._session.delete(f"{self._url}/jobs/{job_id}"):
            pass

    async def refuse(self, key: str) -> None:
        """End the job of a key, and let none be made under it from now on."""
        async with self._session.delete(f"{self._url}/keys/{key}"):
            pass

    async def _ask(self, wanted: type[T], method: str, path: str, **options: Any) -> T:
        async with self._session.request(method, f"{self._url}{path}", **options) as response:
            return msgspec.json.decode(await response.read(), type=wanted)
