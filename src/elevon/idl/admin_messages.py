"""The messages of Flyte's control plane, apart from `messages`: a plain run never loads them.

The same rule as there: the classes of flyteidl under their own names, and none of our own. An execution of a node or
task is `NodeExecution` and `TaskExecution` here; there these names are the wire's words for their phases.
"""

from flyteidl.admin.common_pb2 import (
    NamedEntityIdentifier,
    ObjectGetRequest,
    ResourceListRequest,
    Sort,
)
from flyteidl.admin.execution_pb2 import (
    AbortMetadata,
    Execution,
    ExecutionClosure,
    ExecutionCreateRequest,
    ExecutionCreateResponse,
    ExecutionList,
    ExecutionMetadata,
    ExecutionRecoverRequest,
    ExecutionRelaunchRequest,
    ExecutionSpec,
    ExecutionTerminateRequest,
    ExecutionTerminateResponse,
    LiteralMapBlob,
    WorkflowExecutionGetDataRequest,
    WorkflowExecutionGetDataResponse,
    WorkflowExecutionGetRequest,
)
from flyteidl.admin.launch_plan_pb2 import LaunchPlan
from flyteidl.admin.node_execution_pb2 import (
    NodeExecution,
    NodeExecutionClosure,
    NodeExecutionList,
    NodeExecutionListRequest,
    NodeExecutionMetaData,
)
from flyteidl.admin.task_execution_pb2 import (
    TaskExecution,
    TaskExecutionClosure,
    TaskExecutionList,
    TaskExecutionListRequest,
)
from flyteidl.admin.version_pb2 import GetVersionRequest, GetVersionResponse, Version

__all__ = [
    "AbortMetadata",
    "Execution",
    "ExecutionClosure",
    "ExecutionCreateRequest",
    "ExecutionCreateResponse",
    "ExecutionList",
    "ExecutionMetadata",
    "ExecutionRecoverRequest",
    "ExecutionRelaunchRequest",
    "ExecutionSpec",
    "ExecutionTerminateRequest",
    "ExecutionTerminateResponse",
    "GetVersionRequest",
    "GetVersionResponse",
    "LaunchPlan",
    "LiteralMapBlob",
    "NamedEntityIdentifier",
    "NodeExecution",
    "NodeExecutionClosure",
    "NodeExecutionList",
    "NodeExecutionListRequest",
    "NodeExecutionMetaData",
    "ObjectGetRequest",
    "ResourceListRequest",
    "Sort",
    "TaskExecution",
    "TaskExecutionClosure",
    "TaskExecutionList",
    "TaskExecutionListRequest",
    "Version",
    "WorkflowExecutionGetDataRequest",
    "WorkflowExecutionGetDataResponse",
    "WorkflowExecutionGetRequest",
]
