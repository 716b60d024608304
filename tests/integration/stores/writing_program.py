"""A process that writes a home until it is told to stop: `writing_program.py DATABASE NAME COUNT`.

It takes the execution NAME over, commits a node and a transition for each number, four commits at a time, and prints
each number when its commit has returned.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from elevon import errors
from elevon.primitives.clocks import SystemClock
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase
from elevon.records.transitions import Transition
from elevon.stores.sqlite import SqliteStateStore


async def main(database: Path, name: str, count: int) -> None:
    clock = SystemClock()
    store = SqliteStateStore(database, clock, is_owner_alive=lambda _owner: False)
    await store.open()
    execution = ExecutionId("default", "development", name)
    try:
        record = ExecutionRecord(id=execution, workflow="w", closure_digest="c", created_at=clock.now())
        await store.create_execution(record, {"c": b"closure"})
    except errors.ConflictError:
        pass  # an earlier one was killed
    lease = await store.acquire_lease(execution, name, clock.now() + timedelta(minutes=1), clock.now())
    assert lease is not None
    first = len((await store.load_execution(execution)).nodes)

    async def write(number: int) -> None:
        node = NodeRecord(
            node_id=f"n{number}", spec_node_id="n", phase=NodePhase.SUCCEEDED, started_at=clock.now()
        )
        moved = Transition(node_id=node.node_id, phase=node.phase, at=clock.now(), event="end")
        await store.commit(lease, [node, moved])
        print(number, flush=True)

    for start in range(first, first + count, 4):
        await asyncio.gather(*(write(number) for number in range(start, min(start + 4, first + count))))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
