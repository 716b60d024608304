"""Tokens of pools: who gets one, who waits, in which order, and that none is ever lost."""

import asyncio
from typing import Any

import msgspec
import pytest

from elevon import errors, ports
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import Lease
from elevon.records.phases import AttemptPhase
from elevon.records.tokens import AHEAD_LIMIT, Allocation, AllocationStatus, PoolLimits
from tests.contract.state_store.worlds import (
    MINUTE,
    OTHER,
    RUN,
    START,
    World,
    attempt,
    owned,
    taken,
    token,
)

ONE = PoolLimits(limit=1)
THEIRS = ExecutionId("theirs", "development", "b1")
PHASES_OF_AN_END = [phase for phase in AttemptPhase if phase.is_terminal]


class People:
    """Attempts that ask the store of a test, each with a name of its own."""

    def __init__(self, store: ports.StateStore, limits: PoolLimits = ONE) -> None:
        self.store = store
        self.limits = limits

    async def join(self, *names: str, run: ExecutionId = RUN, owner: str = "e1") -> Lease:
        """An execution with an attempt for each name."""
        lease = await owned(self.store, run, owner)
        await self.store.commit(lease, [attempt(name) for name in names])
        return lease

    async def ask(self, name: str, run: ExecutionId = RUN, pool: str = "queries") -> Allocation:
        return await self.store.allocate_token(token(AttemptId(run, name, 0), pool), self.limits)

    async def release(self, name: str, run: ExecutionId = RUN, pool: str = "queries") -> None:
        await self.store.release_token(pool, token(AttemptId(run, name, 0)).name)

    async def standing(self, pool: str = "queries") -> tuple[list[str], list[str]]:
        """Nodes of those who hold a token, and of those who wait, in order."""
        there = await self.store.list_tokens(pool)
        held = [one.owner.node_id for one in there if one.is_granted]
        return held, [one.owner.node_id for one in there if not one.is_granted]


@pytest.fixture
def people(store: ports.StateStore) -> People:
    return People(store)


async def test_free_token_is_granted_and_kept(people: People, world: World) -> None:
    await people.join("a")
    world.at = START + MINUTE / 2
    answer = await people.ask("a")
    assert answer.is_granted
    assert answer.reason == ""
    wanted = token(AttemptId(RUN, "a", 0))
    assert await people.store.list_tokens() == (msgspec.structs.replace(wanted, granted_at=world.at),)


async def test_refusal_says_who_is_in_the_way(people: People) -> None:
    await people.join("a", "b", "c")
    await people.ask("a")
    second, third = await people.ask("b"), await people.ask("c")
    assert second.status is third.status is AllocationStatus.EXHAUSTED
    holder = f"{RUN}/a#0"
    common = f"no token of the pool 'queries' is free: 1 of 1 are held, by {holder}"
    assert second.reason == f"{common}; nobody is ahead"
    assert third.reason == f"{common}; 1 is ahead"


async def test_long_list_of_holders_and_a_long_queue_are_cut(people: People) -> None:
    people.limits = PoolLimits(limit=5)
    names = [f"n{number:03}" for number in range(AHEAD_LIMIT + 7)]
    await people.join(*names)
    for name in names:
        answer = await people.ask(name)
    assert f"by {RUN}/n000#0, {RUN}/n001#0, {RUN}/n002#0 and 2 more; 100 or more are ahead" in answer.reason


async def test_asking_again_is_free_for_who_holds_and_for_who_waits(people: People) -> None:
    await people.join("a", "b", "c")
    for name in "abcbaacb":
        await people.ask(name)
    assert await people.standing() == (["a"], ["b", "c"])


async def test_same_attempt_holds_a_token_for_each_key(people: People) -> None:
    await people.join("a")
    owner = AttemptId(RUN, "a", 0)
    limits = PoolLimits(limit=2)
    answers = [await people.store.allocate_token(token(owner, key=key), limits) for key in ("x", "y", "z")]
    assert [answer.is_granted for answer in answers] == [True, True, False]


async def test_pools_are_apart(people: People) -> None:
    await people.join("a", "b")
    assert (await people.ask("a", pool="queries")).is_granted
    assert (await people.ask("b", pool="uploads")).is_granted
    await people.release("a", pool="queries")
    assert await people.standing("uploads") == (["b"], [])
    assert [one.pool for one in await people.store.list_tokens()] == ["uploads"]


async def test_first_who_asked_is_served_first(people: People) -> None:
    await people.join("a", "b", "c", "d")
    for name in "abcd":
        await people.ask(name)
    await people.release("a")
    assert not (await people.ask("d")).is_granted
    assert not (await people.ask("c")).is_granted
    assert (await people.ask("b")).is_granted
    assert await people.standing() == (["b"], ["c", "d"])


async def test_second_is_served_where_there_is_enough_for_two(people: People) -> None:
    people.limits = PoolLimits(limit=2)
    await people.join("a", "b", "c", "d", "e")
    for name in "abcde":
        await people.ask(name)
    await people.release("a")
    await people.release("b")
    assert not (await people.ask("e")).is_granted
    assert (await people.ask("d")).is_granted
    assert (await people.ask("c")).is_granted


