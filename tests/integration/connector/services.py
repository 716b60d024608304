"""A connector service in this process, with a ledger, on flyteidl's own servicers."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

import grpc
import grpc.aio
from flyteidl.service import agent_pb2_grpc as wire

from elevon.idl import agents
from elevon.idl.messages import TaskExecution

RUNNING = agents.Resource(phase=TaskExecution.RUNNING)


class Fault(NamedTuple):
    """How a call goes wrong; before it has done anything, or after."""

    code: grpc.StatusCode
    details: str = "out of order"
    is_late: bool = False


class Service(
    wire.AsyncAgentServiceServicer, wire.SyncAgentServiceServicer, wire.AgentMetadataServiceServicer
):
    """Offers the types `job`, asynchronous, and `now`, synchronous.

    Attributes:
        created: The requests that made a job; the job's name is its index.
        executed: The requests of synchronous tasks, header and inputs.
        deleted: The names of jobs that were deleted, each time.
        get_count: How often a job was asked about.
        resource: What is said of every job, and of what is executed.
        offered: The connectors.
        faults: What goes wrong next, by method; the last one for ever.
    """

    def __init__(self) -> None:
        self.created: list[agents.CreateTaskRequest] = []
        self.executed: list[tuple[agents.ExecuteTaskSyncRequest, agents.ExecuteTaskSyncRequest]] = []
        self.deleted: list[bytes] = []
        self.get_count = 0
        self.resource = RUNNING
        self.offered = [agent("job"), agent("now", is_sync=True)]
        self.faults: dict[str, list[Fault | None]] = {}
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator["Service"]:
        """Serve; at the same port each time."""
        server = grpc.aio.server()
        wire.add_AsyncAgentServiceServicer_to_server(self, server)
        wire.add_SyncAgentServiceServicer_to_server(self, server)
        wire.add_AgentMetadataServiceServicer_to_server(self, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        try:
            yield self
        finally:
            await server.stop(grace=None)

    async def ListAgents(self, request: Any, context: Any) -> agents.ListAgentsResponse:  # noqa: N802
        await self._fail("list", context)
        return agents.ListAgentsResponse(agents=self.offered)

    async def CreateTask(self, request: Any, context: Any) -> agents.CreateTaskResponse:  # noqa: N802
        await self._fail("create", context)
        self.created.append(request)
        await self._fail("create", context, is_late=True)
        return agents.CreateTaskResponse(resource_meta=b"%d" % (len(self.created) - 1))

    async def GetTask(self, request: Any, context: Any) -> agents.GetTaskResponse:  # noqa: N802
        self.get_count += 1
        await self._fail("get", context)
        return agents.GetTaskResponse(resource=self.resource)

    async def DeleteTask(self, request: Any, context: Any) -> agents.DeleteTaskResponse:  # noqa: N802
        await self._fail("delete", context)
        self.deleted.append(request.resource_meta)
        return agents.DeleteTaskResponse()

    async def ExecuteTaskSync(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[agents.ExecuteTaskSyncResponse]:
        await self._fail("execute", context)
        header, inputs = [request async for request in request_iterator]
        self.executed.append((header, inputs))
        await self._fail("execute", context, is_late=True)
        yield agents.ExecuteTaskSyncResponse(
            header=agents.ExecuteTaskSyncResponseHeader(resource=self.resource)
        )

    async def _fail(self, method: str, context: Any, *, is_late: bool = False) -> None:
        faults = self.faults.get(method, [None])
        fault = faults[0]
        if fault is None or fault.is_late is not is_late:
            if fault is None and len(faults) > 1 and not is_late:
                faults.pop(0)
            return
        if len(faults) > 1:
            faults.pop(0)
        await context.abort(fault.code, fault.details)


def agent(task_type: str, version: int = 0, *, is_sync: bool = False) -> agents.Agent:
    """A connector of one type."""
    category = agents.TaskCategory(name=task_type, version=version)
    return agents.Agent(
        name=f"{task_type} connector",
        is_sync=is_sync,
        supported_task_types=[task_type],
        supported_task_categories=[category],
    )
