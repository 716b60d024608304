"""`http-job` in a real engine, against the real service: what goes wrong between them shows in neither."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import app, workflow
from elevon.plugin.descriptions import HostSettings
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.records.tokens import PoolLimits
from http_job.executor import HttpJobExecutor
from http_job.http_job_pb2 import Outcome
from http_job.server.ledgers import What
from http_job.server.processes import ServiceProcess
from http_job.task import HttpJobTask
from tests.integration.engine.worlds import World, drive, driving, outputs_of, until

HOST = HostSettings(name="jobs", tasktypes=("http_job.executor:HttpJobExecutor",))

quick = HttpJobTask("quick", timedelta(milliseconds=80))
endless = HttpJobTask("endless", outcome=Outcome.RUN_FOR_EVER)
hurried = HttpJobTask("hurried", outcome=Outcome.RUN_FOR_EVER, timeout=timedelta(milliseconds=300))
failing = HttpJobTask("failing", outcome=Outcome.FAIL)
flaky = HttpJobTask("flaky", outcome=Outcome.FAIL_FOR_NOW, retries=2)


@workflow
def single(value: int = 7) -> int:
    return quick(value)


@workflow
def several() -> int:
    jobs = [quick(value) for value in range(8)]
    return jobs[-1]


@workflow
def patient() -> int:
    return endless(1)


@workflow
def impatient() -> int:
    return hurried(1)


@workflow
def doomed() -> int:
    return failing(1)


@workflow
def stubborn() -> int:
    return flaky(1)


class Rig:
    """A home whose engines know the service; the executor runs in a thread, or in a host of the configuration."""

    def __init__(self, directory: Path, service: ServiceProcess, *, is_hosted: bool) -> None:
        self.world = World(directory)
        self.service = service
        self._is_hosted = is_hosted

    @asynccontextmanager
    async def engine(self, **config: Any) -> AsyncGenerator[app.Embedded]:
        wanted = {"base_url": self.service.url, "resync_s": 0.05, "check_s": 0.2, **config}
        pools = {"jobs": PoolLimits(limit=2)}
        configuration = {"http-job": wanted}
        async with self.world.engine(
            *([] if self._is_hosted else [HttpJobExecutor()]),
            hosts=(HOST,) if self._is_hosted else (),
            configuration=configuration,
            pools=pools,
        ) as embedded:
            yield embedded

    async def run(self, workflow: Any, **config: Any) -> ExecutionRecord:
        async with self.engine(**config) as embedded:
            execution = await self.world.create(embedded, workflow)
            await drive(embedded, execution)
            return await embedded.admin.get(execution)

    def count(self, what: What) -> int:
        return sum(entry.what is what for entry in self.service.entries())


@pytest.fixture(params=[False, True], ids=["thread", "process"])
def rig(tmp_path: Path, service: ServiceProcess, request: pytest.FixtureRequest) -> Rig:
    return Rig(tmp_path / "home", service, is_hosted=request.param)


def is_running(execution: ExecutionId) -> Callable[[app.Embedded], Any]:
    async def look(embedded: app.Embedded) -> bool:
        view = await embedded.admin.view(execution)
        phases = [attempt.phase for node in view.walk() for attempt in node.attempts]
        return bool(phases) and all(phase == "RUNNING" for phase in phases)

    return look


async def test_a_job_gives_its_value_back(rig: Rig) -> None:
    record = await rig.run(single)
    assert (record.phase, outputs_of(record)) == (ExecutionPhase.SUCCEEDED, {"o0": 7})
    assert [entry.what for entry in rig.service.entries()] == [What.CREATED]


async def test_a_failure_is_final_or_not_as_the_service_says(rig: Rig) -> None:
    record = await rig.run(doomed)
    assert record.phase is ExecutionPhase.FAILED
    assert "was asked to fail" in str(record.failure)
    assert rig.count(What.CREATED) == 1


async def test_each_retry_is_a_job_of_its_own(rig: Rig) -> None:
    record = await rig.run(stubborn)
    assert record.phase is ExecutionPhase.FAILED
    assert rig.count(What.CREATED) == 3


@pytest.mark.parametrize("faults", [{"refused_creates": 2}, {"lost_creates": 5}, {"latency_s": 0.05}])
async def test_creates_that_go_wrong_make_each_job_once(rig: Rig, faults: dict[str, Any]) -> None:
    rig.service.misbehave(**faults)
    record = await rig.run(several)
    assert (record.phase, outputs_of(record)) == (ExecutionPhase.SUCCEEDED, {"o0": 7})
    assert rig.count(What.CREATED) == 8


async def test_a_service_that_wants_fewer_requests_gets_fewer(rig: Rig) -> None:
    rig.service.misbehave(requests_per_s=10.0)
    record = await rig.run(several, resync_s=0.5)
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert rig.count(What.CREATED) == 8


async def test_no_more_jobs_run_than_the_pool_has_tokens(rig: Rig) -> None:
    record = await rig.run(several, pool="jobs")
    assert record.phase is ExecutionPhase.SUCCEEDED
    created_at = sorted(entry.at for entry in rig.service.entries())
    assert len(created_at) == 8
    assert all(later - earlier > 0.08 for earlier, later in zip(created_at, created_at[2:], strict=False))


async def test_an_abort_deletes_the_job(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, patient)
        async with driving(embedded, execution) as driven:
            await until(embedded, is_running(execution))
            await embedded.admin.abort(execution, by="a test", reason="enough")
            await driven
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert rig.count(What.DELETED) == 1


async def test_a_time_out_deletes_the_job(rig: Rig) -> None:
    record = await rig.run(impatient)
    assert record.phase is ExecutionPhase.FAILED
    assert rig.count(What.DELETED) == 1


async def test_a_job_that_the_service_has_forgotten_is_lost(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, patient)
        async with driving(embedded, execution) as driven:
            await until(embedded, is_running(execution))
            rig.service.misbehave(forgets=("0",))
            await driven
        record = await embedded.admin.get(execution)
    assert "the service has not known '0'" in str(record.failure)


async def test_a_service_that_is_killed_and_restarted_costs_nothing(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, patient)
        async with driving(embedded, execution) as driven:
            await until(embedded, is_running(execution))
            rig.service.kill()
            await asyncio.to_thread(rig.service.restart)
            await embedded.admin.abort(execution, by="a test", reason="enough")
            await driven
    assert [entry.what for entry in rig.service.entries()] == [What.CREATED, What.DELETED]


async def test_an_engine_that_is_lost_is_replaced_without_a_second_job(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, patient)
        async with driving(embedded, execution):
            await until(embedded, is_running(execution))
    async with rig.engine() as embedded, driving(embedded, execution) as driven:
        await embedded.admin.abort(execution, by="a test", reason="enough")
        await driven
    assert [entry.what for entry in rig.service.entries()] == [What.CREATED, What.DELETED]
