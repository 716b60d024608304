"""The service itself: what its clients may rely on, and how it misbehaves on command."""

import asyncio

import aiohttp
import msgspec
import pytest

from http_job.clients import JobClient
from http_job.jobs import Job, JobOutcome, JobPhase, JobRequest, Page
from http_job.server.ledgers import What
from http_job.server.processes import ServiceProcess

ENDLESS = JobRequest(0, outcome=JobOutcome.RUN_FOR_EVER)


def whats(service: ServiceProcess) -> list[What]:
    return [entry.what for entry in service.entries()]


async def test_a_key_makes_one_job_however_often_it_is_sent(
    service: ServiceProcess, client: JobClient
) -> None:
    first, again = await client.create("k", ENDLESS), await client.create("k", ENDLESS)
    assert first == again == await client.find("k")
    assert whats(service) == [What.CREATED, What.REPEATED]


@pytest.mark.parametrize(
    ("outcome", "wanted"),
    [
        (JobOutcome.SUCCEED, Job("0", JobPhase.SUCCEEDED, value=7)),
        (JobOutcome.RUN_FOR_EVER, Job("0", JobPhase.RUNNING)),
        (
            JobOutcome.FAIL_FOR_NOW,
            Job("0", JobPhase.FAILED, error="the job with value 7 was asked to fail", is_mendable=True),
        ),
    ],
)
async def test_a_job_ends_as_it_was_asked_to(client: JobClient, outcome: JobOutcome, wanted: Job) -> None:
    await client.create("k", JobRequest(7, outcome=outcome))
    assert await client.get_many(["0", "ff"]) == [wanted]


async def test_a_job_is_deleted_once(service: ServiceProcess, client: JobClient) -> None:
    job = await client.create("k", ENDLESS)
    await client.delete(job.id)
    await client.delete(job.id)
    assert await client.get_many([job.id]) == [Job(job.id, JobPhase.DELETED)]
    assert whats(service) == [What.CREATED, What.DELETED]


async def test_a_job_succeeds_on_command_and_stays_so(service: ServiceProcess, client: JobClient) -> None:
    job = await client.create("k", ENDLESS)
    service.finish(job.id)
    service.finish()
    await client.delete(job.id)
    assert await client.get_many([job.id]) == [Job(job.id, JobPhase.SUCCEEDED, value=0)]
    assert whats(service) == [What.CREATED, What.FINISHED]


async def test_no_job_is_made_under_a_key_that_was_deleted(
    service: ServiceProcess, client: JobClient
) -> None:
    await client.refuse("k")
    with pytest.raises(aiohttp.ClientResponseError) as caught:
        await client.create("k", ENDLESS)
    assert caught.value.status == 410
    assert whats(service) == [What.REFUSED]


async def test_jobs_are_listed_by_pages(service: ServiceProcess, client: JobClient) -> None:
    made = [(await client.create(f"k{number}", ENDLESS)).id for number in range(5)]
    seen: list[str] = []
    after, pages = "", 0
    async with aiohttp.ClientSession() as session:
        while pages == 0 or after:
            async with session.get(f"{service.url}/jobs?limit=2&after={after}") as response:
                page = msgspec.json.decode(await response.read(), type=Page)
            after, pages = page.next_after, pages + 1
            seen += [job.id for job in page.jobs]
    assert (seen, pages) == (made, 3)


async def test_five_hundred_jobs_are_asked_for_in_one_call(client: JobClient) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(500):
            group.create_task(client.create(f"k{number}", ENDLESS))
    assert len(await client.get_many([f"{number:x}" for number in range(500)])) == 500
    with pytest.raises(aiohttp.ClientResponseError, match="400"):
        await client.get_many([f"{number:x}" for number in range(501)])


async def test_a_killed_service_knows_its_jobs_when_it_is_back(
    service: ServiceProcess, client: JobClient
) -> None:
    running = await client.create("running", ENDLESS)
    deleted = await client.create("deleted", ENDLESS)
    await client.delete(deleted.id)
    await client.refuse("refused")
    service.kill()
    service.restart()
    assert await client.find("running") == running
    assert await client.get_many([deleted.id]) == [Job(deleted.id, JobPhase.DELETED)]
    with pytest.raises(aiohttp.ClientResponseError, match="410"):
        await client.create("refused", ENDLESS)
    assert (await client.create("next", ENDLESS)).id not in (running.id, deleted.id)


async def test_a_refused_create_makes_nothing_and_a_lost_one_makes_a_job(
    service: ServiceProcess, client: JobClient
) -> None:
    service.misbehave(refused_creates=1)
    with pytest.raises(aiohttp.ClientResponseError, match="500"):
        await client.create("k", ENDLESS)
    assert await client.find("k") is None
    service.misbehave(lost_creates=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.create("k", ENDLESS)
    assert await client.find("k") == await client.create("k", ENDLESS)


async def test_too_many_requests_are_told_when_to_come_again(
    service: ServiceProcess, client: JobClient
) -> None:
    service.misbehave(requests_per_s=1.0)
    await client.find("k")
    with pytest.raises(aiohttp.ClientResponseError) as caught:
        await client.find("k")
    assert caught.value.status == 429
    assert caught.value.headers is not None
    assert caught.value.headers["Retry-After"] == "1"


async def test_a_service_that_is_down_says_so_and_forgets_on_command(
    service: ServiceProcess, client: JobClient
) -> None:
    job = await client.create("k", ENDLESS)
    service.misbehave(is_down=True)
    with pytest.raises(aiohttp.ClientResponseError, match="503"):
        await client.find("k")
    service.misbehave(forgets=(job.id,))
    assert await client.find("k") is None
    assert await client.get_many([job.id]) == []
