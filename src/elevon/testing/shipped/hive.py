"""`elevon plugin check elevon.testing.shipped.hive:HiveScenario`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from elevon.idl.hive_jobs import HiveQuery, HiveQueryCollection, QuboleHiveJob
from elevon.idl.messages import TaskTemplate
from elevon.plugin.contexts import Json
from elevon.records.phases import AttemptPhase
from elevon.sdk.tasks import Task
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
from elevon.tasktypes.hive.executor import HiveExecutor
from elevon.tasktypes.hive.task import HiveTask
from elevon.testing.scenarios import Scenario
from elevon.testing.services import FakeService

_PHASES = {
    "queued": QueryPhase.QUEUED,
    "running": QueryPhase.RUNNING,
    "succeeded": QueryPhase.SUCCEEDED,
    "failed": QueryPhase.FAILED,
    "deleted": QueryPhase.CANCELLED,
}


class QueryService(FakeService):
    """A service that runs nothing; a second request under one token makes a second query."""

    def __init__(self, takes: timedelta = timedelta(seconds=30), ends_as: str = "succeeded") -> None:
        super().__init__(takes, ends_as)
        self.repeatable = frozenset({"find", "look", "delete"})

    async def look(self, ids: Sequence[str]) -> list[str | None]:
        """Where queries stand."""
        known = {job.id: job.status for job in await self.list()}
        return [known.get(one) for one in ids]


class FakeBackend(HiveBackend):
    """The backend of that service.

    Args:
        service: Has the coroutines of a `QueryService`.
    """

    name = "embedded"

    def __init__(self, service: Any) -> None:
        self._service = service

    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        return await self._service.create(token, text=query.text)

    async def find(self, token: str, prepared: Json) -> Json:
        return await self._service.find(token)

    async def statuses(self, handles: Sequence[Json]) -> Sequence[QueryStatus | None]:
        found: list[str | None] = await self._service.look(list(handles))
        return [
            QueryStatus(phase=_PHASES[status], link=f"fake://{handle}") if status else None
            for handle, status in zip(handles, found, strict=True)
        ]

    async def cancel(self, handle: Json) -> None:
        await self._service.delete(handle)


class HiveScenario(Scenario):
    """One query of half a minute."""

    task: ClassVar[Task[..., Any] | TaskTemplate] = HiveTask("query", "SELECT 1", tags=["checked"])

    def service(self) -> QueryService:
        return QueryService()

    def executor(self, service: Any) -> HiveExecutor:
        return HiveExecutor(FakeBackend(service))


class CollectionScenario(HiveScenario):
    """Three queries of one task, as older SDKs wrote them."""

    task = Task(
        "queries",
        task_type="hive",
        message=QuboleHiveJob(
            query_collection=HiveQueryCollection(queries=[HiveQuery(query=f"SELECT {n}") for n in range(3)])
        ),
    )
    creation_count = 3


class PooledScenario(HiveScenario):
    """One query, with a token of a pool."""

    config: ClassVar[Mapping[str, Any]] = {"pool": "hive"}
    pools = ("hive",)


class RetriedScenario(HiveScenario):
    """A query that fails, and is tried twice."""

    task = Task(
        "retried",
        task_type="hive",
        message=QuboleHiveJob(query=HiveQuery(query="SELECT 1", retryCount=1)),
    )
    creation_count = 2
    ends_as = AttemptPhase.RETRYABLE_FAILED

    def service(self) -> QueryService:
        return QueryService(ends_as="failed")


class _OneFails(QueryService):
    """The first query ends at once, the second fails soon, and the third would take a day."""

    async def create(self, token: str, **spec: Any) -> str:
        return self.make(token, _TAKES[spec["text"]], **spec).id

    async def look(self, ids: Sequence[str]) -> list[str | None]:
        failing = {thing.id for thing in self.things if thing.spec["text"] == "SELECT 1"}
        pairs = zip(ids, await super().look(ids), strict=True)
        return ["failed" if id_ in failing and status == "succeeded" else status for id_, status in pairs]


_TAKES = {"SELECT 0": timedelta(0), "SELECT 1": timedelta(seconds=9), "SELECT 2": timedelta(days=1)}


class HalfFailingScenario(CollectionScenario):
    """Three queries of one task; when one has failed, the others must not run on."""

    config: ClassVar[Mapping[str, Any]] = {"parallel_count": 2}
    ends_as = AttemptPhase.RETRYABLE_FAILED

    def service(self) -> QueryService:
        return _OneFails()
