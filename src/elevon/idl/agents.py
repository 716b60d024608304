"""The connector service of the wire, which flyteidl calls by its older name, agent: its messages and its methods.

It exists beside `messages` because these classes are needed by one executor alone, and their import takes time. It
owns which methods there are and what each takes and gives; it must never open a channel, and so needs no gRPC.
"""

from typing import Generic, NamedTuple, TypeVar

from flyteidl.admin.agent_pb2 import (
    RETRYABLE_FAILURE,
    Agent,
    AgentError,
    CreateRequestHeader,
    CreateTaskRequest,
    CreateTaskResponse,
    DeleteTaskRequest,
    DeleteTaskResponse,
    ExecuteTaskSyncRequest,
    ExecuteTaskSyncResponse,
    ExecuteTaskSyncResponseHeader,
    GetTaskRequest,
    GetTaskResponse,
    ListAgentsRequest,
    ListAgentsResponse,
    Resource,
    State,
    TaskCategory,
    TaskExecutionMetadata,
)

from elevon.idl.messages import Message

__all__ = [
    "CREATE_TASK",
    "DELETE_TASK",
    "EXECUTE_TASK_SYNC",
    "GET_TASK",
    "LIST_AGENTS",
    "RETRYABLE_FAILURE",
    "A",
    "Agent",
    "AgentError",
    "CreateRequestHeader",
    "CreateTaskRequest",
    "CreateTaskResponse",
    "DeleteTaskRequest",
    "DeleteTaskResponse",
    "ExecuteTaskSyncRequest",
    "ExecuteTaskSyncResponse",
    "ExecuteTaskSyncResponseHeader",
    "GetTaskRequest",
    "GetTaskResponse",
    "ListAgentsRequest",
    "ListAgentsResponse",
    "Method",
    "Q",
    "Resource",
    "State",
    "TaskCategory",
    "TaskExecutionMetadata",
]

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Method(NamedTuple, Generic[Q, A]):
    """One method of a service.

    Attributes:
        path: As gRPC spells it.
        request: What it takes.
        answer: What it gives.
    """

    path: str
    request: type[Q]
    answer: type[A]


LIST_AGENTS = Method(
    "/flyteidl.service.AgentMetadataService/ListAgents", ListAgentsRequest, ListAgentsResponse
)
CREATE_TASK = Method("/flyteidl.service.AsyncAgentService/CreateTask", CreateTaskRequest, CreateTaskResponse)
GET_TASK = Method("/flyteidl.service.AsyncAgentService/GetTask", GetTaskRequest, GetTaskResponse)
DELETE_TASK = Method("/flyteidl.service.AsyncAgentService/DeleteTask", DeleteTaskRequest, DeleteTaskResponse)
EXECUTE_TASK_SYNC = Method(
    "/flyteidl.service.SyncAgentService/ExecuteTaskSync", ExecuteTaskSyncRequest, ExecuteTaskSyncResponse
)
"""Streams both ways: a request with the header, one with the inputs, and the answer."""
