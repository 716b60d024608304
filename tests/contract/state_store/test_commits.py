"""Batches of changes: whole, in order, literal."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from elevon import errors, ports
from elevon.records.attempts import AttemptRecord, LogLink, OnceRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.snapshots import StoredExecution
from tests.contract.state_store.worlds import (
    MINUTE,
    OTHER,
    RUN,
    START,
    attempt,
    execution,
    moved,
    node,
    once,
    owned,
    phases_of,
)


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
    assert loaded == StoredExecution(
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


@pytest.mark.parametrize("bad", [attempt(phase_version=2**64), node("\ud800"), once("\ud800")])
async def test_what_can_not_be_stored_is_refused_before_anything_is_written(
    store: ports.StateStore, bad: Change
) -> None:
    lease = await owned(store)
    with pytest.raises(errors.BugError, match=r"default:development:a1 has a .* that can't be stored"):
        await store.commit(lease, [moved("RUNNING"), bad])
    assert await phases_of(store) == []


async def test_text_that_is_no_unicode_does_not_stop_a_commit(store: ports.StateStore) -> None:
    lease = await owned(store)
    failure = Failure("USER:OSError", "no file \udcff\u00e9", traceback="line\n")
    link = LogLink("l", "\udcff")
    await store.commit(lease, [node(failure=failure), attempt(log_links=(link,), custom_state=b"\xff")])
    loaded = await store.load_execution(RUN)
    escaped = Failure("USER:OSError", "no file \\udcff\u00e9", traceback="line\n")
    assert loaded.nodes == (node(failure=escaped),)
    assert loaded.attempts == (attempt(log_links=(LogLink("l", "\\udcff"),), custom_state=b"\xff"),)


async def test_instants_keep_their_microseconds(store: ports.StateStore) -> None:
    instant = datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await store.create_execution(execution(created_at=instant), {})
    assert (await store.get_execution(RUN)).created_at == instant


@pytest.mark.parametrize(
    "name", ["n'0", 'n"0', "n\\0", "größe", "日本", "n 0", "n%0", "[1]", "12", "null", "n\x00a"]
)
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
