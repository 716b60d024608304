"""The jobs that connectors have created, as far as this engine knows how they stand.

It owns asking about them, and what becomes of a service that does not answer. It is no truth: a job comes back from
custom state, and is asked about anew.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from elevon import errors
from elevon.idl import agents
from elevon.plugin import SetupContext
from elevon.plugin.caches import AutoRefreshCache, Item, SyncAction, SyncResponse
from elevon.tasktypes.connector import resources
from elevon.tasktypes.connector.routes import Category

if TYPE_CHECKING:  # gRPC takes long to import, and most engines have no connector
    from elevon.tasktypes.connector.clients import ConnectorClient
    from elevon.tasktypes.connector.configurations import ConnectorConfig


class JobHandle(msgspec.Struct, frozen=True, kw_only=True):
    """What names a job.

    Attributes:
        endpoint: The service, by the name that the configuration gives it.
        category: The task type; it selects the connector there.
        resource_meta: What the connector answered when it created the job; opaque.
        output_prefix: Where it was told to leave `outputs.pb`.
    """

    endpoint: str
    category: Category
    resource_meta: bytes
    output_prefix: str

    @property
    def wire_category(self) -> agents.TaskCategory:
        """The task type, as the service takes it."""
        return agents.TaskCategory(name=self.category.name, version=self.category.version)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job.

    Attributes:
        handle: What names it.
        resource: What its connector said last; None before it was asked.
        problem: Why it could not be asked the last time; empty if it could.
        failed_count: How often in a row the service was there and could not say how the job stands.
    """

    handle: JobHandle
    resource: agents.Resource | None = None
    problem: str = ""
    failed_count: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether it need not be asked about any more."""
        return self.resource is not None and resources.phase_of(self.resource).is_terminal


class Jobs:
    """The jobs of one engine.

    Args:
        setup: Of the executor.
        clients: The services by name.
    """

    def __init__(
        self, setup: "SetupContext[ConnectorConfig]", clients: Mapping[str, "ConnectorClient"]
    ) -> None:
        self._clients = clients
        self._cache: AutoRefreshCache[Job] = setup.make_cache(
            "jobs",
            self._sync,
            resync_period=timedelta(seconds=setup.config.resync_s),
            size=setup.config.cache_size,
            workers=setup.config.workers,
            is_terminal=lambda job: job.is_terminal,
            # Each call has its own limit, and says what was out of time.
            sync_timeout=timedelta(seconds=1 + max(one.endpoint.timeout_s for one in clients.values())),
        )

    async def close(self) -> None:
        """Ask no more; the services may be left after that."""
        await self._cache.close()

    def follow(self, name: str, handle: JobHandle, wake: Callable[[], None]) -> Job:
        """What is known of a job; from now on it is asked about, and news of it wake its owner."""
        return self._cache.get_or_create(name, Job(handle=handle), wake)

    def forget(self, name: str) -> None:
        """Ask no more about a job."""
        self._cache.delete_delayed(name)

    async def _sync(self, batch: Sequence[Item[Job]]) -> list[SyncResponse[Job]]:
        return [await self._refreshed(one) for one in batch]

    async def _refreshed(self, item: Item[Job]) -> SyncResponse[Job]:
        job = item.item
        handle = job.handle
        request = agents.GetTaskRequest(
            task_type=handle.category.name,
            task_category=handle.wire_category,
            resource_meta=handle.resource_meta,
            output_prefix=handle.output_prefix,
        )
        try:
            resource = await self._clients[handle.endpoint].get(request)
            resources.phase_of(resource)
        except errors.ElevonError as error:
            # A service that is not there, or too busy, says nothing of the job; an error that it answers does.
            is_answered = not isinstance(error, errors.UnavailableError | errors.QuotaError)
            count = job.failed_count + 1 if is_answered else job.failed_count
            known = msgspec.structs.replace(job, problem=str(error), failed_count=count)
        else:
            known = Job(handle=handle, resource=resource)
        action = SyncAction.UNCHANGED if known == job else SyncAction.UPDATE
        return SyncResponse(item.id, known, action)
