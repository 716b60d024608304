"""The client of one connector service: the calls that there are, their time limits, and what their errors mean.

It is the only module here that needs gRPC, so it is imported when an executor with services is initialized. Nothing
of gRPC leaves it: an error is a sentence that names the service, in a class that says what may have happened.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import grpc
import grpc.aio

from elevon import errors
from elevon.idl import agents
from elevon.idl.messages import LiteralMap
from elevon.tasktypes.connector.configurations import Endpoint

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

# What a status says of the call: UnavailableError that it may or may not have been carried out, QuotaError and
# NotFoundError that it was not, any other that the connector tried and failed.
_CLASSES: Final[dict[grpc.StatusCode, type[errors.ElevonError]]] = {
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.UnavailableError,
    grpc.StatusCode.CANCELLED: errors.UnavailableError,
    grpc.StatusCode.ABORTED: errors.UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.QuotaError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotFoundError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.UserError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.UserError,
    grpc.StatusCode.OUT_OF_RANGE: errors.UserError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UserError,
    grpc.StatusCode.PERMISSION_DENIED: errors.UserError,
}
# A service that is back is found again within seconds, not after gRPC's own two minutes.
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)


class ConnectorClient:
    """One service.

    Args:
        name: Of the endpoint.
        endpoint: Where it is, and how long its calls may take.

    Raises:
        UserError: The file of certificates can't be read.
    """

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name = name
        self.endpoint = endpoint
        if endpoint.insecure:
            self._channel = grpc.aio.insecure_channel(endpoint.address, options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(_certificates(name, endpoint.ca_file))
            self._channel = grpc.aio.secure_channel(endpoint.address, credentials, options=_OPTIONS)

    async def close(self) -> None:
        """End the connection, and with it the calls that are under way."""
        await self._channel.close()

    async def list_agents(self) -> Sequence[agents.Agent]:
        """The connectors that it has."""
        answer = await self._call(agents.LIST_AGENTS, agents.ListAgentsRequest(), "say what it offers")
        return answer.agents

    async def create(self, request: agents.CreateTaskRequest) -> bytes:
        """Begin a task; returns what names it there."""
        answer = await self._call(
            agents.CREATE_TASK, request, f"create a task of type {request.template.type!r}"
        )
        return answer.resource_meta

    async def get(self, request: agents.GetTaskRequest) -> agents.Resource:
        """Where a task stands."""
        answer = await self._call(
            agents.GET_TASK, request, f"find a task of type {request.task_category.name!r}"
        )
        return answer.resource

    async def delete(self, request: agents.DeleteTaskRequest) -> None:
        """End a task; the service takes it several times."""
        await self._call(agents.DELETE_TASK, request, f"delete a task of type {request.task_category.name!r}")

    async def execute(self, header: agents.CreateRequestHeader, inputs: LiteralMap) -> agents.Resource:
        """Run a task of a synchronous connector to its end."""
        action = f"run a task of type {header.template.type!r}"
        stream = self._channel.stream_stream(
            agents.EXECUTE_TASK_SYNC.path,
            request_serializer=agents.ExecuteTaskSyncRequest.SerializeToString,
            response_deserializer=agents.ExecuteTaskSyncResponse.FromString,
        )

        call = stream(timeout=self.endpoint.sync_timeout_s)
        try:
            await call.write(agents.ExecuteTaskSyncRequest(header=header))
            await call.write(agents.ExecuteTaskSyncRequest(inputs=inputs))
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            # Of a call that ended meanwhile gRPC may say nothing but that it can't be written to any more.
            code, details = await call.code(), await call.details()
            raise errors.QuotaError(
                f"{self} could not {action}, it ended the call before it had the inputs: {code.name}: {details}"
            ) from error
        answer = await self._translated(call.read(), action)
        if not isinstance(answer, agents.ExecuteTaskSyncResponse):
            raise errors.RetryableError(f"{self} did not {action}: it ended the call without an answer")
        call.cancel()  # the first answer is the whole of it
        return answer.header.resource

    async def _call(
        self, method: agents.Method[agents.Q, agents.A], request: agents.Q, action: str
    ) -> agents.A:
        call = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return await self._translated(call(request, timeout=self.endpoint.timeout_s), action)

    async def _translated(self, awaited: Awaitable[_T], action: str) -> _T:
        """What is awaited, with its errors in our own classes."""
        try:
            return await awaited
        except grpc.aio.AioRpcError as error:
            details = error.details() or ""
            if "Traceback" in details:
                _log.info("%s could not %s: %s", self, action, details)
            kind = _CLASSES.get(error.code(), errors.RetryableError)
            raise kind(f"{self} could not {action}: {error.code().name}: {_summary(details)}") from error

    def __str__(self) -> str:
        """How a person knows it."""
        return f"the connector service {self.name!r} at {self.endpoint.address}"


def _certificates(name: str, path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise errors.UserError(
            f"ca_file of the connector endpoint {name!r} can't be read: {path}: {error.strerror}"
        ) from error


def _summary(details: str) -> str:
    """What an error comes to, in a line: flytekit's services put a whole traceback before it."""
    _, _, message = details.rpartition("\nMessage:\n")
    return " ".join(message.split())
