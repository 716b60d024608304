"""`python -m tests.storm.jobs.program HOME URL SEED COUNT`: one engine of the storm of jobs.

It creates the runs that are not there yet, asks for the end of those that are to be aborted, and drives all to theirs.
It may be killed at any instruction.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from elevon import app
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.idl import literals
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.identities import ExecutionId
from elevon.sdk import serialization
from http_job.executor import HttpJobExecutor
from tests.storm import aborts
from tests.storm.jobs import behaviours
from tests.storm.jobs.behaviours import Behaviour

RESYNC_S = 0.1
_PATIENT = Backoff(limit=1000)  # a service that is being restarted is no reason to give up


async def main(home: Path, url: str, runs: list[Behaviour]) -> None:
    settings = app.Settings(
        workers=1,
        executors=(HttpJobExecutor(),),
        configuration={"http-job": {"base_url": url, "resync_s": RESYNC_S, "check_s": 1.0}},
        backoff=_PATIENT,
    )
    async with app.embedded(app.Home(home), settings) as engine:
        there = {record.id: record for record in await engine.admin.list_executions()}
        for run in runs:
            if run.execution not in there:
                await engine.admin.create_execution(new(run))
        left = [
            run for run in runs if not (run.execution in there and there[run.execution].phase.is_terminal)
        ]
        async with asyncio.TaskGroup() as group:
            for run in left:
                if run.abort_after_s is not None:
                    group.create_task(abort_later(engine, run.execution, run.abort_after_s))
            if left:
                await engine.engine.drive(*(run.execution for run in left))


async def abort_later(engine: app.Embedded, execution: ExecutionId, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await aborts.abort(engine, execution)


def new(run: Behaviour) -> NewExecution:
    serialized = serialization.serialize(
        run.kind.workflow, project="default", domain="development", version="1"
    )
    made = NewExecution(
        closure=programs.compile_serialized(serialized, None), parameters=serialized.parameters
    )
    return msgspec.structs.replace(made, name=run.execution.name, given={"value": literals.integer(run.seed)})


if __name__ == "__main__":
    first = int(sys.argv[3])
    wanted = [behaviours.of_seed(seed) for seed in range(first, first + int(sys.argv[4]))]
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], wanted))
