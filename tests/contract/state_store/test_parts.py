"""Parts of an execution: some of its nodes, what has changed of it, and its nodes a page at a time."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from elevon import errors, ports
from elevon.records.changes import Change
from elevon.records.phases import ExecutionPhase, NodePhase
from elevon.records.snapshots import NodePlace
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
    taken,
)


async def test_some_nodes_come_with_all_of_their_attempts(store: ports.StateStore) -> None:
    lease, other = await owned(store), await owned(store, OTHER)
    await store.commit(lease, [node("n0"), node("n1"), node("n0/0", parent="n0"), once("a")])
    await store.commit(lease, [attempt("n1", 1), attempt("n1", 0), attempt("n0"), attempt("n2")])
    await store.commit(other, [node("n1", taken="theirs"), attempt("n1", 7)])
    found = await store.load_nodes(RUN, ["n1", "n2", "n9", "n1"])
    assert found.nodes == (node("n1"),)
    assert found.attempts == (attempt("n1", 0), attempt("n1", 1), attempt("n2"))
    nothing = await store.load_nodes(RUN, [])
    assert (nothing.nodes, nothing.attempts) == ((), ())


async def test_changes_are_told_from_where_one_stopped(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node("n0"), attempt("n0"), moved("A", "n0"), node("n1"), moved("A", "n1")])
    first = await store.load_changes(RUN, 0, 10)
    assert (first.nodes, first.attempts) == ((node("n0"), node("n1")), (attempt("n0"),))
    assert (first.execution, first.has_more) == (execution(), False)
    silent = await store.load_changes(RUN, first.after, 10)
    assert (silent.after, silent.nodes, silent.attempts) == (first.after, (), ())
    ended = node("n1", phase=NodePhase.SUCCEEDED)
    await store.commit(lease, [ended, attempt("n1"), moved("B", "n1")])
    second = await store.load_changes(RUN, first.after, 10)
    assert (second.nodes, second.attempts) == ((ended,), (attempt("n1"),))
    assert second.after > first.after


async def test_changes_are_told_in_parts_as_they_stand_at_the_look(store: ports.StateStore) -> None:
    lease = await owned(store)
    for phase in (NodePhase.RUNNING, NodePhase.SUCCEEDED):
        await store.commit(
            lease, [c for name in "abc" for c in (node(name, phase=phase), moved(phase, name))]
        )
    over = execution(phase=ExecutionPhase.SUCCEEDED)
    await store.commit(lease, [over, moved("SUCCEEDED", "")])
    parts = [await store.load_changes(RUN, 0, 2)]
    while parts[-1].has_more:
        parts.append(await store.load_changes(RUN, parts[-1].after, 2))
    assert [[one.node_id for one in part.nodes] for part in parts] == [["a", "b"], ["a", "c"], ["b", "c"], []]
    assert all(one.phase is NodePhase.SUCCEEDED for part in parts for one in part.nodes)
    assert [part.execution for part in parts] == [over] * 4
    assert parts[-1].after == (await store.list_transitions(RUN))[-1][0]


async def test_positions_outlive_the_store_that_told_them(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node("n0"), moved("A", "n0")])
    after = (await store.load_changes(RUN, 0, 10)).after
    await store.close()
    await store.open()
    assert (await store.load_changes(RUN, after, 10)).nodes == ()
    await store.commit(await taken(store), [node("n1"), moved("A", "n1")])
    assert (await store.load_changes(RUN, after, 10)).nodes == (node("n1"),)


async def test_nothing_has_changed_behind_a_position_that_never_was(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node("n0"), moved("A", "n0")])
    told = await store.load_changes(RUN, 1 << 62, 10)
    assert (told.after, told.nodes, told.has_more) == (1 << 62, (), False)


async def pages_of(store: ports.StateStore, parent: str, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    behind: NodePlace | None = None
    while page := await store.list_nodes(RUN, parent, limit, behind):
        pages.append([one.node_id for one in page])
        behind = NodePlace(page[-1].started_at, page[-1].node_id)
    return pages


async def test_nodes_of_one_parent_are_listed_by_their_start(store: ports.StateStore) -> None:
    lease = await owned(store)
    await owned(store, OTHER)
    late, early = START + MINUTE, START - timedelta(microseconds=1)
    await store.commit(
        lease,
        [
            node("n2", started_at=early),
            node("n1"),
            node("n0", started_at=late),
            node("n1/1", parent="n1"),
            node("n1/0", parent="n1", started_at=late),
            node("n1/1/n0", parent="n1/1", started_at=early),
        ],
    )
    assert await pages_of(store, "", 2) == [["n2", "n1"], ["n0"]]
    assert await pages_of(store, "n1", 9) == [["n1/1", "n1/0"]]
    assert await pages_of(store, "n0", 9) == []
    assert await store.list_nodes(OTHER, "", 9) == ()
    assert await store.list_nodes(RUN, "n1", 9) == (
        node("n1/1", parent="n1"),
        node("n1/0", parent="n1", started_at=late),
    )


async def test_nodes_of_one_instant_are_listed_by_id(store: ports.StateStore) -> None:
    lease = await owned(store)
    changes: list[Change] = [node(name) for name in ("c", "a", "d", "b")]
    await store.commit(lease, changes)
    assert await pages_of(store, "", 3) == [["a", "b", "c"], ["d"]]
    assert [one.node_id for one in await store.list_nodes(RUN, "", 9, NodePlace(START, "bb"))] == ["c", "d"]


async def test_a_node_keeps_its_place_in_lists_when_it_changes(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {}, [node("n1", phase=NodePhase.RECOVERED), node("n0")])
    lease = await taken(store)
    await store.commit(lease, [node("n0", phase=NodePhase.FAILED), node("n2", started_at=START - MINUTE)])
    assert await pages_of(store, "", 1) == [["n2"], ["n0"], ["n1"]]


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.load_nodes(RUN, ["n0"]),
        lambda store: store.load_changes(RUN, 0, 1),
        lambda store: store.list_nodes(RUN, "", 1),
    ],
    ids=["nodes", "changes", "list"],
)
async def test_execution_whose_parts_are_unknown_is_named(
    store: ports.StateStore, call: Callable[[ports.StateStore], Awaitable[object]]
) -> None:
    with pytest.raises(errors.NotFoundError, match="no execution default:development:a1"):
        await call(store)
