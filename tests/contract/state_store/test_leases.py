"""Who may write an execution."""

import asyncio

import msgspec
import pytest

from elevon import errors, ports
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from tests.contract.state_store.worlds import (
    MINUTE,
    OTHER,
    RUN,
    START,
    World,
    execution,
    moved,
    node,
    owned,
    phases_of,
    taken,
)


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


async def test_unowned_are_the_unfinished_that_no_live_owner_has(
    store: ports.StateStore, world: World
) -> None:
    runs = [
        ExecutionId("default", "development", name) for name in ("free", "held", "expired", "orphan", "over")
    ]
    for run in runs:
        await store.create_execution(execution(run), {})
    _, held, expired, orphan, over = runs
    await taken(store, held)
    await store.acquire_lease(expired, "e1", START + MINUTE / 2, START)
    await taken(store, orphan, "e2")
    lease = await taken(store, over)
    await store.commit(lease, [execution(over, phase=ExecutionPhase.SUCCEEDED)])
    await store.release_lease(lease)
    world.dead.add("e2")
    unowned = await store.list_unowned(START + MINUTE / 2)
    assert [record.id.name for record in unowned] == ["free", "expired", "orphan"]