async def test_new_comer_does_not_pass_those_who_wait(people: People) -> None:
    await people.join("a", "b", "c")
    await people.ask("a")
    await people.ask("b")
    await people.release("a")
    answer = await people.ask("c")
    assert (answer.status, answer.held_count, answer.ahead_count) == (AllocationStatus.EXHAUSTED, 0, 1)


async def test_who_gives_up_its_place_holds_up_nobody(people: People) -> None:
    await people.join("a", "b", "c")
    for name in "abc":
        await people.ask(name)
    await people.release("b")
    await people.release("a")
    assert (await people.ask("c")).is_granted


async def test_release_may_be_repeated_and_takes_nothing_from_others(people: People) -> None:
    await people.join("a", "b")
    await people.ask("a")
    for _ in range(3):
        await people.release("b")
        await people.release("never")
    assert await people.standing() == (["a"], [])
    for _ in range(3):
        await people.release("a")
    assert (await people.ask("b")).is_granted


async def test_namespace_at_its_limit_waits_and_holds_up_nobody(people: People) -> None:
    people.limits = PoolLimits(limit=3, limit_per_namespace=1)
    await people.join("a", "b", "c")
    await people.join("x", "y", run=THEIRS)
    await people.ask("a")
    own = await people.ask("b")
    assert own.status is AllocationStatus.NAMESPACE_EXHAUSTED
    assert "is free for default: 1 of 1 are held, by default:development:a1/a#0" in own.reason
    assert (await people.ask("x", THEIRS)).is_granted
    assert (await people.ask("y", THEIRS)).status is AllocationStatus.NAMESPACE_EXHAUSTED
    await people.release("a")
    assert (await people.ask("c")).status is AllocationStatus.NAMESPACE_EXHAUSTED, "b was first"
    assert (await people.ask("b")).is_granted


async def test_pool_that_is_full_says_so_before_the_namespace(people: People) -> None:
    people.limits = PoolLimits(limit=1, limit_per_namespace=1)
    await people.join("a", "b")
    await people.ask("a")
    assert (await people.ask("b")).status is AllocationStatus.EXHAUSTED


async def test_smaller_limit_takes_from_nobody(people: People) -> None:
    people.limits = PoolLimits(limit=2)
    await people.join("a", "b", "c")
    for name in "abc":
        await people.ask(name)
    people.limits = ONE
    assert (await people.ask("b")).is_granted
    await people.release("a")
    assert not (await people.ask("c")).is_granted
    await people.release("b")
    assert (await people.ask("c")).is_granted


@pytest.mark.parametrize("phase", PHASES_OF_AN_END)
async def test_token_goes_with_the_commit_of_its_owners_end(people: People, phase: AttemptPhase) -> None:
    lease = await people.join("a", "b")
    await people.ask("a")
    await people.ask("b")
    await people.store.commit(lease, [attempt("a", phase=phase)])
    assert await people.standing() == ([], ["b"])
    await people.store.commit(lease, [attempt("b", phase=phase)])
    assert await people.store.list_tokens() == ()


async def test_commit_of_anything_but_the_end_leaves_the_token(people: People) -> None:
    lease = await people.join("a", "b")
    await people.ask("a")
    going_on = [phase for phase in AttemptPhase if not phase.is_terminal]
    await people.store.commit(lease, [attempt("a", phase=phase, is_parked=True) for phase in going_on])
    await people.store.commit(lease, [attempt("a", 1, phase=AttemptPhase.FAILED)])
    await people.store.commit(lease, [attempt("b", phase=AttemptPhase.SUCCEEDED)])
    assert await people.standing() == (["a"], [])


async def test_end_in_one_execution_frees_nothing_in_another(people: People) -> None:
    mine = await people.join("a")
    await people.join("a", run=OTHER)
    people.limits = PoolLimits(limit=2)
    await people.ask("a")
    await people.ask("a", OTHER)
    await people.store.commit(mine, [attempt("a", phase=AttemptPhase.SUCCEEDED)])
    assert [one.owner.execution for one in await people.store.list_tokens()] == [OTHER]


async def test_fenced_engine_frees_nothing(people: People, world: World) -> None:
    old = await people.join("a")
    await people.ask("a")
    world.dead.add("e1")
    await taken(people.store, owner="e2")
    with pytest.raises(errors.ConflictError):
        await people.store.commit(old, [attempt("a", phase=AttemptPhase.SUCCEEDED)])
    assert await people.standing() == (["a"], [])


async def test_ended_attempt_gets_nothing(people: People) -> None:
    lease = await people.join("a")
    await people.store.commit(lease, [attempt("a", phase=AttemptPhase.ABORTED)])
    with pytest.raises(errors.ConflictError, match="default:development:a1/a#0 is over"):
        await people.ask("a")
    with pytest.raises(errors.ConflictError, match="never begun"):
        await people.ask("unknown")
    with pytest.raises(errors.NotFoundError):
        await people.ask("a", OTHER)
    assert await people.store.list_tokens() == ()


