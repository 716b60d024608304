"""An engine of elevon with thousands of http-job executions in flight, against the real service in its own process.

It owns W6: what the engine costs while nothing changes, how old news is when it is durable, and whether any is lost.

Usage: python -m bench.runners.elevon_jobs HOME
"""

import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.runners import requests
from elevon import app, workflow
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.sdk import serialization
from http_job.executor import HttpJobExecutor
from http_job.http_job_pb2 import Outcome
from http_job.server.ledgers import What
from http_job.server.processes import ServiceProcess
from http_job.task import HttpJobTask

_AT_ONCE = 200
_NEWS_COUNT = 100
_NEWS_INTERVAL_S = 0.1
_SETTLING_S = 12.0  # a little more than a resync period
job = HttpJobTask("job", outcome=Outcome.RUN_FOR_EVER)


@workflow
def waiting() -> int:
    """One job, which ends when the service is told to end it."""
    return job(1)


class Fleet:
    """Many executions of one engine, one job each.

    Args:
        engine: The engine.

    Attributes:
        job_ids: The job of each, once it was seen running.
        ended_at: When the success of each was durable, in seconds since 1970.
        change_count: Records that were written.
    """

    def __init__(self, engine: app.Embedded) -> None:
        self.job_ids: dict[ExecutionId, str] = {}
        self.ended_at: dict[ExecutionId, float] = {}
        self.change_count = 0
        self._engine = engine
        self._driven: asyncio.Task[Any] | None = None
        self._news = asyncio.Event()
        engine.engine.observe(self._note)

    async def begin(self, count: int) -> None:
        """Have so many running."""
        serialized = serialization.serialize(waiting, project="default", domain="development", version="1")
        closure = programs.compile_serialized(serialized, None)
        new = NewExecution(closure=closure, parameters=serialized.parameters)
        ids: list[ExecutionId] = []
        for first in range(0, count, _AT_ONCE):
            names = [f"x{number}" for number in range(first, min(first + _AT_ONCE, count))]
            ids += [
                record.id for record in await asyncio.gather(*(self._create(new, name) for name in names))
            ]
        self._driven = asyncio.create_task(self._engine.engine.drive(*ids))
        await self.until(lambda: len(self.job_ids) == count)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that changes bring about."""
        while not condition():
            if self._driven is not None and self._driven.done():
                self._driven.result()
                raise SystemExit("the engine has ended too early")
            self._news.clear()
            await self._news.wait()

    async def end(self) -> None:
        """Wait until all have ended."""
        if self._driven is not None:
            await self._driven

    async def _create(self, new: NewExecution, name: str) -> ExecutionRecord:
        return await self._engine.admin.create_execution(msgspec.structs.replace(new, name=name))

    def _note(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        self.change_count += len(changes)
        for change in changes:
            if isinstance(change, AttemptRecord) and change.phase is AttemptPhase.RUNNING:
                self.job_ids[execution] = msgspec.json.decode(change.custom_state or b"{}")["meta"]
            elif isinstance(change, ExecutionRecord) and change.phase is ExecutionPhase.SUCCEEDED:
                self.ended_at[execution] = time.time()
        self._news.set()


async def measure(fleet: Fleet, service: ServiceProcess, count: int, idle_s: float) -> dict[str, Any]:
    """Begin, be idle, bring some news, end."""
    begun_at, cpu_before = time.perf_counter(), time.process_time()
    await fleet.begin(count)
    begin_s, begin_cpu_s = time.perf_counter() - begun_at, time.process_time() - cpu_before
    await asyncio.sleep(_SETTLING_S)
    begun_at, cpu_before, changes = time.perf_counter(), time.process_time(), fleet.change_count
    await asyncio.sleep(idle_s)
    core_share = (time.process_time() - cpu_before) / (time.perf_counter() - begun_at)
    changed = fleet.change_count - changes
    ages_s = await news(fleet, service, count)
    await asyncio.to_thread(service.finish)
    begun_at = time.perf_counter()
    await fleet.end()
    whats = Counter(entry.what for entry in service.entries())
    return {
        "begin_seconds": begin_s,
        "begin_cpu_seconds": begin_cpu_s,
        "core_share": core_share,
        "idle_changes": changed,
        "median_age_seconds": statistics.median(ages_s),
        "worst_age_seconds": max(ages_s),
        "end_seconds": time.perf_counter() - begun_at,
        "peak_bytes": requests.peak_bytes(),
        "lost": count - len(fleet.ended_at),
        "is_exact": whats == {What.CREATED: count, What.FINISHED: count},
    }


async def news(fleet: Fleet, service: ServiceProcess, count: int) -> list[float]:
    """Finish jobs here and there, one after the other; how old each end was when it was durable, in seconds."""
    chosen = list(fleet.job_ids.values())[:: max(1, count // _NEWS_COUNT)]
    for job_id in chosen:
        await asyncio.to_thread(service.finish, job_id)
        await asyncio.sleep(_NEWS_INTERVAL_S)
    await fleet.until(lambda: len(fleet.ended_at) == len(chosen))
    finished_at = {entry.job_id: entry.at for entry in service.entries() if entry.what is What.FINISHED}
    return [at - finished_at[fleet.job_ids[execution]] for execution, at in fleet.ended_at.items()]


async def serve(home: Path) -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    with ServiceProcess(home / "ledger") as service:
        settings = app.Settings(
            workers=1,
            executors=(HttpJobExecutor(),),
            configuration={"http-job": {"base_url": service.url}},
        )
        async with app.embedded(app.Home(home), settings) as engine:
            while (asked := await asyncio.to_thread(requests.read)) is not None:
                fleet = Fleet(engine)
                requests.answer(pipe, **await measure(fleet, service, asked["count"], asked["idle_s"]))


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    asyncio.run(serve(Path(sys.argv[1])))
