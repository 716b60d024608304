"""Who of an engine is woken when a token of a pool comes back, and what an executor sees of pools."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import msgspec
import pytest

from elevon import errors
from elevon.plugin.contexts import TaskExecutionId
from elevon.plugin.pools import NO_POOLS, ResourcePool, ResourcePools
from elevon.propeller.pools import EnginePools
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import Lease
from elevon.records.phases import AttemptPhase
from elevon.records.tokens import PoolLimits
from elevon.stores.memory import MemoryStateStore
from tests.contract.state_store.worlds import START, World, attempt, owned

MINE = ExecutionId("mine", "development", "a1")
THEIRS = ExecutionId("theirs", "development", "b1")
LIMITS = {"queries": PoolLimits(limit=2, limit_per_namespace=1), "uploads": PoolLimits(limit=1)}


class Person:
    """An attempt that asks, as a pool sees it; counts how often it was woken."""

    now: datetime = START

    def __init__(self, execution: ExecutionId, node_id: str) -> None:
        self.owner = AttemptId(execution, node_id, 0)
        self.task_execution_id = TaskExecutionId(
            attempt=self.owner, generated_name=f"{execution.name}-{node_id}"
        )
        self.namespace = execution.project
        self.wake_count = 0

    @property
    def wake(self) -> Callable[[], None]:
        return self._wake

    def _wake(self) -> None:
        self.wake_count += 1


class Engine:
    """The pools of one engine over a store that outlives it."""

    def __init__(self, store: MemoryStateStore) -> None:
        self.store = store
        self.side = EnginePools(store, LIMITS)
        self.pools = ResourcePools(frozenset(LIMITS), self.side)
        self.leases: dict[ExecutionId, Lease] = {}

    def pool(self, name: str = "queries") -> ResourcePool:
        return self.pools.get(name)

    async def commit(self, person: Person, **changes: object) -> None:
        """Make a state of an attempt durable, and let the pools notice."""
        execution, node_id = person.owner.execution, person.owner.node_id
        record = msgspec.structs.replace(attempt(node_id), **changes)
        await self.store.commit(self.leases[execution], [record])
        self.side.notice(execution, [record])


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    store = MemoryStateStore(World())
    await store.open()
    made = Engine(store)
    for execution in (MINE, THEIRS):
        made.leases[execution] = await owned(store, execution)
    yield made
    await store.close()


async def people(engine: Engine, execution: ExecutionId, *names: str) -> list[Person]:
    made = [Person(execution, name) for name in names]
    for person in made:
        await engine.commit(person)
    return made


async def test_first_who_waits_is_woken_when_a_token_comes_back(engine: Engine) -> None:
    first, second, third = await people(engine, MINE, "n0", "n1", "n2")
    for person in (first, second, third):
        await engine.pool().allocate(person)
    await engine.pool().release(first)
    assert (second.wake_count, third.wake_count) == (1, 0)
    assert (await engine.pool().allocate(second)).is_granted
    assert (second.wake_count, third.wake_count) == (1, 1), "more may be free than one"


@pytest.mark.parametrize("phase", [phase for phase in AttemptPhase if phase.is_terminal])
async def test_end_of_a_holder_wakes_the_next(engine: Engine, phase: AttemptPhase) -> None:
    first, second = await people(engine, MINE, "n0", "n1")
    await engine.pool().allocate(first)
    await engine.pool().allocate(second)
    await engine.commit(first, phase=AttemptPhase.RUNNING)
    assert second.wake_count == 0
    await engine.commit(first, phase=phase)
    assert second.wake_count == 1
    assert (await engine.pool().allocate(second)).is_granted


async def test_first_of_each_namespace_is_woken(engine: Engine) -> None:
    mine = await people(engine, MINE, "n0", "n1", "n2")
    theirs = await people(engine, THEIRS, "n0", "n1", "n2")
    for person in (*mine, *theirs):
        await engine.pool().allocate(person)
    await engine.pool().release(mine[0])
    assert [person.wake_count for person in (*mine, *theirs)] == [0, 1, 0, 0, 1, 0]


async def test_nobody_is_woken_for_another_pool_or_by_who_asks_again(engine: Engine) -> None:
    first, second = await people(engine, MINE, "n0", "n1")
    await engine.pool().allocate(first)
    await engine.pool().allocate(second)
    await engine.pool("uploads").allocate(first)
    await engine.pool("uploads").release(first)
    await engine.pool().allocate(first)
    assert second.wake_count == 0


async def test_waiter_that_ends_is_not_woken_and_lets_the_next_ask(engine: Engine) -> None:
    first, second, third = await people(engine, MINE, "n0", "n1", "n2")
    for person in (first, second, third):
        await engine.pool().allocate(person)
    await engine.commit(second, phase=AttemptPhase.ABORTED)
    await engine.pool().release(first)
    assert second.wake_count == 0
    assert (await engine.pool().allocate(third)).is_granted


async def test_waiter_whose_kill_goes_on_and_on_is_passed_over(engine: Engine) -> None:
    first, second, third = await people(engine, MINE, "n0", "n1", "n2")
    for person in (first, second, third):
        await engine.pool().allocate(person)
    await engine.commit(second, phase=AttemptPhase.KILLING, outcome=AttemptPhase.ABORTED)
    await engine.pool().release(first)
    assert (second.wake_count, third.wake_count > 0) == (0, True)
    assert (await engine.pool().allocate(third)).is_granted
    (counts,) = [one for one in engine.side.counts() if one.pool == "queries"]
    assert (counts.held_count, counts.waiting_count) == (1, 0)


async def test_parked_waiter_is_passed_over_until_it_asks_again(engine: Engine) -> None:
    first, second, third = await people(engine, MINE, "n0", "n1", "n2")
    for person in (first, second, third):
        await engine.pool().allocate(person)
    await engine.commit(second, is_parked=True)
    await engine.pool().release(first)
    assert second.wake_count == 0
    assert third.wake_count > 0
    assert (await engine.pool().allocate(third)).is_granted


async def test_token_from_before_a_restart_wakes_who_waits_now(engine: Engine) -> None:
    first, second = await people(engine, MINE, "n0", "n1")
    await engine.pool().allocate(first)
    restarted = Engine(engine.store)
    restarted.leases = engine.leases
    await restarted.side.load()
    await restarted.pool().allocate(second)
    await restarted.commit(first, phase=AttemptPhase.SUCCEEDED)
    assert second.wake_count == 1


async def test_refusal_of_the_store_leaves_nobody_in_the_queue(engine: Engine) -> None:
    first, second = await people(engine, MINE, "n0", "n1")
    await engine.pool().allocate(first)
    await engine.commit(second, phase=AttemptPhase.FAILED)
    with pytest.raises(errors.ConflictError, match="is over"):
        await engine.pool().allocate(second)
    await engine.pool().release(first)
    assert second.wake_count == 0


async def test_keys_of_one_attempt_are_tokens_of_their_own(engine: Engine) -> None:
    (person,) = await people(engine, MINE, "n0")
    await engine.pool().allocate(person, "x")
    await engine.pool().allocate(person)
    await engine.pool().allocate(person, "x")
    there = await engine.store.list_tokens("queries")
    assert [token.name for token in there] == ["a1-n0/x", "a1-n0"]
    await engine.pool().release(person, "x")
    assert (await engine.pool().allocate(person)).is_granted


async def test_key_that_can_not_be_kept_is_refused(engine: Engine) -> None:
    (person,) = await people(engine, MINE, "n0")
    with pytest.raises(errors.UserError, match="use a text of Unicode"):
        await engine.pool().allocate(person, "\udcff")


def test_pool_that_is_not_there_is_named_with_its_setting() -> None:
    with pytest.raises(
        errors.UserError, match=r"no resource pool 'q' \(there is none at all\): add \[pools.q\]"
    ):
        NO_POOLS.get("q")
