"""elevon as its user has it, warm: an engine with two workers over SQLite in a home on disk.

Measured is submit to result: the execution is created, driven, and read back, all of it durable. Tracing and compiling
a workflow happen once, as they do in the peers, and are reported beside it.

Usage: python -m bench.runners.elevon_engine HOME
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from bench.runners import requests
from elevon import app
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.idl.messages import LiteralMap
from elevon.records.executions import ExecutionRecord


def value_of(record: ExecutionRecord) -> int:
    """What a workflow with one integer output returned."""
    if not record.outputs:
        raise SystemExit(f"{record.id.name} is {record.phase}: {record.failure}")
    (literal,) = LiteralMap.FromString(record.outputs).literals.values()
    return literal.scalar.primitive.integer


async def submit(engine: app.Embedded, new: NewExecution, copies: int) -> list[ExecutionRecord]:
    """Run it so many times at once."""
    created = await asyncio.gather(*(engine.admin.create_execution(new) for _ in range(copies)))
    await engine.engine.drive(*(record.id for record in created))
    return await asyncio.gather(*(engine.admin.get(record.id) for record in created))


async def serve(home: Path) -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    prepared: dict[str, NewExecution] = {}
    async with app.embedded(app.Home(home), app.Settings(workers=2)) as engine:
        while (asked := await asyncio.to_thread(requests.read)) is not None:
            before_bytes = requests.peak_bytes()
            begun_at = time.perf_counter()
            path = asked["path"]
            if path not in prepared:
                program = programs.load(path, "main")
                prepared[path] = program.prepare(await engine.task_types(program.task_types()))
            submitted_at, cpu_before = time.perf_counter(), time.process_time()
            records = await submit(engine, prepared[path], asked["copies"])
            ended_at = time.perf_counter()
            measured: dict[str, Any] = {
                "seconds": ended_at - submitted_at,
                "cpu_seconds": time.process_time() - cpu_before,
                "compile_seconds": submitted_at - begun_at,
                "peak_growth_bytes": requests.peak_bytes() - before_bytes,
                "values": [value_of(record) for record in records],
            }
            requests.answer(pipe, **measured)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
