"""Whatever is asked and given back, in whatever order: limits hold, turns are kept, and a free token is given."""

import asyncio
from collections import Counter

import hypothesis
from hypothesis import strategies as st

from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.records.tokens import PoolLimits, Token
from elevon.stores.memory import MemoryStateStore
from tests.contract.state_store.worlds import World, attempt, owned, token

RUNS = [ExecutionId(namespace, "development", "a1") for namespace in ("mine", "ours", "theirs")]
NODES = [f"n{number}" for number in range(5)]

limits = st.builds(PoolLimits, limit=st.integers(1, 4), limit_per_namespace=st.integers(0, 2))
people = st.builds(AttemptId, st.sampled_from(RUNS), st.sampled_from(NODES), st.just(0))
scripts = st.lists(st.tuples(st.sampled_from(["ask", "ask", "ask", "release", "end"]), people), max_size=60)


def may_be_served(asker: Token, there: list[Token], limits: PoolLimits) -> bool:
    """Whether a token would be left for the asker if everybody ahead of it were served that can be."""
    held = Counter(one.namespace for one in there if one.is_granted)
    waiting = [one for one in there if not one.is_granted]
    ahead = (
        [one for one in waiting if waiting.index(one) < waiting.index(asker)] if asker in waiting else waiting
    )
    for one in [*ahead, asker]:
        most = limits.limit_per_namespace or limits.limit
        is_served = held.total() < limits.limit and held[one.namespace] < most
        if one is asker:
            return is_served
        held[one.namespace] += is_served
    raise AssertionError("the asker is the last one")


@hypothesis.given(limits, scripts)
def test_limits_hold_and_who_is_served_is_whose_turn_it_is(
    limits: PoolLimits, script: list[tuple[str, AttemptId]]
) -> None:
    async def story() -> None:
        store = MemoryStateStore(World())
        await store.open()
        leases = {run: await owned(store, run) for run in RUNS}
        for run in RUNS:
            await store.commit(leases[run], [attempt(name) for name in NODES])
        ended: set[AttemptId] = set()
        for deed, who in script:
            there = list(await store.list_tokens())
            wanted = next((one for one in there if one.owner == who), token(who))
            if deed == "release":
                await store.release_token("queries", wanted.name)
            elif deed == "end":
                ended.add(who)
                await store.commit(
                    leases[who.execution], [attempt(who.node_id, phase=AttemptPhase.SUCCEEDED)]
                )
            elif who not in ended:
                answer = await store.allocate_token(wanted, limits)
                expected = wanted.is_granted or may_be_served(wanted, there, limits)
                assert answer.is_granted is expected
            left = await store.list_tokens()
            held = Counter(one.namespace for one in left if one.is_granted)
            assert held.total() <= limits.limit
            assert all(count <= (limits.limit_per_namespace or limits.limit) for count in held.values())
            assert not any(one.owner in ended for one in left)

    asyncio.run(story())
