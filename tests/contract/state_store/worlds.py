"""The time and the people of the contract tests, and short ways to make records."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from elevon import ports
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import Lease, Request, RequestKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, NodePhase
from elevon.records.tokens import Token
from elevon.records.transitions import Transition

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN = ExecutionId("default", "development", "a1")
OTHER = ExecutionId("default", "development", "a2")


@dataclass
class World:
    """The time, and who is alive, as the test wants them."""

    at: datetime = START
    dead: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def is_alive(self, owner: str) -> bool:
        return owner not in self.dead


def execution(run: ExecutionId = RUN, **changes: object) -> ExecutionRecord:
    record = ExecutionRecord(id=run, workflow="flow", closure_digest="c", created_at=START)
    return msgspec.structs.replace(record, **changes)


def node(node_id: str = "n0", **changes: object) -> NodeRecord:
    record = NodeRecord(node_id=node_id, spec_node_id=node_id, phase=NodePhase.RUNNING, started_at=START)
    return msgspec.structs.replace(record, **changes)


def attempt(node_id: str = "n0", index: int = 0, **changes: object) -> AttemptRecord:
    record = AttemptRecord(
        node_id=node_id,
        attempt=index,
        executor_id="sleep",
        task_type="sleep",
        phase=AttemptPhase.STARTING,
        queued_at=START,
    )
    return msgspec.structs.replace(record, **changes)


def once(key: str, result: bytes | None = None) -> OnceRecord:
    return OnceRecord(node_id="n0", key=key, token=f"token-{key}", result=result)


def moved(phase: str, node_id: str = "n0") -> Transition:
    return Transition(node_id=node_id, attempt=0, phase=phase, at=START, event="status")


def wish(run: ExecutionId = RUN, by: str = "ann", **changes: object) -> Request:
    request = Request(execution=run, kind=RequestKind.ABORT, by=by, reason="enough", at=START)
    return msgspec.structs.replace(request, **changes)


def drain(task_type: str = "sleep", by: str = "ann") -> Drain:
    return Drain(task_type=task_type, by=by, reason="upgrade", at=START)


def token(owner: AttemptId, pool: str = "queries", key: str = "") -> Token:
    """What an attempt asks for; its namespace is the project."""
    return Token(
        pool=pool, name=f"{owner}/{key}", namespace=owner.execution.project, owner=owner, asked_at=START
    )


async def owned(store: ports.StateStore, run: ExecutionId = RUN, owner: str = "e1") -> Lease:
    """A new execution, and the lease of it."""
    await store.create_execution(execution(run), {"c": b"closure"})
    return await taken(store, run, owner)


async def taken(store: ports.StateStore, run: ExecutionId = RUN, owner: str = "e1") -> Lease:
    lease = await store.acquire_lease(run, owner, START + MINUTE, START)
    assert lease is not None
    return lease


async def phases_of(store: ports.StateStore, run: ExecutionId = RUN) -> list[str]:
    return [transition.phase for _, transition in await store.list_transitions(run)]
