"""What an executor is given when it runs on another loop than the engine's.

Values pass as they are; what an executor asks of the engine crosses to the engine's loop. Both sides see the same
interfaces, so that an executor can't tell where it runs.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from elevon import ports
from elevon.plugin import crossings
from elevon.plugin.contexts import Launch
from elevon.plugin.invocations import AttemptServices
from elevon.plugin.pools import Allocation, PoolServices, ResourcePools
from elevon.records.attempts import OnceRecord
from elevon.records.identities import ExecutionId
from elevon.records.resources import Manifest, ResourceChanges, ResourceKey, ResourceKind
from elevon.records.standings import ExecutionStanding
from elevon.records.tokens import Token

T = TypeVar("T")


class Bridge:
    """The way from one executor's loop to the engine's.

    Args:
        engine: Leads to the engine's loop.
        executor: Leads back.
    """

    def __init__(self, engine: crossings.Crossing, executor: crossings.Crossing) -> None:
        self._engine = engine
        self._executor = executor

    async def to_engine(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine of the engine."""
        return await crossings.cross(self._engine, self._executor, make)

    def services(self, services: AttemptServices) -> AttemptServices:
        """What the engine does for an attempt, as the executor's loop may use it."""
        return _BridgedServices(self, services)

    def blobs(self, blobs: ports.BlobStore) -> ports.BlobStore:
        """The blob store as the executor's loop may use it."""
        return _BridgedBlobs(self, blobs)

    def pools(self, pools: ResourcePools) -> ResourcePools:
        """The pools as the executor's loop may use them."""
        return ResourcePools(pools.names, _BridgedPools(self, pools.services))

    def cluster(self, cluster: ports.ClusterApi) -> ports.ClusterApi:
        """The cluster as the executor's loop may use it."""
        return _BridgedCluster(self, cluster)

    def control_plane(self, control_plane: ports.ControlPlane) -> ports.ControlPlane:
        """The control plane as the executor's loop may use it."""
        return _BridgedControlPlane(self, control_plane)


class _BridgedServices:
    """An `AttemptServices`; the wake handle is the engine's own, which any thread may call."""

    def __init__(self, bridge: Bridge, services: AttemptServices) -> None:
        self._bridge = bridge
        self._services = services

    @property
    def wake(self) -> Callable[[], None]:
        return self._services.wake

    async def commit_once(self, record: OnceRecord) -> None:
        await self._bridge.to_engine(lambda: self._services.commit_once(record))

    async def write_inputs(self) -> None:
        await self._bridge.to_engine(self._services.write_inputs)

    async def write_code(self) -> bool:
        return await self._bridge.to_engine(self._services.write_code)

    async def start_job(self, launch: Launch, grace: timedelta) -> ports.JobStatus:
        return await self._bridge.to_engine(lambda: self._services.start_job(launch, grace))

    async def poll_job(self, launch: Launch) -> ports.JobStatus:
        return await self._bridge.to_engine(lambda: self._services.poll_job(launch))

    async def kill_job(self) -> None:
        await self._bridge.to_engine(self._services.kill_job)


class _BridgedBlobs:
    """A `BlobStore`."""

    def __init__(self, bridge: Bridge, blobs: ports.BlobStore) -> None:
        self._bridge = bridge
        self._blobs = blobs

    async def put(self, uri: str, content: bytes) -> None:
        await self._bridge.to_engine(lambda: self._blobs.put(uri, content))

    async def get(self, uri: str) -> bytes:
        return await self._bridge.to_engine(lambda: self._blobs.get(uri))

    async def delete_prefix(self, uri: str) -> None:
        await self._bridge.to_engine(lambda: self._blobs.delete_prefix(uri))


class _BridgedPools:
    """A `PoolServices`; the wake handle may be called from any thread."""

    def __init__(self, bridge: Bridge, services: PoolServices) -> None:
        self._bridge = bridge
        self._services = services

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        return await self._bridge.to_engine(lambda: self._services.allocate(token, wake))

    async def release(self, token: Token) -> None:
        await self._bridge.to_engine(lambda: self._services.release(token))


class _BridgedCluster:
    """A `ClusterApi`."""

    def __init__(self, bridge: Bridge, cluster: ports.ClusterApi) -> None:
        self._bridge = bridge
        self._cluster = cluster

    async def create(self, resource: Manifest) -> Manifest:
        return await self._bridge.to_engine(lambda: self._cluster.create(resource))

    async def get(self, key: ResourceKey) -> Manifest | None:
        return await self._bridge.to_engine(lambda: self._cluster.get(key))

    async def list(self, kind: ResourceKind, labels: Mapping[str, str]) -> Sequence[Manifest]:
        return await self._bridge.to_engine(lambda: self._cluster.list(kind, labels))

    async def patch(self, key: ResourceKey, patch: Manifest) -> Manifest:
        return await self._bridge.to_engine(lambda: self._cluster.patch(key, patch))

    async def delete(self, key: ResourceKey, uid: str = "", grace: timedelta | None = None) -> None:
        await self._bridge.to_engine(lambda: self._cluster.delete(key, uid, grace))

    async def watch(
        self, kind: ResourceKind, labels: Mapping[str, str], after: str, patience: timedelta
    ) -> ResourceChanges:
        return await self._bridge.to_engine(lambda: self._cluster.watch(kind, labels, after, patience))


class _BridgedControlPlane:
    """A `ControlPlane`."""

    def __init__(self, bridge: Bridge, control_plane: ports.ControlPlane) -> None:
        self._bridge = bridge
        self._control_plane = control_plane

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        return await self._bridge.to_engine(lambda: self._control_plane.get_many(executions))

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        await self._bridge.to_engine(lambda: self._control_plane.terminate(execution, by, cause))
