"""An engine with an executor in a host process, for tests that kill it: `python engine_program.py HOME FOLDER STEP`."""

import asyncio
import sys
from pathlib import Path

from tests.integration.engine import flows
from tests.integration.engine.worlds import World, drive
from tests.integration.hosts.stages import Stage


async def main(home: str, folder: str, step: str) -> None:
    stage = Stage(World(Path(home)), Path(folder))
    async with stage.engine(start=step) as embedded:
        execution = await stage.world.create(embedded, flows.single)
        await drive(embedded, execution)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
