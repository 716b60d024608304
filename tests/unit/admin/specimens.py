"""Workflows that the tests of the control plane create executions of, and how."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from elevon import map_task, task, workflow
from elevon.admin.executions import Admin, NewExecution
from elevon.compiler import Templates, compile  # noqa: A004 - the room's one verb
from elevon.idl import literals
from elevon.idl.messages import CompiledWorkflowClosure
from elevon.primitives.clocks import SystemClock
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.nodes import Expansion, NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.sdk import serialization
from elevon.stores.memory import MemoryStateStore

DAY = timedelta(days=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@task
def double(x: int) -> int:
    return 2 * x


@task
def add(x: int, y: int) -> int:
    return x + y


class Pair(NamedTuple):
    first: int
    second: int


@workflow
def both(x: int, y: int = 3) -> Pair:
    """Two doubles and their sum."""
    left = double(x=x)
    right = double(x=y)
    return Pair(add(x=left, y=right), right)


@workflow
def nested(x: int) -> int:
    inner = both(x=x, y=x)
    return add(x=inner.first, y=inner.second)


@workflow
def mapped(x: int) -> list[int]:
    return map_task(double)(x=[x, 2, 3])


@workflow
def sparing(x: int) -> list[int | None]:
    return map_task(double, min_success_ratio=0.5)(x=[x, 2, 3])


def prepare(flow: Any) -> NewExecution:
    """What an execution of a workflow needs, inputs aside."""
    serialized = serialization.serialize(flow, project="default", domain="development", version="v1")
    templates = Templates(
        workflow=serialized.workflow, sub_workflows=serialized.sub_workflows, tasks=serialized.tasks
    )
    return NewExecution(closure=compile(templates), parameters=serialized.parameters)


def changed(new: NewExecution, closure: CompiledWorkflowClosure) -> NewExecution:
    """The same with another closure."""
    return msgspec.structs.replace(new, closure=closure)


def attempt(phase: AttemptPhase, number: int = 0, **more: Any) -> AttemptRecord:
    """An attempt of the node n0."""
    return AttemptRecord(
        node_id="n0",
        attempt=number,
        executor_id="python",
        task_type="python-task",
        phase=phase,
        queued_at=NOON,
        **more,
    )


class World:
    """A control plane over a store in memory, and an engine that does what a test says."""

    def __init__(self, store_type: type[MemoryStateStore] = MemoryStateStore) -> None:
        self.clock = StoppedClock()
        self.store = store_type(self.clock)
        self.admin = Admin(self.store, self.clock)

    async def create(self, flow: Any = both, name: str = "a1", **given: int) -> ExecutionId:
        """A new execution of a workflow; x is 1 unless given."""
        literals_given = {key: literals.integer(value) for key, value in {"x": 1, **given}.items()}
        new = msgspec.structs.replace(prepare(flow), name=name, given=literals_given)
        return (await self.admin.create_execution(new)).id

    async def commit(self, *records: AttemptRecord | NodeRecord) -> ExecutionId:
        """A new execution with these rows, which "owner" goes on holding."""
        execution = await self.create()
        lease = await self.store.acquire_lease(execution, "owner", self.clock.now() + DAY, self.clock.now())
        assert lease is not None
        await self.store.commit(lease, records)
        return execution

    async def expand(self, execution: ExecutionId, node_id: str, flow: Any) -> NodeRecord:
        """A node that goes on as the nodes of a workflow, with these stored."""
        closure = prepare(flow).closure.SerializeToString(deterministic=True)
        await self.store.put_artifact(execution, "futures", closure)
        return msgspec.structs.replace(
            self._node(node_id, None),
            phase=NodePhase.DYNAMIC_RUNNING,
            expansion=Expansion("futures"),
            ended_at=None,
        )

    async def put(self, execution: ExecutionId, *records: Change) -> None:
        """Write rows of an execution that nobody drives."""
        lease = await self.store.acquire_lease(execution, "test", self.clock.now() + DAY, self.clock.now())
        assert lease is not None
        await self.store.commit(lease, records)
        await self.store.release_lease(lease)

    async def drive(self, execution: ExecutionId, phase: ExecutionPhase, **outputs: int | None) -> None:
        """Bring it into a phase; nodes that are named succeed with that output, or fail with None."""
        lease = await self.store.acquire_lease(execution, "test", self.clock.now() + DAY, self.clock.now())
        assert lease is not None
        record = await self.admin.get(execution)
        nodes = [self._node(key.replace("__", "/"), value) for key, value in outputs.items()]
        ended_at = self.clock.now() if phase.is_terminal else None
        failure = Failure("USER:ValueError", "ValueError: no") if phase is ExecutionPhase.FAILED else None
        changed_record = msgspec.structs.replace(
            record, phase=phase, started_at=self.clock.now(), ended_at=ended_at, failure=failure
        )
        await self.store.commit(lease, [changed_record, *nodes])
        await self.store.release_lease(lease)

    def _node(self, node_id: str, value: int | None) -> NodeRecord:
        outputs = None
        if value is not None:
            outputs = literals.literal_map({"o0": literals.integer(value)}).SerializeToString()
        return NodeRecord(
            node_id=node_id,
            spec_node_id=node_id.rpartition("/")[2],
            parent=node_id.rpartition("/")[0],
            phase=NodePhase.FAILED if value is None else NodePhase.SUCCEEDED,
            outputs=outputs,
            started_at=self.clock.now(),
            ended_at=self.clock.now(),
        )


class StoppedClock(SystemClock):
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant
