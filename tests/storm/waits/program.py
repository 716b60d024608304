"""`python -m tests.storm.waits.program HOME SEED ROLE`: one engine of the storm of waits.

It drives the executions of its role to their end, and asks for the end of those that are to be aborted. It may be
killed at any instruction.
"""

import asyncio
import sys
from pathlib import Path

from elevon import app
from elevon.records.identities import ExecutionId
from tests.storm import aborts
from tests.storm.waits import plans

RESYNC_S = 0.1


async def main(home: Path, plan: plans.Plan, role: str) -> None:
    settings = app.Settings(
        workers=1, configuration={"waitable": {"resync_s": RESYNC_S, "check_s": 1.0, "page_size": 3}}
    )
    async with app.embedded(app.Home(home), settings) as engine:
        there = {record.id: record for record in await engine.admin.list_executions()}
        left = [one for one in plan.executions(role) if not there[one].phase.is_terminal]
        async with asyncio.TaskGroup() as group:
            for waiter in plan.waiters if role == "waiting" else ():
                if waiter.abort_after_s is not None and plans.execution(waiter.name) in left:
                    group.create_task(abort_later(engine, plans.execution(waiter.name), waiter.abort_after_s))
            if left:
                await engine.engine.drive(*left)


async def abort_later(engine: app.Embedded, execution: ExecutionId, after_s: float) -> None:
    # One that is aborted before it has begun to wait leaves what it would have waited for alone.
    has_begun = False
    while not has_begun:
        await asyncio.sleep(0.01)
        has_begun = bool((await engine.admin.rows(execution)).attempts)
    await asyncio.sleep(after_s)
    await aborts.abort(engine, execution)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), plans.of_seed(int(sys.argv[2])), sys.argv[3]))
