"""Resource pools in a run: the engine's own, which may refuse for a while as if others held every token.

It owns what can be judged of tokens alone: that nothing is begun without one, and that none is asked for twice or given
back while what it stands for still runs.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from elevon.propeller.pools import EnginePools
from elevon.records.tokens import Allocation, AllocationStatus, Token
from elevon.testing.conformance.calls import CURRENT, Record
from elevon.testing.conformance.faults import ALLOCATE, Action
from elevon.testing.conformance.promises import Promise
from elevon.testing.conformance.stories import Story, What
from elevon.testing.conformance.worlds import Creation


class Process(Protocol):
    """What pools need of the simulated process that they belong to."""

    @property
    def story(self) -> Story:
        """Of the run."""
        ...

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; what goes wrong there, as far as the process did not see to it."""
        ...

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story; returns its index."""
        ...

    def runs_anything(self, attempt: int) -> bool:
        """Whether something that the attempt began at the service still runs."""
        ...


def judge_creations(made: Iterable[Creation], records: dict[int, Record], story: Story) -> None:
    """Complain of what was made without a token.

    Args:
        made: What the service has just made.
        records: Of the run's attempts, by index.
        story: Of the run.
    """
    for creation in made:
        call = creation.call
        if call is not None and not records.setdefault(call.attempt, Record()).tokens:
            story.complain(
                Promise.POOLS,
                f"{call.method} made {creation.thing.id} at the service without a token: return not_ready where the "
                "allocation is not granted",
                creation.place,
            )


class SimulatedPools:
    """`plugin.pools.PoolServices` of one simulated engine.

    Args:
        process: Whose pools they are.
        pools: The engine's own.
        records: Of the run's attempts, by index.
    """

    def __init__(self, process: Process, pools: EnginePools, records: dict[int, Record]) -> None:
        self._process = process
        self._pools = pools
        self._records = records

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        """Ask the engine's pool, unless the plan wants a refusal."""
        attempt = token.owner.attempt
        if await self._process.reach(ALLOCATE) is Action.WITHHOLD:
            self._process.tell(What.FAULT, f"the pool {token.pool} refuses a token", attempt=attempt)
            return Allocation(
                status=AllocationStatus.EXHAUSTED, pool=token.pool, namespace=token.namespace, limit=1
            )
        allocation = await self._pools.allocate(token, wake)
        if allocation.is_granted:
            held = self._records.setdefault(attempt, Record()).tokens
            held.add((token.pool, token.name))
            self._process.tell(What.SERVICE, f"the pool {token.pool} grants a token", attempt=attempt)
            if len([pool for pool, _ in held if pool == token.pool]) > 1:
                self._process.story.complain(
                    Promise.POOLS,
                    f"the attempt holds {len(held)} tokens of the pool {token.pool}: ask under the same key again, "
                    "and give back what is not needed any more",
                )
        return allocation

    async def release(self, token: Token) -> None:
        """Give it back."""
        attempt = token.owner.attempt
        await self._pools.release(token)
        self._records.setdefault(attempt, Record()).tokens.discard((token.pool, token.name))
        self._process.tell(What.SERVICE, f"the token of the pool {token.pool} is given back", attempt=attempt)
        call = CURRENT.get()
        if self._process.runs_anything(attempt) and call is not None:
            self._process.story.complain(
                Promise.POOLS,
                f"{call.method} gave the token of the pool {token.pool} back while what it stands for still runs",
            )
