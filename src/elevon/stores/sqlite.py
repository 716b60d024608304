"""The store of a home: one SQLite file that several processes share.

Writes go through one thread (`writers`), reads through a small pool of connections, checkpoints through a thread of
their own. What is written is durable when a method returns: WAL with synchronous=FULL, never less.
"""

import asyncio
import functools
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import apsw

from elevon import errors, ports
from elevon.records.changes import Change
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionHeading, ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase
from elevon.records.snapshots import ChangedNodes, NodePlace, StoredExecution, StoredNodes
from elevon.records.tokens import Allocation, PoolLimits, Token
from elevon.records.transitions import Transition
from elevon.stores import (
    batches,
    checkpoints,
    connections,
    filesystems,
    reads,
    refusals,
    rows,
    schemas,
    tokens,
    writers,
    writes,
)
from elevon.stores.connections import Connection

T = TypeVar("T")
_READER_COUNT: Final = 2


class SqliteStateStore:
    """The adapter of `ports.StateStore` on one file.

    Args:
        path: The file; it and its directory are created by `open`. Beside it SQLite keeps `-wal` and `-shm`.
        clock: Says which leases have expired when an execution is deleted.
        is_owner_alive: False for an owner that is provably dead; called from the writer's thread, so it is quick.
        busy_timeout: How long a write waits for another process that writes.
    """

    def __init__(
        self,
        path: Path,
        clock: ports.Clock,
        is_owner_alive: Callable[[str], bool] = lambda _owner: True,
        busy_timeout: timedelta = connections.BUSY_TIMEOUT,
    ) -> None:
        self._path = path
        self._clock = clock
        self._is_owner_alive = is_owner_alive
        self._busy_timeout = busy_timeout
        self._parts: _Parts | None = None

    async def open(self) -> None:
        if self._parts is None:
            self._parts = await asyncio.to_thread(_assemble, self._path, self._busy_timeout)

    async def close(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            await asyncio.to_thread(parts.close)

    async def create_execution(
        self, record: ExecutionRecord, artifacts: Mapping[str, bytes], nodes: Sequence[NodeRecord] = ()
    ) -> None:
        changed = [rows.of_change(change, record.id) for change in (record, *nodes)]
        kept = dict(artifacts)
        await self._write(lambda connection: writes.create_execution(connection, record, changed, kept))

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        batch = batches.Batch(lease, [rows.of_change(change, lease.execution) for change in changes])
        return self._opened().writer.submit(batch)

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        return await self._read(reads.load_execution, execution)

    async def load_nodes(self, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
        return await self._read(reads.load_nodes, execution, node_ids)

    async def load_changes(self, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
        return await self._read(reads.load_changes, execution, after, limit)

    async def list_nodes(
        self, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[NodeRecord]:
        return await self._read(reads.list_nodes, execution, parent, limit, behind)

    async def get_execution(self, execution: ExecutionId) -> ExecutionRecord:
        return await self._read(reads.get_execution, execution)

    async def get_executions(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionRecord | None]:
        return await self._read(reads.get_executions, executions)

    async def list_executions(
        self,
        phases: frozenset[ExecutionPhase] = frozenset(),
        limit: int = 0,
        behind: ExecutionId | None = None,
    ) -> Sequence[ExecutionRecord]:
        return await self._read(reads.list_executions, phases, limit, behind)

    async def find_executions(self, project: str, domain: str, beginning: str) -> Sequence[ExecutionId]:
        return await self._read(reads.find_executions, project, domain, beginning)

    async def list_unowned(self, now: datetime) -> Sequence[ExecutionHeading]:
        return await self._read(reads.list_unowned, now, self._is_owner_alive)

    async def list_transitions(
        self, execution: ExecutionId, after: int = 0, node_id: str | None = None
    ) -> Sequence[tuple[int, Transition]]:
        return await self._read(reads.list_transitions, execution, after, node_id)

    async def delete_execution(self, execution: ExecutionId) -> None:
        now, is_owner_alive = self._clock.now(), self._is_owner_alive
        await self._write(
            lambda connection: writes.delete_execution(connection, execution, now, is_owner_alive)
        )

    async def put_artifact(self, execution: ExecutionId, digest: str, content: bytes) -> None:
        await self._write(lambda connection: writes.put_artifact_of(connection, execution, digest, content))

    async def get_artifact(self, digest: str) -> bytes:
        return await self._read(reads.get_artifact, digest)

    async def put_launch_plan(self, record: LaunchPlanRecord, artifacts: Mapping[str, bytes]) -> None:
        content, kept = rows.encode(record, record.id), dict(artifacts)
        await self._write(lambda connection: writes.put_launch_plan(connection, record, content, kept))

    async def get_launch_plan(self, plan: LaunchPlanId) -> LaunchPlanRecord:
        return await self._read(reads.get_launch_plan, plan)

    async def prune_launch_plans(self, before: datetime) -> Sequence[LaunchPlanId]:
        return await self._write(lambda connection: writes.prune_launch_plans(connection, before))

    async def acquire_lease(
        self, execution: ExecutionId, owner: str, expires_at: datetime, now: datetime
    ) -> Lease | None:
        wanted = Lease(execution=execution, owner=owner, fencing=0, expires_at=expires_at)
        is_owner_alive = self._is_owner_alive
        return await self._write(
            lambda connection: writes.acquire_lease(connection, wanted, now, is_owner_alive)
        )

    async def renew_leases(self, owner: str, expires_at: datetime) -> Sequence[Lease]:
        return await self._write(lambda connection: writes.renew_leases(connection, owner, expires_at))

    async def release_lease(self, lease: Lease) -> None:
        await self._write(lambda connection: writes.release_lease(connection, lease))

    async def get_lease(self, execution: ExecutionId) -> Lease | None:
        return await self._read(reads.get_lease, execution)

    async def put_request(self, request: Request) -> None:
        content = rows.encode(request, request.execution)
        await self._write(lambda connection: writes.put_request(connection, request, content))

    async def list_requests(self, owner: str) -> Sequence[Request]:
        return await self._read(reads.list_requests, owner)

    async def remove_request(self, request: Request) -> None:
        await self._write(lambda connection: writes.remove_request(connection, request))

    async def put_drain(self, drain: Drain) -> None:
        content = rows.encode(drain, drain.task_type)
        await self._write(lambda connection: writes.put_drain(connection, drain, content))

    async def remove_drain(self, task_type: str) -> bool:
        return await self._write(lambda connection: writes.remove_drain(connection, task_type))

    async def list_drains(self) -> Sequence[Drain]:
        return await self._read(reads.list_drains)

    async def allocate_token(self, token: Token, limits: PoolLimits) -> Allocation:
        engines = tokens.Engines(self._clock.now(), self._is_owner_alive)
        return await self._write(lambda connection: tokens.allocate(connection, token, limits, engines))

    async def release_token(self, pool: str, name: str) -> None:
        await self._write(lambda connection: tokens.release(connection, pool, name))

    async def list_tokens(self, pool: str = "") -> Sequence[Token]:
        return await self._read(reads.list_tokens, pool)

    def _opened(self) -> "_Parts":
        if self._parts is None:
            raise refusals.closed(str(self._path))
        return self._parts

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await self._opened().writer.submit(work)

    async def _read(self, function: Callable[..., T], *args: object) -> T:
        parts = self._opened()
        work = functools.partial(parts.read, function, *args)
        return await asyncio.get_running_loop().run_in_executor(parts.executor, work)


class _Parts:
    """What an open store consists of."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._readers: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        for _ in range(_READER_COUNT):
            self._readers.put(connections.open_reader(path))
        self._checkpointer = checkpoints.Checkpointer(path, connection)
        self.executor = ThreadPoolExecutor(_READER_COUNT, thread_name_prefix="elevon-store-reader")
        self.writer = writers.GroupWriter(connection, path, self._checkpointer.after_group)

    def read(self, function: Callable[..., T], *args: object) -> T:
        """Call a function of `reads` with a connection of the pool."""
        connection = self._readers.get()
        try:
            return function(connection, *args)
        except apsw.Error as error:
            raise connections.translated(error, self._path) from error
        finally:
            self._readers.put(connection)

    def close(self) -> None:
        """Finish what was handed in, then leave one file behind, without a WAL, if nobody else has it open."""
        self.executor.shutdown()
        for _ in range(_READER_COUNT):
            self._readers.get().close()
        self.writer.close()
        self._checkpointer.close()


def _assemble(path: Path, busy_timeout: timedelta) -> _Parts:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        filesystems.refuse_network(path)
        connection = connections.open_writer(path, busy_timeout)
        try:
            schemas.migrate(connection, path)
            return _Parts(path, connection)
        except BaseException:
            connection.close()
            raise
    except OSError as error:
        raise errors.UnavailableError(
            f"the home {path.parent} can't be used ({error.strerror}): make it writable, or choose another one"
        ) from error
    except apsw.Error as error:
        raise connections.translated(error, path) from error
