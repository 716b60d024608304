"""An engine in a process of its own, whose execution `x1` holds the only token of a pool until it is killed.

Usage: `pooled_program.py HOME`; prints `running` when the token is held.
"""

import asyncio
import sys
from pathlib import Path

from elevon.records.tokens import PoolLimits
from tests.integration.engine import flows
from tests.integration.engine.queries import Queries
from tests.integration.engine.worlds import World, tell_that_it_runs


async def main(home: Path) -> None:
    world = World(home)
    async with world.engine(Queries(), pools={"queries": PoolLimits(limit=1)}) as embedded:
        execution = await world.create(embedded, flows.single)
        embedded.engine.observe(tell_that_it_runs)
        await embedded.engine.drive(execution)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
