"""`elevon plugin check elevon.testing.shipped.hive:HiveScenario`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from elevon.plugin.contexts import Json
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
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
