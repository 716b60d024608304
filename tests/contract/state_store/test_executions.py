"""Executions, their history, their artifacts and their end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from elevon import errors, ports
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase, NodePhase
from tests.contract.state_store.worlds import (
    MINUTE,
    OTHER,
    RUN,
    START,
    World,
    attempt,
    execution,
    moved,
    node,
    once,
    owned,
    phases_of,
    taken,
    wish,
)


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


async def test_new_execution_has_the_nodes_that_it_takes_over_and_no_history_of_them(
    store: ports.StateStore,
) -> None:
    taken_over = [
        node("n1", phase=NodePhase.RECOVERED, outputs=b"\x00\xff", ended_at=START),
        node("n0", phase=NodePhase.RECOVERED, outputs=b"", ended_at=START),
        node("n1/n0", parent="n1", phase=NodePhase.RECOVERED),
    ]
    await store.create_execution(execution(), {"c": b"closure"}, taken_over)
    loaded = await store.load_execution(RUN)
    assert loaded.execution == execution()
    assert loaded.nodes == (taken_over[1], taken_over[0], taken_over[2])
    assert (loaded.attempts, loaded.onces) == ((), ())
    assert await phases_of(store) == []
    assert await store.get_artifact("c") == b"closure"


async def test_many_are_read_at_once_in_the_order_that_was_asked_for(store: ports.StateStore) -> None:
    elsewhere = ExecutionId("p", "d", RUN.name)
    for one in (RUN, OTHER, elsewhere):
        await store.create_execution(execution(one, workflow=str(one)), {})
    missing = ExecutionId("default", "development", "a9")
    found = await store.get_executions([OTHER, missing, elsewhere, RUN, OTHER])
    assert [one and one.workflow for one in found] == [str(OTHER), None, str(elsewhere), str(RUN), str(OTHER)]
    assert found[3] == await store.get_execution(RUN)


async def test_to_read_none_at_once_is_fine(store: ports.StateStore) -> None:
    assert list(await store.get_executions([])) == []


async def test_nodes_that_were_taken_over_belong_to_their_execution_alone(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {}, [node("n0")])
    await store.create_execution(execution(OTHER), {}, [node("n1")])
    assert [one.node_id for one in (await store.load_execution(RUN)).nodes] == ["n0"]
    assert [one.node_id for one in (await store.load_execution(OTHER)).nodes] == ["n1"]


async def test_nodes_that_were_taken_over_change_and_go_like_others(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {}, [node("n0", phase=NodePhase.RECOVERED), node("n1")])
    await store.commit(await taken(store), [node("n1", phase=NodePhase.FAILED)])
    loaded = await store.load_execution(RUN)
    assert [one.phase for one in loaded.nodes] == [NodePhase.RECOVERED, NodePhase.FAILED]
    lease = await store.get_lease(RUN)
    assert lease is not None
    await store.release_lease(lease)
    await store.delete_execution(RUN)
    await store.create_execution(execution(), {})
    assert (await store.load_execution(RUN)).nodes == ()


async def test_execution_of_a_known_id_leaves_no_nodes(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {}, [node("n0")])
    with pytest.raises(errors.ConflictError, match="exists already"):
        await store.create_execution(
            execution(), {"new": b"content"}, [node("n0", phase=NodePhase.RECOVERED), node("n1")]
        )
    assert (await store.load_execution(RUN)).nodes == (node("n0"),)


async def test_execution_with_a_node_that_cannot_be_stored_is_not_there_at_all(
    store: ports.StateStore,
) -> None:
    unstorable = node("n1", attempt=2**64)
    with pytest.raises(errors.BugError, match="can't be stored"):
        await store.create_execution(execution(), {"new": b"content"}, [node("n0"), unstorable])
    assert await store.list_executions() == ()
    with pytest.raises(errors.NotFoundError):
        await store.get_artifact("new")


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


async def test_list_goes_on_behind_one_of_it(store: ports.StateStore) -> None:
    for name, minutes in (("a1", 0), ("a2", 0), ("a3", 1), ("a4", 2)):
        run = ExecutionId("default", "development", name)
        await store.create_execution(execution(run, created_at=START + minutes * MINUTE), {})
    behind = ExecutionId("default", "development", "a3")
    assert [one.id.name for one in await store.list_executions(behind=behind)] == ["a2", "a1"]
    assert [one.id.name for one in await store.list_executions(behind=behind, limit=1)] == ["a2"]
    assert [
        one.id.name for one in await store.list_executions(frozenset({ExecutionPhase.FAILED}), 0, behind)
    ] == []


async def test_list_goes_on_behind_nothing_that_is_not_there(store: ports.StateStore) -> None:
    with pytest.raises(errors.NotFoundError, match="there is no execution"):
        await store.list_executions(behind=RUN)


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


async def test_list_of_several_phases_goes_on_behind_one_of_it(store: ports.StateStore) -> None:
    shown = (ExecutionPhase.FAILED, ExecutionPhase.ABORTED)
    for number, phase in enumerate((*shown, ExecutionPhase.RUNNING, *shown)):
        run = ExecutionId("default", "development", f"a{number}")
        await store.create_execution(execution(run, phase=phase, created_at=START + number * MINUTE), {})
    behind = ExecutionId("default", "development", "a4")
    found = [await store.list_executions(frozenset(shown), limit, behind) for limit in (2, 0)]
    assert [[one.id.name for one in page] for page in found] == [["a3", "a1"], ["a3", "a1", "a0"]]


async def test_executions_are_found_by_how_their_names_begin(store: ports.StateStore) -> None:
    for number, name in enumerate(("ab", "abc", "abd", "ac", "a")):
        run = ExecutionId("default", "development", name)
        await store.create_execution(execution(run, created_at=START + number * MINUTE), {})
    await store.create_execution(execution(ExecutionId("default", "other", "ab")), {})

    async def names(beginning: str) -> list[str]:
        return [one.name for one in await store.find_executions("default", "development", beginning)]

    assert await names("ab") == ["abd", "abc", "ab"]
    assert await names("") == ["a", "ac", "abd", "abc", "ab"]
    assert await names("abd") == ["abd"]
    assert [await names(text) for text in ("abe", "a%", "*", "b\U0010ffff")] == [[]] * 4


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


async def test_artifacts_come_with_their_execution(store: ports.StateStore) -> None:
    await store.create_execution(execution(code_digest="code"), {"c": b"closure", "code": b"\x00"})
    assert (await store.get_artifact("c"), await store.get_artifact("code")) == (b"closure", b"\x00")


async def test_repeated_artifact_is_free(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {})
    await store.put_artifact(RUN, "d", b"content")
    await store.put_artifact(RUN, "d", b"content")
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


async def test_artifact_that_was_put_for_an_execution_goes_with_it(store: ports.StateStore) -> None:
    await store.create_execution(execution(), {})
    await store.create_execution(execution(OTHER), {"shared": b"2"})
    await store.put_artifact(RUN, "mine", b"1")
    await store.put_artifact(RUN, "shared", b"2")
    await store.delete_execution(OTHER)
    assert (await store.get_artifact("mine"), await store.get_artifact("shared")) == (b"1", b"2")
    await store.delete_execution(RUN)
    for digest in ("mine", "shared"):
        with pytest.raises(errors.NotFoundError):
            await store.get_artifact(digest)


async def test_artifact_of_no_execution_is_refused(store: ports.StateStore) -> None:
    with pytest.raises(errors.NotFoundError, match="there is no execution"):
        await store.put_artifact(RUN, "d", b"content")


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
