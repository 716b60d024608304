"""A home whose engines have a backend of hive, and the tasks that tests run there."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

from elevon import Directory, Task, app, workflow
from elevon.idl.hive_jobs import HiveQuery as Message
from elevon.idl.hive_jobs import HiveQueryCollection, QuboleHiveJob
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.tokens import PoolLimits
from elevon.tasktypes.hive.task import HiveQuery, HiveTask
from tests.integration.engine.worlds import World, drive, until
from tests.integration.hive.grounds import Ground

SLEEP = "SELECT reflect('java.lang.Thread', 'sleep', {}L) AS slept"
MINUTE, MOMENT = SLEEP.format(60_000), SLEEP.format(50)

selecting = HiveTask("selecting", "SELECT 7 AS number", outputs={"o0": Directory}, tags=["tests"])
endless = HiveTask("endless", MINUTE)
hurried = HiveTask("hurried", HiveQuery(MINUTE, timeout=timedelta(seconds=3)))
failing = HiveTask("failing", HiveQuery("SELECT assert_true(1 > 2) AS checked", retries=1))
misspelled = HiveTask("misspelled", "SELECT number\nFROMM nowhere GROUP BY")
missing = HiveTask("missing", "SELECT * FROM no_such_table_anywhere")


def collection(name: str, *texts: str) -> Task[..., Any]:
    """Several queries of one task, as older SDKs wrote them."""
    message = QuboleHiveJob(
        query_collection=HiveQueryCollection(queries=[Message(query=one) for one in texts])
    )
    return Task(name, task_type="hive", message=message)


several = collection("several", *[MOMENT] * 3)
half_failing = collection("half_failing", MINUTE, "SELECT assert_true(1 > 2) AS checked")


@workflow
def select_seven() -> Directory:
    return selecting()


@workflow
def patient() -> None:
    endless()


@workflow
def impatient() -> None:
    hurried()


@workflow
def doomed() -> None:
    failing()


@workflow
def garbled() -> None:
    misspelled()


@workflow
def lost() -> None:
    missing()


@workflow
def many() -> None:
    several()


@workflow
def mixed() -> None:
    half_failing()


class Rig:
    """One home.

    Args:
        path: Its directory.
        ground: The backend.
    """

    def __init__(self, path: Path, ground: Ground) -> None:
        self.world = World(path)
        self.ground = ground

    @contextlib.asynccontextmanager
    async def engine(self, **settings: Any) -> AsyncGenerator[app.Embedded]:
        """An engine of this home, with settings of hive on top of the ground's."""
        configuration = {"hive": {**self.ground.settings, **settings}}
        pools = {"queries": PoolLimits(limit=1)}
        async with self.world.engine(configuration=configuration, pools=pools, workers=4) as embedded:
            yield embedded

    async def run(self, flow: Any, **settings: Any) -> ExecutionRecord:
        """Run a workflow to its end."""
        async with self.engine(**settings) as embedded:
            execution = await self.world.create(embedded, flow)
            await drive(embedded, execution)
            return await embedded.admin.get(execution)

    def begun(self) -> list[str]:
        """The queries that were ever begun."""
        return list(self.ground.begun(self.world.home.path))

    def running(self) -> list[str]:
        """What of them runs."""
        return list(self.ground.running(self.world.home.path))

    async def until_begun(self, embedded: app.Embedded, execution: ExecutionId) -> None:
        """Return when a query of it runs, and the engine knows."""

        async def look(embedded: app.Embedded) -> bool:
            view = await embedded.admin.view(execution)
            phases = [attempt.phase for node in view.walk() for attempt in node.attempts]
            return bool(phases) and all(phase == "RUNNING" for phase in phases)

        await until(embedded, look)
        async with asyncio.timeout(45):
            while not self.begun():  # noqa: ASYNC110 - a process needs a moment from its start to its first line
                await asyncio.sleep(0.01)