async def test_tokens_go_with_their_execution(people: People) -> None:
    lease = await people.join("a", "b")
    await people.join("x", run=OTHER)
    for name, run in (("a", RUN), ("b", RUN), ("x", OTHER)):
        await people.ask(name, run)
    await people.store.release_lease(lease)
    await people.store.delete_execution(RUN)
    assert await people.standing() == ([], ["x"])


async def test_holder_whose_engine_died_keeps_its_token(people: People, world: World) -> None:
    await people.join("a")
    await people.join("x", run=OTHER, owner="e2")
    await people.ask("a")
    world.dead.add("e1")
    assert not (await people.ask("x", OTHER)).is_granted
    await taken(people.store, owner="e3")
    assert (await people.ask("a")).is_granted


@pytest.mark.parametrize("fate", ["dies", "expires", "releases"])
async def test_holder_that_nobody_drives_is_named_with_what_lets_it_go_on(
    people: People, world: World, fate: str
) -> None:
    people.limits = PoolLimits(limit=3)
    lease = await people.join("a", "b")
    await people.join("x", "y", run=OTHER, owner="e2")
    for name, run in (("a", RUN), ("b", RUN), ("x", OTHER)):
        await people.ask(name, run)
    assert (await people.ask("y", OTHER)).left == ()
    match fate:
        case "dies":
            world.dead.add("e1")
        case "expires":
            await people.store.renew_leases("e2", START + 5 * MINUTE)
            world.at = START + 2 * MINUTE
        case _:
            await people.store.release_lease(lease)
    refused = await people.ask("y", OTHER)
    assert refused.left == (RUN,)
    assert refused.reason.endswith(
        f"; nobody is ahead; nobody drives {RUN.name}: elevon resume {RUN.name} goes on with it"
    )


@pytest.mark.parametrize("fate", ["dies", "expires", "releases"])
async def test_waiter_that_nobody_drives_keeps_its_place_but_holds_up_nobody(
    people: People, world: World, fate: str
) -> None:
    await people.join("h", run=OTHER, owner="e2")
    lease = await people.join("a")
    await people.join("x", "y", run=THEIRS, owner="e2")
    for name, run in (("h", OTHER), ("a", RUN), ("x", THEIRS), ("y", THEIRS)):
        await people.ask(name, run)
    match fate:
        case "dies":
            world.dead.add("e1")
        case "expires":
            await people.store.renew_leases("e2", START + 5 * MINUTE)
            world.at = START + 2 * MINUTE
        case _:
            await people.store.release_lease(lease)
    await people.release("h", OTHER)
    assert (await people.ask("x", THEIRS)).is_granted
    await people.store.acquire_lease(RUN, "e3", world.at + MINUTE, world.at)
    await people.release("x", THEIRS)
    assert not (await people.ask("y", THEIRS)).is_granted
    assert (await people.ask("a")).is_granted


@pytest.mark.parametrize(
    "state",
    [{"is_parked": True}, {"phase": AttemptPhase.KILLING, "outcome": AttemptPhase.ABORTED}],
    ids=["parked", "being killed"],
)
async def test_waiter_that_does_not_go_on_keeps_its_place_but_holds_up_nobody(
    people: People, state: dict[str, Any]
) -> None:
    lease = await people.join("a", "b", "c", "d")
    for name in "abcd":
        await people.ask(name)
    await people.store.commit(lease, [attempt("b", **state)])
    await people.release("a")
    assert (await people.ask("c")).is_granted
    await people.store.commit(lease, [attempt("b")])
    await people.release("c")
    assert not (await people.ask("d")).is_granted
    assert (await people.ask("b")).is_granted


async def test_tokens_and_places_outlive_the_store(people: People) -> None:
    await people.join("a", "b", "c")
    for name in "abc":
        await people.ask(name)
    before = await people.store.list_tokens()
    await people.store.close()
    await people.store.open()
    assert await people.store.list_tokens() == before
    await people.release("a")
    assert not (await people.ask("c")).is_granted
    assert (await people.ask("b")).is_granted


async def test_who_asks_at_once_gets_no_more_than_there_is(people: People) -> None:
    people.limits = PoolLimits(limit=3)
    names = [f"n{number}" for number in range(20)]
    await people.join(*names)
    answers = await asyncio.gather(*(people.ask(name) for name in names))
    assert [answer.is_granted for answer in answers] == [True] * 3 + [False] * 17


async def test_queue_longer_than_a_page_is_served_in_order(people: People) -> None:
    people.limits = PoolLimits(limit=2)
    names = [f"n{number:03}" for number in range(230)]
    lease = await people.join(*names)
    for name in names:
        await people.ask(name)
    await people.store.commit(lease, [attempt(name, is_parked=True) for name in names[2:220]])
    await people.release(names[0])
    assert not (await people.ask(names[221])).is_granted
    assert (await people.ask(names[220])).is_granted
