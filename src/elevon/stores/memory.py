"""The store of tests: everything in dictionaries, with the semantics of a durable store.

Records are kept encoded, so that nothing that is read is the object that was written. It outlives `close`: an engine
that "crashed" is replaced by another one that opens the same store. Never used for what a user wants to keep.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from elevon import errors, ports
from elevon.records.changes import Change
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionHeading, ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.records.nodes import NodeRecord
from elevon.records.phases import UNFINISHED, ExecutionPhase
from elevon.records.snapshots import ChangedNodes, NodePlace, StoredExecution, StoredNodes
from elevon.records.tokens import Allocation, PoolLimits, Token
from elevon.records.transitions import Transition
from elevon.stores import refusals, rows
from elevon.stores.memory_tokens import Tokens


class _Kept:
    """All rows of one execution."""

    def __init__(self, record: rows.Row, order: int, digests: frozenset[str]) -> None:
        self.record = record
        self.order = order
        self.digests = digests
        self.current: dict[str, dict[tuple[str | int, ...], rows.Row]] = {
            "nodes": {},
            "attempts": {},
            "onces": {},
        }
        self.transitions: list[rows.Row] = []
        self.requests: dict[tuple[str | int, ...], rows.Row] = {}
        self.lease: Lease | None = None


class MemoryStateStore:
    """An adapter of `ports.StateStore` without a disk.

    Args:
        clock: Says which leases have expired when an execution is deleted.
        is_owner_alive: False for an owner that is provably dead; the default proves nothing.
        fail_commit: Called with the number of each `commit`, from 1; True makes it fail as a full disk would.
    """

    def __init__(
        self,
        clock: ports.Clock,
        is_owner_alive: Callable[[str], bool] = lambda _owner: True,
        fail_commit: Callable[[int], bool] = lambda _number: False,
    ) -> None:
        self._clock = clock
        self._is_owner_alive = is_owner_alive
        self._fail_commit = fail_commit
        self._commit_numbers = itertools.count(1)
        self._orders = itertools.count(1)
        self._fencings = itertools.count(1)
        self._is_open = False
        self._executions: dict[ExecutionId, _Kept] = {}
        self._artifacts: dict[str, bytes] = {}
        self._launch_plans: dict[LaunchPlanId, rows.Row] = {}
        self._drains: dict[str, rows.Row] = {}
        self._tokens = Tokens(self._is_over, self._will_ask, self._is_driven)

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    async def create_execution(
        self, record: ExecutionRecord, artifacts: Mapping[str, bytes], nodes: Sequence[NodeRecord] = ()
    ) -> None:
        self._check_open()
        row = rows.of_change(record, record.id)
        taken_over = [rows.of_change(node, record.id) for node in nodes]
        if record.id in self._executions:
            raise refusals.exists(record.id)
        digests = rows.artifact_digests(record, artifacts)
        kept = self._executions[record.id] = _Kept(row, next(self._orders), digests)
        kept.current["nodes"].update((node.key, node) for node in taken_over)
        for digest, content in artifacts.items():
            self._artifacts.setdefault(digest, bytes(content))

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._write(lease, changes)
        except errors.ElevonError as error:
            answer.set_exception(error)
        else:
            answer.set_result(None)
        return answer

    def _write(self, lease: Lease, changes: Sequence[Change]) -> None:
        self._check_open()
        batch = [rows.of_change(change, lease.execution) for change in changes]
        if self._fail_commit(next(self._commit_numbers)):
            raise errors.UnavailableError("the disk of the store in memory is full, as the test wants it")
        kept = self._executions.get(lease.execution)
        if kept is None or not _is_same_tenure(kept.lease, lease):
            raise refusals.fenced(lease)
        for row in batch:
            if row.table == "executions":
                kept.record = row
            elif row.table == "transitions":
                kept.transitions.append(row)
            else:
                kept.current[row.table][row.key] = row
        ended = {row.key for row in batch if row.is_end}
        if ended:
            self._tokens.drop(
                lambda owner: owner.execution == lease.execution and (owner.node_id, owner.attempt) in ended
            )

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        kept = self._find(execution)
        return StoredExecution(
            execution=_execution_of(kept.record, execution),
            nodes=_all_of(rows.NODES, kept.current["nodes"], execution),
            attempts=_all_of(rows.ATTEMPTS, kept.current["attempts"], execution),
            onces=_all_of(rows.ONCES, kept.current["onces"], execution),
        )

    async def load_nodes(self, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
        kept = self._find(execution)
        wanted = frozenset(node_ids)
        nodes, attempts = (
            {key: row for key, row in kept.current[table].items() if key[0] in wanted}
            for table in ("nodes", "attempts")
        )
        return StoredNodes(
            nodes=_all_of(rows.NODES, nodes, execution), attempts=_all_of(rows.ATTEMPTS, attempts, execution)
        )

    async def load_changes(self, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
        kept = self._find(execution)
        told = kept.transitions[after : after + limit]
        stored = await self.load_nodes(execution, [str(row.key[0]) for row in told])
        return ChangedNodes(
            execution=_execution_of(kept.record, execution),
            after=after + len(told),
            nodes=stored.nodes,
            attempts=stored.attempts,
            has_more=bool(told) and after + limit < len(kept.transitions),
        )

    async def list_nodes(
        self, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[NodeRecord]:
        stored = await self.load_execution(execution)
        placed = sorted(
            (NodePlace(record.started_at, record.node_id), record)
            for record in stored.nodes
            if record.parent == parent
        )
        return tuple(record for place, record in placed if behind is None or place > behind)[:limit]

    async def get_execution(self, execution: ExecutionId) -> ExecutionRecord:
        return _execution_of(self._find(execution).record, execution)

    async def get_executions(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionRecord | None]:
        self._check_open()
        found = ((execution, self._executions.get(execution)) for execution in executions)
        return tuple(None if kept is None else _execution_of(kept.record, one) for one, kept in found)

    async def list_executions(
        self,
        phases: frozenset[ExecutionPhase] = frozenset(),
        limit: int = 0,
        behind: ExecutionId | None = None,
    ) -> Sequence[ExecutionRecord]:
        self._check_open()
        limit_age = _age(self._find(behind)) if behind else None
        wanted = (
            _execution_of(kept.record, execution)
            for execution, kept in reversed(self._oldest_first())
            if (not phases or kept.record.key[0] in phases) and (limit_age is None or _age(kept) < limit_age)
        )
        return tuple(itertools.islice(wanted, limit or None))

    async def find_executions(self, project: str, domain: str, beginning: str) -> Sequence[ExecutionId]:
        self._check_open()
        return tuple(
            execution
            for execution, _ in reversed(self._oldest_first())
            if (execution.project, execution.domain) == (project, domain)
            and execution.name.startswith(beginning)
        )

    async def list_unowned(self, now: datetime) -> Sequence[ExecutionHeading]:
        self._check_open()
        return tuple(
            ExecutionHeading(
                id=execution,
                phase=ExecutionPhase(kept.record.key[0]),
                created_at=rows.instant(_age(kept)[0]),
            )
            for execution, kept in self._oldest_first()
            if kept.record.key[0] in UNFINISHED and not (kept.lease and self._is_live(kept.lease, now))
        )

    async def list_transitions(
        self, execution: ExecutionId, after: int = 0, node_id: str | None = None
    ) -> Sequence[tuple[int, Transition]]:
        kept = self._find(execution)
        return tuple(
            (sequence, rows.TRANSITIONS.one(row.version, row.content, execution))
            for sequence, row in enumerate(kept.transitions, start=1)
            if sequence > after and (node_id is None or row.key == (node_id,))
        )

    async def delete_execution(self, execution: ExecutionId) -> None:
        kept = self._find(execution)
        if kept.lease is not None and self._is_live(kept.lease, self._clock.now()):
            raise refusals.leased(kept.lease)
        del self._executions[execution]
        self._tokens.drop(lambda owner: owner.execution == execution)
        self._drop_artifacts(kept.digests)

    async def put_artifact(self, execution: ExecutionId, digest: str, content: bytes) -> None:
        self._find(execution).digests |= {digest}
        self._artifacts.setdefault(digest, bytes(content))

    async def get_artifact(self, digest: str) -> bytes:
        self._check_open()
        try:
            return self._artifacts[digest]
        except KeyError:
            raise refusals.no_artifact(digest) from None

    async def put_launch_plan(self, record: LaunchPlanRecord, artifacts: Mapping[str, bytes]) -> None:
        self._check_open()
        content = rows.encode(record, record.id)
        row = rows.Row("launch_plans", (rows.microseconds(record.created_at),), record.version, content)
        kept = self._launch_plans.setdefault(record.id, row)
        if not _launch_plan_of(kept, record.id).is_same(record):
            raise refusals.other_launch_plan(record.id)
        for digest, artifact in artifacts.items():
            self._artifacts.setdefault(digest, bytes(artifact))

    async def get_launch_plan(self, plan: LaunchPlanId) -> LaunchPlanRecord:
        self._check_open()
        found = [
            row
            for known, row in self._launch_plans.items()
            if known == msgspec.structs.replace(plan, version=plan.version or known.version)
        ]
        if not found:
            raise refusals.no_launch_plan(plan)
        newest = max(enumerate(found), key=lambda item: (item[1].key, item[0]))[1]
        return _launch_plan_of(newest, plan)

    async def prune_launch_plans(self, before: datetime) -> Sequence[LaunchPlanId]:
        self._check_open()
        run = frozenset[str]().union(*(kept.digests for kept in self._executions.values()))
        plans = [_launch_plan_of(row, plan) for plan, row in self._launch_plans.items()]
        newest = {await self._newest_of(plan.id) for plan in plans}
        removed = [
            plan
            for plan in plans
            if plan.created_at < before and plan.closure_digest not in run and plan.id not in newest
        ]
        for plan in removed:
            del self._launch_plans[plan.id]
        self._drop_artifacts(
            {digest for plan in removed for digest in (plan.closure_digest, plan.code_digest)}
        )
        return tuple(sorted(plan.id for plan in removed))

    async def _newest_of(self, plan: LaunchPlanId) -> LaunchPlanId:
        return (await self.get_launch_plan(msgspec.structs.replace(plan, version=""))).id

    def _drop_artifacts(self, digests: Iterable[str]) -> None:
        """Remove those that nothing refers to any more."""
        plans = [_launch_plan_of(row, plan) for plan, row in self._launch_plans.items()]
        still_needed = frozenset[str]().union(
            *(kept.digests for kept in self._executions.values()),
            *({plan.closure_digest, plan.code_digest} for plan in plans),
        )
        for digest in set(digests) - still_needed:
            self._artifacts.pop(digest, None)

    async def acquire_lease(
        self, execution: ExecutionId, owner: str, expires_at: datetime, now: datetime
    ) -> Lease | None:
        kept = self._find(execution)
        if kept.lease is not None and kept.lease.owner != owner and self._is_live(kept.lease, now):
            return None
        kept.lease = Lease(
            execution=execution, owner=owner, fencing=next(self._fencings), expires_at=expires_at
        )
        return kept.lease

    async def renew_leases(self, owner: str, expires_at: datetime) -> Sequence[Lease]:
        self._check_open()
        renewed: list[Lease] = []
        for kept in self._executions.values():
            if kept.lease is not None and kept.lease.owner == owner:
                kept.lease = msgspec.structs.replace(kept.lease, expires_at=expires_at)
                renewed.append(kept.lease)
        return tuple(renewed)

    async def release_lease(self, lease: Lease) -> None:
        self._check_open()
        kept = self._executions.get(lease.execution)
        if kept is not None and _is_same_tenure(kept.lease, lease):
            kept.lease = None

    async def get_lease(self, execution: ExecutionId) -> Lease | None:
        return self._find(execution).lease

    async def put_request(self, request: Request) -> None:
        content = rows.encode(request, request.execution)
        key = _request_key(request)
        row = rows.Row("requests", key, request.version, content)
        self._find(request.execution).requests.setdefault(key, row)

    async def list_requests(self, owner: str) -> Sequence[Request]:
        self._check_open()
        return tuple(
            rows.REQUESTS.one(row.version, row.content, execution)
            for execution, kept in self._executions.items()
            if kept.lease is not None and kept.lease.owner == owner
            for _, row in sorted(kept.requests.items())
        )

    async def remove_request(self, request: Request) -> None:
        self._check_open()
        kept = self._executions.get(request.execution)
        if kept is not None:
            kept.requests.pop(_request_key(request), None)

    async def put_drain(self, drain: Drain) -> None:
        self._check_open()
        content = rows.encode(drain, drain.task_type)
        self._drains[drain.task_type] = rows.Row("drains", (drain.task_type,), drain.version, content)

    async def remove_drain(self, task_type: str) -> bool:
        self._check_open()
        return self._drains.pop(task_type, None) is not None

    async def list_drains(self) -> Sequence[Drain]:
        self._check_open()
        return tuple(
            rows.DRAINS.one(row.version, row.content, task_type)
            for task_type, row in sorted(self._drains.items())
        )

    async def allocate_token(self, token: Token, limits: PoolLimits) -> Allocation:
        self._find(token.owner.execution)
        return self._tokens.allocate(token, limits, self._clock.now())

    async def release_token(self, pool: str, name: str) -> None:
        self._check_open()
        self._tokens.release(pool, name)

    async def list_tokens(self, pool: str = "") -> Sequence[Token]:
        self._check_open()
        found = (one for one in self._tokens.all() if pool in ("", one.pool))
        return tuple(sorted(found, key=lambda one: one.pool))

    def _is_over(self, owner: AttemptId) -> bool:
        """Whether nothing more happens to an attempt, be it that it has ended or was never begun."""
        row = self._executions[owner.execution].current["attempts"].get((owner.node_id, owner.attempt))
        return row is None or row.is_end

    def _will_ask(self, owner: AttemptId) -> bool:
        """Whether an engine goes on with a waiting attempt."""
        row = self._executions[owner.execution].current["attempts"][owner.node_id, owner.attempt]
        return self._is_driven(owner) and rows.ATTEMPTS.one(row.version, row.content, owner).is_going_on

    def _is_driven(self, owner: AttemptId) -> bool:
        """Whether an engine goes on with the execution of an attempt."""
        lease = self._executions[owner.execution].lease
        return lease is not None and self._is_live(lease, self._clock.now())

    def _oldest_first(self) -> list[tuple[ExecutionId, _Kept]]:
        return sorted(self._executions.items(), key=lambda item: _age(item[1]))

    def _check_open(self) -> None:
        if not self._is_open:
            raise refusals.closed("in memory")

    def _find(self, execution: ExecutionId) -> _Kept:
        self._check_open()
        try:
            return self._executions[execution]
        except KeyError:
            raise refusals.no_execution(execution) from None

    def _is_live(self, lease: Lease, now: datetime) -> bool:
        return lease.expires_at > now and self._is_owner_alive(lease.owner)


def _is_same_tenure(current: Lease | None, lease: Lease) -> bool:
    return current is not None and (current.owner, current.fencing) == (lease.owner, lease.fencing)


def _age(kept: _Kept) -> tuple[int, int]:
    """What executions are listed by: when they were created, and which of one instant came first."""
    created_us = kept.record.key[1]
    assert isinstance(created_us, int)  # noqa: S101 - as `rows` makes the key
    return created_us, kept.order


def _launch_plan_of(row: rows.Row, plan: LaunchPlanId) -> LaunchPlanRecord:
    return rows.LAUNCH_PLANS.one(row.version, row.content, plan)


def _request_key(request: Request) -> tuple[str | int, ...]:
    return (request.kind, request.node_id, request.attempt)


def _execution_of(row: rows.Row, execution: ExecutionId) -> ExecutionRecord:
    return rows.EXECUTIONS.one(row.version, row.content, execution)


def _all_of(
    decoder: rows.RowDecoder[rows.R], kept: Mapping[tuple[str | int, ...], rows.Row], execution: ExecutionId
) -> tuple[rows.R, ...]:
    in_order: Iterable[rows.Row] = (kept[key] for key in sorted(kept))
    return tuple(decoder.one(row.version, row.content, execution) for row in in_order)
