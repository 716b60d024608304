"""An engine with short leases, in a process of its own: drives `x1` of a home until somebody else does.

Usage: `leased_program.py HOME CHECK_AFTER_S`; prints `running` when the attempt runs, and at last what ended it.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from elevon import errors
from elevon.plugin import TaskStatus
from tests.integration.engine import flows
from tests.integration.engine.worlds import Scripted, State, World, tell_that_it_runs

LEASE_TIME = timedelta(seconds=0.6)


async def main(home: Path, check_after_s: float) -> int:
    running = TaskStatus.running(State(), check_after=timedelta(seconds=check_after_s))
    executor = Scripted(start=[running], check=[running])
    async with World(home).engine(executor, lease_time=LEASE_TIME) as embedded:
        execution = await World(home).create(embedded, flows.single)
        embedded.engine.observe(tell_that_it_runs)
        try:
            await embedded.engine.drive(execution)
        except errors.ConflictError as error:
            print(error)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]))))
