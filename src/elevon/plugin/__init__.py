"""What the author of a task type imports: the executor's interface and all that it is given or answers.

This room owns the contract between the engine and an executor, for shipped types and for a stranger's alike. It
must never know a task type, a store or a worker.
"""

from elevon.plugin.caches import (
    AutoRefreshCache,
    CacheOptions,
    Item,
    RateLimiter,
    SyncAction,
    SyncResponse,
    pages_of,
)
from elevon.plugin.contexts import Intent, Launch, SetupContext, TaskContext, TaskExecutionId, TaskLauncher
from elevon.plugin.executors import (
    CONTRACT_VERSION,
    DiscoveredTypes,
    Executor,
    ExecutorProperties,
    Isolation,
    read_outputs,
)
from elevon.plugin.launching import LauncherExecutor, status_of_job
from elevon.plugin.pools import Allocation, AllocationStatus, ResourcePool, ResourcePools
from elevon.plugin.states import STATE_LIMIT_BYTES, StateCodec
from elevon.plugin.statuses import DetailOptions, Details, TaskStatus
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure

__all__ = [
    "CONTRACT_VERSION",
    "STATE_LIMIT_BYTES",
    "Allocation",
    "AllocationStatus",
    "AutoRefreshCache",
    "CacheOptions",
    "DetailOptions",
    "Details",
    "DiscoveredTypes",
    "Executor",
    "ExecutorProperties",
    "Failure",
    "Intent",
    "Isolation",
    "Item",
    "Launch",
    "LauncherExecutor",
    "LogLink",
    "RateLimiter",
    "ResourcePool",
    "ResourcePools",
    "SetupContext",
    "StateCodec",
    "SyncAction",
    "SyncResponse",
    "TaskContext",
    "TaskExecutionId",
    "TaskLauncher",
    "TaskStatus",
    "pages_of",
    "read_outputs",
    "status_of_job",
]
