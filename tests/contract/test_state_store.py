"""What every adapter of `ports.StateStore` does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from elevon import errors, ports
from elevon.records.attempts import AttemptRecord, LogLink, OnceRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease, Request, RequestKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.transitions import Transition
from elevon.stores.memory import MemoryStateStore
from elevon.stores.sqlite import SqliteStateStore

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


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, world: World
) -> AsyncIterator[ports.StateStore]:
    made: ports.StateStore = (
        MemoryStateStore(world, world.is_alive)
        if request.param == "memory"
        else SqliteStateStore(tmp_path / "home" / "state.db", world, world.is_alive)
    )
    await made.open()
    yield made
    await made.close()


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


def wish(run: ExecutionId = RUN, by: str = "ann") -> Request:
    return Request(execution=run, kind=RequestKind.ABORT, by=by, reason="enough", at=START)


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


# Executions


async def test_created_execution_is_read_back_equal(store: ports.StateStore) -> None:
    record = execution(
        inputs=b"\x00\xff",
        failure=Failure("USER:ValueError", "no", traceback="Zeile 1\n", is_recoverable=False),
        max_parallelism=3,
        started_at=START + MINUTE,
    )
    await store.create_execution(record, {})
    assert await store.get_execution(RUN) == record
    assert (await store.load_execution(RUN)).execution == record


async def test_new_execution_has_no_rows_and_no_owner(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {})
    loaded = await store.load_execution(RUN)
    assert (loaded.nodes, loaded.attempts, loaded.onces) == ((), (), ())
    assert await store.list_transitions(RUN) == ()
    assert await store.get_lease(RUN) is None


async def test_execution_of_a_known_id_is_refused_and_changes_nothing(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {})
    with pytest.raises(errors.ConflictError, match="default:development:a1 exists already"):
        await store.create_execution(execution(workflow="other"), {"new": b"content"})
    assert (await store.get_execution(RUN)).workflow == "flow"
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("new")


@pytest.mark.parametrize("run", [ExecutionId("p", "development", "a1"), ExecutionId("default", "d", "a1")])
async def test_names_are_apart_by_project_and_domain(store: ports.StateStore, run: ExecutionId) -> None:
    await store.create_execution(execution(), {})
    await store.create_execution(execution(run, workflow="theirs"), {})
    assert (await store.get_execution(RUN)).workflow == "flow"
    assert (await store.get_execution(run)).workflow == "theirs"


async def test_only_one_of_many_creators_wins(store: ports.StateStore) -> None:
    results = await asyncio.gather(
        *(store.create_execution(execution(workflow=str(i)), {}) for i in range(8)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, errors.ConflictError) for result in results) == 7


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get_execution(RUN),
        lambda store: store.load_execution(RUN),
        lambda store: store.list_transitions(RUN),
        lambda store: store.delete_execution(RUN),
        lambda store: store.acquire_lease(RUN, "e1", START + MINUTE, START),
        lambda store: store.get_lease(RUN),
        lambda store: store.put_request(wish()),
    ],
    ids=["get", "load", "transitions", "delete", "acquire", "lease", "request"],
)
async def test_unknown_execution_is_named(
    store: ports.StateStore, call: Callable[[ports.StateStore], Awaitable[object]]
) -> None:
    with pytest.raises(errors.NotFoundError, match="no execution default:development:a1"):
        await call(store)


async def test_executions_are_listed_newest_first(store: ports.StateStore) -> None:
    for name, age in (("old", 2), ("new", 0), ("mid", 1)):
        await store.create_execution(
            execution(ExecutionId("p", "d", name), created_at=START - age * MINUTE), {}
        )
    assert [record.id.name for record in await store.list_executions()] == ["new", "mid", "old"]


async def test_executions_of_one_instant_are_listed_last_created_first(store: ports.StateStore) -> None:
    for name in ("first", "second", "third"):
        await store.create_execution(execution(ExecutionId("p", "d", name)), {})
    assert [record.id.name for record in await store.list_executions()] == ["third", "second", "first"]


async def test_list_is_cut_at_the_limit(store: ports.StateStore) -> None:
    for number in range(5):
        await store.create_execution(
            execution(ExecutionId("p", "d", f"a{number}"), created_at=START + number * MINUTE), {}
        )
    assert [record.id.name for record in await store.list_executions(limit=2)] == ["a4", "a3"]


async def test_list_shows_only_the_phases_asked_for(store: ports.StateStore) -> None:
    lease = await owned(store)
    await owned(store, OTHER)
    await store.commit(lease, [execution(phase=ExecutionPhase.FAILED)])
    assert [r.id for r in await store.list_executions(frozenset({ExecutionPhase.FAILED}))] == [RUN]
    assert [r.id for r in await store.list_executions(frozenset({ExecutionPhase.QUEUED}))] == [OTHER]
    assert await store.list_executions(frozenset({ExecutionPhase.RUNNING})) == ()
    both = frozenset({ExecutionPhase.QUEUED, ExecutionPhase.FAILED})
    assert [r.id for r in await store.list_executions(both, limit=1)] == [OTHER]


# Commits


async def test_all_kinds_of_rows_are_read_back_equal(store: ports.StateStore) -> None:
    lease = await owned(store)
    record = execution(phase=ExecutionPhase.RUNNING, started_at=START)
    rich = attempt(
        phase=AttemptPhase.KILLING,
        reported=AttemptPhase.RUNNING,
        outcome=AttemptPhase.ABORTED,
        custom_state=b'{"job": "\x00"}',
        log_links=(LogLink("driver", "https://x"),),
        next_call_at=START + MINUTE,
        failure=Failure("SYSTEM:Unexpected", "boom"),
    )
    parent = node("n1", phase=NodePhase.SUCCEEDED, outputs=b"", ended_at=START)
    child = node("n1/n0", parent="n1", taken="n3")
    await store.commit(lease, [record, parent, child, rich, once("submit", b"1"), moved("RUNNING")])
    loaded = await store.load_execution(RUN)
    assert loaded == ports.StoredExecution(
        execution=record, nodes=(parent, child), attempts=(rich,), onces=(once("submit", b"1"),)
    )
    assert [transition for _, transition in await store.list_transitions(RUN)] == [moved("RUNNING")]


async def test_later_commit_replaces_the_record(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(), attempt(), once("k")])
    await store.commit(
        lease, [node(phase=NodePhase.FAILED), attempt(attempt=0, phase_version=7), once("k", b"2")]
    )
    loaded = await store.load_execution(RUN)
    assert loaded.nodes == (node(phase=NodePhase.FAILED),)
    assert loaded.attempts == (attempt(phase_version=7),)
    assert loaded.onces == (once("k", b"2"),)


async def test_last_record_of_one_commit_wins(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(phase=NodePhase.QUEUED), node(phase=NodePhase.RUNNING), node(taken="x")])
    assert (await store.load_execution(RUN)).nodes == (node(taken="x"),)


async def test_attempts_of_a_node_are_apart(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [attempt("n0", 0), attempt("n0", 1), attempt("n1", 0)])
    assert [(a.node_id, a.attempt) for a in (await store.load_execution(RUN)).attempts] == [
        ("n0", 0), ("n0", 1), ("n1", 0),
    ]  # fmt: skip


async def test_keys_of_once_are_apart(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [once("a"), once("b"), once("b", b"done")])
    assert (await store.load_execution(RUN)).onces == (once("a"), once("b", b"done"))


async def test_empty_commit_is_fine(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [])
    assert (await store.load_execution(RUN)).nodes == ()


async def test_executions_do_not_see_each_others_rows(store: ports.StateStore) -> None:
    mine, theirs = await owned(store), await owned(store, OTHER, "e2")
    await asyncio.gather(
        store.commit(mine, [node(taken="mine"), moved("MINE")]),
        store.commit(theirs, [node(taken="theirs"), moved("THEIRS")]),
    )
    assert (await store.load_execution(RUN)).nodes == (node(taken="mine"),)
    assert (await store.load_execution(OTHER)).nodes == (node(taken="theirs"),)
    assert (await phases_of(store), await phases_of(store, OTHER)) == (["MINE"], ["THEIRS"])


async def test_commits_of_a_lease_take_effect_in_the_order_of_the_calls(store: ports.StateStore) -> None:
    lease = await owned(store)
    await asyncio.gather(*(store.commit(lease, [node(taken=str(i)), moved(f"P{i}")]) for i in range(200)))
    assert (await store.load_execution(RUN)).nodes == (node(taken="199"),)
    assert await phases_of(store) == [f"P{i}" for i in range(200)]


async def test_what_follows_in_one_gather_sees_what_came_before(store: ports.StateStore) -> None:
    lease = await owned(store)
    _, _, successor = await asyncio.gather(
        store.commit(lease, [moved("BEFORE")]),
        store.release_lease(lease),
        store.acquire_lease(RUN, "e2", START + MINUTE, START),
    )
    assert successor is not None
    assert await phases_of(store) == ["BEFORE"]


async def test_cancelled_wait_leaves_the_store_usable(store: ports.StateStore) -> None:
    lease = await owned(store)
    waiting = asyncio.ensure_future(store.commit(lease, [moved("MAYBE")]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await store.commit(lease, [moved("AFTER")])
    assert (await phases_of(store))[-1] == "AFTER"


async def test_change_of_another_execution_is_refused(store: ports.StateStore) -> None:
    lease = await owned(store)
    with pytest.raises(errors.BugError, match="handed in with the lease of"):
        await store.commit(lease, [node(), execution(OTHER)])
    assert (await store.load_execution(RUN)).nodes == ()


async def test_what_can_not_be_stored_is_refused_before_anything_is_written(store: ports.StateStore) -> None:
    lease = await owned(store)
    with pytest.raises(errors.BugError, match="NodeRecord that can't be stored"):
        await store.commit(lease, [moved("RUNNING"), node(taken="\ud800")])
    assert await phases_of(store) == []


async def test_instants_keep_their_microseconds(store: ports.StateStore) -> None:
    instant = datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await store.create_execution(execution(created_at=instant), {})
    assert (await store.get_execution(RUN)).created_at == instant


@pytest.mark.parametrize("name", ["n'0", 'n"0', "n\\0", "größe", "日本", "n 0", "n%0", "[1]", "12", "null"])
async def test_node_ids_are_taken_literally(store: ports.StateStore, name: str) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(name), attempt(name), moved("RUNNING", name)])
    loaded = await store.load_execution(RUN)
    assert (loaded.nodes, loaded.attempts) == ((node(name),), (attempt(name),))
    assert len(await store.list_transitions(RUN, node_id=name)) == 1


async def test_large_records_are_kept_whole(store: ports.StateStore) -> None:
    lease = await owned(store)
    state = bytes(range(256)) * 4096
    await store.commit(lease, [attempt(custom_state=state), attempt(index=1, custom_state=b"")])
    assert [a.custom_state for a in (await store.load_execution(RUN)).attempts] == [state, b""]


@pytest.mark.parametrize(
    "newer",
    [node(version=99), attempt(version=99), once("k"), execution(version=99)],
    ids=["node", "attempt", "once", "execution"],
)
async def test_row_of_a_newer_elevon_is_refused_by_name(
    store: ports.StateStore, newer: NodeRecord | AttemptRecord | OnceRecord | ExecutionRecord
) -> None:
    lease = await owned(store)
    await store.commit(lease, [node("n9"), msgspec.structs.replace(newer, version=99)])
    with pytest.raises(errors.CorruptStateError, match=r"default:development:a1 .* upgrade elevon"):
        await store.load_execution(RUN)


# History


async def test_history_counts_up_and_is_paged(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [moved("A"), moved("B")])
    await store.commit(lease, [moved("C")])
    sequences = [sequence for sequence, _ in await store.list_transitions(RUN)]
    assert sequences == sorted(set(sequences))
    assert [t.phase for _, t in await store.list_transitions(RUN, after=sequences[0])] == ["B", "C"]
    assert await store.list_transitions(RUN, after=sequences[-1]) == ()


async def test_history_of_one_node_is_picked_out(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [moved("A", "n0"), moved("B", "n1"), moved("C", ""), moved("D", "n1")])
    assert [t.phase for _, t in await store.list_transitions(RUN, node_id="n1")] == ["B", "D"]
    assert [t.phase for _, t in await store.list_transitions(RUN, node_id="")] == ["C"]
    after_b = (await store.list_transitions(RUN, node_id="n1"))[0][0]
    assert [t.phase for _, t in await store.list_transitions(RUN, after_b, "n1")] == ["D"]


async def test_history_goes_on_under_the_next_owner(store: ports.StateStore) -> None:
    await store.commit(await owned(store), [moved("A")])
    await store.commit(await taken(store), [moved("B")])
    assert await phases_of(store) == ["A", "B"]


# Artifacts


async def test_artifacts_come_with_their_execution(store: ports.StateStore) -> None:
    await store.create_execution(execution(code_digest="code"), {"c": b"closure", "code": b"\x00"})
    assert (await store.get_artifact("c"), await store.get_artifact("code")) == (b"closure", b"\x00")


async def test_repeated_artifact_is_free(store: ports.StateStore) -> None:
    await store.put_artifact("d", b"content")
    await store.put_artifact("d", b"content")
    assert await store.get_artifact("d") == b"content"


async def test_unknown_artifact_is_named(store: ports.StateStore) -> None:
    with pytest.raises(errors.NotFoundError, match="no artifact d0"):
        await store.get_artifact("d0")


async def test_shared_artifact_stays_until_its_last_execution_goes(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {"c": b"closure", "mine": b"1"})
    await store.create_execution(execution(OTHER), {"c": b"closure"})
    await store.delete_execution(RUN)
    assert await store.get_artifact("c") == b"closure"
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("mine")
    await store.delete_execution(OTHER)
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("c")


async def test_artifact_that_was_put_alone_is_kept(store: ports.StateStore) -> None:
    await store.put_artifact("alone", b"1")
    await store.create_execution(execution(), {})
    await store.delete_execution(RUN)
    assert await store.get_artifact("alone") == b"1"


# Deletion


async def test_deleted_execution_leaves_nothing_to_a_new_one_of_its_name(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(), attempt(), once("k"), moved("A")])
    await store.put_request(wish())
    await store.release_lease(lease)
    await store.delete_execution(RUN)
    await owned(store)
    loaded = await store.load_execution(RUN)
    assert (loaded.nodes, loaded.attempts, loaded.onces) == ((), (), ())
    assert await store.list_transitions(RUN) == ()
    assert await store.list_requests("e1") == ()


async def test_execution_with_a_live_owner_is_not_deleted(store: ports.StateStore) -> None:
    await owned(store)
    with pytest.raises(errors.ConflictError, match="being driven by engine e1"):
        await store.delete_execution(RUN)
    assert (await store.get_execution(RUN)).id == RUN


async def test_execution_of_an_expired_owner_is_deleted(store: ports.StateStore, world: World) -> None:
    await owned(store)
    world.at = START + MINUTE
    await store.delete_execution(RUN)
    assert await store.list_executions() == ()


async def test_execution_of_a_dead_owner_is_deleted(store: ports.StateStore, world: World) -> None:
    await owned(store)
    world.dead.add("e1")
    await store.delete_execution(RUN)
    assert await store.list_executions() == ()


async def test_owner_of_a_deleted_execution_can_not_write(store: ports.StateStore, world: World) -> None:
    lease = await owned(store)
    world.dead.add("e1")
    await store.delete_execution(RUN)
    with pytest.raises(errors.ConflictError):
        await store.commit(lease, [node()])


async def test_old_owner_can_not_write_to_a_new_execution_of_the_name(
    store: ports.StateStore, world: World
) -> None:
    old = await owned(store)
    world.at = START + MINUTE
    await store.delete_execution(RUN)
    await owned(store)
    with pytest.raises(errors.ConflictError):
        await store.commit(old, [node()])
    assert (await store.load_execution(RUN)).nodes == ()


# Leases


async def test_free_execution_is_granted(store: ports.StateStore) -> None:
    lease = await owned(store)
    assert (lease.execution, lease.owner, lease.expires_at) == (RUN, "e1", START + MINUTE)
    assert await store.get_lease(RUN) == lease


async def test_live_lease_is_not_granted_to_another(store: ports.StateStore) -> None:
    lease = await owned(store)
    assert await store.acquire_lease(RUN, "e2", START + 2 * MINUTE, START + MINUTE / 2) is None
    assert await store.get_lease(RUN) == lease


async def test_only_one_of_many_engines_gets_the_lease(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {})
    granted = await asyncio.gather(
        *(store.acquire_lease(RUN, f"e{i}", START + MINUTE, START) for i in range(8))
    )
    assert sum(lease is not None for lease in granted) == 1


async def test_lease_is_taken_over_at_its_expiry(store: ports.StateStore) -> None:
    old = await owned(store)
    new = await store.acquire_lease(RUN, "e2", START + 2 * MINUTE, now=START + MINUTE)
    assert new is not None
    assert new.fencing > old.fencing


async def test_lease_of_a_dead_owner_is_taken_over_at_once(store: ports.StateStore, world: World) -> None:
    old = await owned(store)
    world.dead.add("e1")
    assert (await taken(store, owner="e2")).fencing > old.fencing


async def test_owner_that_takes_again_fences_its_former_self(store: ports.StateStore) -> None:
    old = await owned(store)
    new = await taken(store)
    assert new.fencing > old.fencing
    with pytest.raises(errors.ConflictError):
        await store.commit(old, [node()])


async def test_commit_of_a_former_owner_is_refused_and_leaves_nothing(
    store: ports.StateStore, world: World
) -> None:
    old = await owned(store)
    world.dead.add("e1")
    await taken(store, owner="e2")
    with pytest.raises(errors.ConflictError, match=r"no longer owned by engine e1 \(fencing number"):
        await store.commit(old, [node(), moved("ZOMBIE"), execution(phase=ExecutionPhase.FAILED)])
    assert (await store.load_execution(RUN)).nodes == ()
    assert (await store.get_execution(RUN)).phase is ExecutionPhase.QUEUED
    assert await phases_of(store) == []


async def test_fenced_commit_does_not_harm_those_beside_it(store: ports.StateStore, world: World) -> None:
    old = await owned(store)
    world.dead.add("e1")
    new, other = await taken(store, owner="e2"), await owned(store, OTHER, "e2")
    results = await asyncio.gather(
        store.commit(new, [moved("A")]),
        store.commit(old, [moved("ZOMBIE")]),
        store.commit(other, [moved("B")]),
        store.commit(new, [moved("C")]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), errors.ConflictError, type(None), type(None)]
    assert (await phases_of(store), await phases_of(store, OTHER)) == (["A", "C"], ["B"])


async def test_expired_lease_still_writes_until_it_is_taken_over(
    store: ports.StateStore, world: World
) -> None:
    lease = await owned(store)
    world.at = START + 2 * MINUTE
    await store.commit(lease, [node()])
    assert (await store.load_execution(RUN)).nodes == (node(),)


async def test_lease_of_another_owner_with_the_same_number_is_refused(store: ports.StateStore) -> None:
    lease = await owned(store)
    with pytest.raises(errors.ConflictError):
        await store.commit(msgspec.structs.replace(lease, owner="e2"), [node()])


async def test_renewal_extends_all_that_the_owner_holds(store: ports.StateStore, world: World) -> None:
    mine, also_mine = await owned(store), await owned(store, OTHER)
    third = ExecutionId("default", "development", "a3")
    await owned(store, third, "e2")
    later = START + 5 * MINUTE
    renewed = await store.renew_leases("e1", later)
    assert sorted(renewed, key=lambda lease: lease.execution) == [
        msgspec.structs.replace(mine, expires_at=later),
        msgspec.structs.replace(also_mine, expires_at=later),
    ]
    assert await store.get_lease(RUN) == msgspec.structs.replace(mine, expires_at=later)
    assert await store.acquire_lease(RUN, "e3", later, START + 4 * MINUTE) is None
    assert await store.acquire_lease(third, "e3", later, START + 4 * MINUTE) is not None


async def test_renewed_lease_writes_with_its_old_face(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.renew_leases("e1", START + 5 * MINUTE)
    await store.commit(lease, [node()])


async def test_renewal_leaves_out_what_was_taken_over(store: ports.StateStore, world: World) -> None:
    await owned(store)
    world.dead.add("e1")
    new = await taken(store, owner="e2")
    assert await store.renew_leases("e1", START + 5 * MINUTE) == ()
    assert await store.get_lease(RUN) == new


async def test_released_execution_is_free(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.release_lease(lease)
    assert await store.get_lease(RUN) is None
    assert await store.renew_leases("e1", START + 5 * MINUTE) == ()
    assert (await taken(store, owner="e2")).fencing > lease.fencing


async def test_released_lease_does_not_write(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.release_lease(lease)
    with pytest.raises(errors.ConflictError):
        await store.commit(lease, [node()])


async def test_release_leaves_the_next_owner_alone(store: ports.StateStore, world: World) -> None:
    old = await owned(store)
    world.dead.add("e1")
    new = await taken(store, owner="e2")
    await store.release_lease(old)
    assert await store.get_lease(RUN) == new


async def test_release_of_a_deleted_execution_is_fine(store: ports.StateStore, world: World) -> None:
    lease = await owned(store)
    world.at = START + MINUTE
    await store.delete_execution(RUN)
    await store.release_lease(lease)


# Requests


async def test_request_reaches_the_owner(store: ports.StateStore) -> None:
    await owned(store)
    await owned(store, OTHER, "e2")
    await store.put_request(wish())
    assert await store.list_requests("e1") == (wish(),)
    assert await store.list_requests("e2") == ()


async def test_first_of_equal_requests_stands(store: ports.StateStore) -> None:
    await owned(store)
    await store.put_request(wish(by="ann"))
    await store.put_request(wish(by="bob"))
    assert [request.by for request in await store.list_requests("e1")] == ["ann"]


async def test_request_waits_for_an_owner_and_follows_the_lease(
    store: ports.StateStore, world: World
) -> None:
    await store.create_execution(execution(), {})
    await store.put_request(wish())
    assert await store.list_requests("e1") == ()
    await taken(store)
    assert await store.list_requests("e1") == (wish(),)
    world.dead.add("e1")
    await taken(store, owner="e2")
    assert (await store.list_requests("e1"), await store.list_requests("e2")) == ((), (wish(),))


# Opening and closing


async def test_what_was_written_is_there_after_reopening(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(), attempt(), once("k", b"1"), moved("A")])
    before = await store.load_execution(RUN)
    await store.close()
    await store.open()
    assert await store.load_execution(RUN) == before
    assert await phases_of(store) == ["A"]
    assert await store.get_lease(RUN) == lease
    assert await store.get_artifact("c") == b"closure"


async def test_fencing_numbers_go_on_after_reopening(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.close()
    await store.open()
    assert (await taken(store)).fencing > lease.fencing


async def test_close_finishes_what_was_handed_in(store: ports.StateStore) -> None:
    lease = await owned(store)
    pending = [asyncio.ensure_future(store.commit(lease, [moved(f"P{i}")])) for i in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)
    await store.open()
    assert len(await phases_of(store)) == 50


async def test_open_and_close_may_be_repeated(store: ports.StateStore) -> None:
    await store.open()
    await store.close()
    await store.close()
    await store.open()
    await owned(store)


async def test_closed_store_says_so(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.close()
    with pytest.raises(errors.UnavailableError, match="is not open"):
        await store.commit(lease, [node()])
    with pytest.raises(errors.UnavailableError, match="is not open"):
        await store.load_execution(RUN)
