"""Whatever is done to them, in whatever order, the adapters of `ports.StateStore` answer alike."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from elevon import errors, ports
from elevon.records.changes import Change
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import Lease, RequestKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from elevon.records.snapshots import NodePlace
from elevon.records.tokens import PoolLimits
from elevon.stores.memory import MemoryStateStore
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import (
    MINUTE,
    START,
    World,
    attempt,
    drain,
    execution,
    moved,
    node,
    once,
    token,
    wish,
)

RUNS = [ExecutionId("default", "development", "a1"), ExecutionId("theirs", "development", "a2")]
Leases = dict[int, list[Lease]]
Step = Callable[[ports.StateStore, World, Leases], Awaitable[object]]

runs = st.sampled_from(range(len(RUNS)))
owners = st.sampled_from(["e1", "e2", "e3"])
node_ids = st.sampled_from(["n0", "n1", "n1/n0"])
digests = st.sampled_from(["c", "d", "e"])
kinds = st.sampled_from(RequestKind)
indexes = st.integers(0, 2)
pools = st.sampled_from(["queries", "uploads"])
limits = st.builds(PoolLimits, limit=st.integers(1, 3), limit_per_namespace=st.integers(0, 2))
task_types = st.sampled_from(["sleep", "echo"])
changes: st.SearchStrategy[list[Change]] = st.lists(
    st.one_of(
        st.builds(lambda name, phase: node(name, phase=phase), node_ids, st.sampled_from(NodePhase)),
        st.builds(
            lambda name, index, state, phase, is_parked: attempt(
                name, index, custom_state=state, phase=phase, is_parked=is_parked
            ),
            node_ids,
            indexes,
            st.none() | st.binary(max_size=40),
            st.sampled_from(AttemptPhase),
            st.booleans(),
        ),
        st.builds(once, st.sampled_from(["a", "b"]), st.none() | st.binary(max_size=4)),
        st.builds(moved, st.sampled_from(["A", "B"]), node_ids),
    ),
    max_size=5,
)


def creating(run: int, age: int, contents: list[str]) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        record = execution(RUNS[run], created_at=START - age * MINUTE)
        return await store.create_execution(record, {digest: digest.encode() for digest in contents})

    return step


def taking(run: int, owner: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        lease = await store.acquire_lease(RUNS[run], owner, world.now() + 2 * MINUTE, world.now())
        if lease is not None:
            leases.setdefault(run, []).append(lease)
        return lease

    return step


def committing(run: int, age: int, batch: list[Change], phase: ExecutionPhase | None) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        if len(leases.get(run, [])) <= age:
            return None
        lease = leases[run][-1 - age]
        records: list[Change] = [] if phase is None else [execution(RUNS[run], phase=phase)]
        return await store.commit(lease, [*batch, *records])

    return step


def releasing(run: int, age: int) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        if len(leases.get(run, [])) <= age:
            return None
        return await store.release_lease(leases[run][-1 - age])

    return step


def renewing(owner: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        renewed = await store.renew_leases(owner, world.now() + 2 * MINUTE)
        return sorted(renewed, key=lambda lease: lease.execution)

    return step


def deleting(run: int) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.delete_execution(RUNS[run])

    return step


def asking(run: int, by: str, kind: RequestKind, node_id: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.put_request(wish(RUNS[run], by, kind=kind, node_id=node_id))

    return step


def obeying(run: int, kind: RequestKind, node_id: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.remove_request(wish(RUNS[run], kind=kind, node_id=node_id))

    return step


def draining(task_type: str, by: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.put_drain(drain(task_type, by))

    return step


def resuming(task_type: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.remove_drain(task_type)

    return step


def allocating(run: int, node_id: str, index: int, pool: str, limits: PoolLimits) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.allocate_token(token(AttemptId(RUNS[run], node_id, index), pool), limits)

    return step


def giving_back(run: int, node_id: str, index: int, pool: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        return await store.release_token(pool, token(AttemptId(RUNS[run], node_id, index)).name)

    return step


def letting_time_pass() -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        world.at += MINUTE
        return None

    return step


def dying(owner: str) -> Step:
    async def step(store: ports.StateStore, world: World, leases: Leases) -> object:
        world.dead.add(owner)
        return None

    return step


ages = st.sampled_from([0, 0, 0, 1, 2])
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(creating, runs, st.integers(0, 2), st.lists(digests, max_size=2)),
    st.builds(taking, runs, owners),
    st.builds(committing, runs, ages, changes, st.none() | st.sampled_from(ExecutionPhase)),
    st.builds(committing, runs, ages, changes, st.none()),
    st.builds(releasing, runs, ages),
    st.builds(renewing, owners),
    st.builds(deleting, runs),
    st.builds(asking, runs, owners, kinds, node_ids),
    st.builds(obeying, runs, kinds, node_ids),
    st.builds(draining, task_types, owners),
    st.builds(resuming, task_types),
    *[st.builds(allocating, runs, node_ids, indexes, pools, limits)] * 3,
    st.builds(giving_back, runs, node_ids, indexes, pools),
    st.builds(letting_time_pass),
    st.builds(dying, owners),
)


async def answer(call: Awaitable[object]) -> object:
    """What it returns, or what it says when it refuses."""
    try:
        return await call
    except errors.ElevonError as error:
        return type(error), str(error)


async def everything(store: ports.StateStore) -> list[object]:
    """All that can be read."""
    seen: list[object] = [await store.list_executions(), await store.list_executions(limit=1)]
    seen.extend([await store.list_executions(frozenset({phase})) for phase in ExecutionPhase])
    seen.append(await store.list_executions(frozenset({ExecutionPhase.QUEUED, ExecutionPhase.FAILED}), 1))
    seen.append(await store.find_executions("default", "development", "a"))
    for run in RUNS:
        seen.append(await answer(store.load_execution(run)))
        seen.append(await answer(store.get_lease(run)))
        seen.append(await answer(store.list_transitions(run)))
        seen.append(await answer(store.list_transitions(run, 1, "n0")))
        seen.append(await answer(store.load_nodes(run, ["n1/n0", "n0", "n9"])))
        seen.extend([await answer(store.load_changes(run, after, 2)) for after in (0, 1, 3)])
        seen.append(await answer(store.list_nodes(run, "", 2)))
        seen.append(await answer(store.list_nodes(run, "", 2, NodePlace(START, "n0"))))
    seen.extend([await answer(store.get_artifact(digest)) for digest in ("c", "d", "e")])
    seen.extend([await store.list_requests(owner) for owner in ("e1", "e2", "e3")])
    seen.append(await store.list_drains())
    seen.extend([await store.list_tokens(pool) for pool in ("", "queries", "uploads")])
    return seen


async def story_of(store: ports.StateStore, world: World, script: list[Step]) -> list[object]:
    leases: Leases = {}
    await store.open()
    story = [await answer(step(store, world, leases)) for step in script]
    story.extend(await everything(store))
    await store.close()
    await store.open()
    story.append(await everything(store))
    await store.close()
    return story


@hypothesis.settings(max_examples=60)
@hypothesis.given(st.lists(steps, max_size=40))
def test_adapters_tell_the_same_story(script: list[Step]) -> None:
    world, same_world = World(), World()
    with tempfile.TemporaryDirectory() as home:
        durable = SqliteStateStore(Path(home) / "state.db", world, world.is_alive)
        story = asyncio.run(story_of(durable, world, script))
    in_memory = MemoryStateStore(same_world, same_world.is_alive)
    assert asyncio.run(story_of(in_memory, same_world, script)) == story


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.lists(changes, max_size=6), st.binary(max_size=50), st.text(max_size=20))
def test_what_is_handed_in_at_once_is_what_is_handed_in_in_turn(
    batches: list[list[Change]], state: bytes, text: str
) -> None:
    text = text.encode(errors="replace").decode()
    last: list[Change] = [attempt("n0", custom_state=state), node(text or "n", taken=text)]

    async def story(is_at_once: bool, home: str) -> list[object]:
        store = SqliteStateStore(Path(home) / f"{is_at_once}.db", World())
        await store.open()
        await store.create_execution(execution(RUNS[0]), {})
        lease = await store.acquire_lease(RUNS[0], "e1", START + MINUTE, START)
        assert lease is not None
        if is_at_once:
            await asyncio.gather(*(store.commit(lease, batch) for batch in [*batches, last]))
        else:
            for batch in [*batches, last]:
                await store.commit(lease, batch)
        seen = await everything(store)
        await store.close()
        return seen

    with tempfile.TemporaryDirectory() as home:
        assert asyncio.run(story(True, home)) == asyncio.run(story(False, home))


def test_stories_tell_apart_stores_that_differ() -> None:
    script = [creating(0, 0, []), taking(0, "e1"), committing(0, 0, [node("n0")], None)]
    forgetful = [*script[:2], committing(0, 0, [], None)]
    stories = [
        asyncio.run(story_of(MemoryStateStore(World()), World(), told)) for told in (script, forgetful)
    ]
    assert stories[0] != stories[1]
