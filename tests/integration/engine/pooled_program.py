"""An engine in a process of its own, whose execution `x1` holds the only token of a pool until it is killed.

Usage: `pooled_program.py HOME`; prints `running` when the token is held.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.records.tokens import PoolLimits
from tests.integration.engine import flows
from tests.integration.engine.queries import Queries
from tests.integration.engine.worlds import World


def tell(_execution: ExecutionId, changes: Sequence[Change]) -> None:
    """Say that the attempt runs."""
    if any(isinstance(one, AttemptRecord) and one.phase is AttemptPhase.RUNNING for one in changes):
        print("running", flush=True)


async def main(home: Path) -> None:
    world = World(home)
    async with world.engine(Queries(), pools={"queries": PoolLimits(limit=1)}) as embedded:
        execution = await world.create(embedded, flows.single)
        embedded.engine.observe(tell)
        await embedded.engine.drive(execution)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
