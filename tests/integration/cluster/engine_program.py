"""An engine in a process of its own, which drives the execution `x1` of a pod until it is killed.

Usage: `engine_program.py HOME WORKFLOW SCRIPT`.
"""

import asyncio
import sys
from pathlib import Path

from elevon.idl import literals
from elevon.idl.messages import Literal
from tests.integration.cluster.worlds import ScriptExecutor, scripted, tried_twice
from tests.integration.engine.worlds import World

WORKFLOWS = {"scripted": scripted, "tried_twice": tried_twice}


def inputs_of(text: str) -> dict[str, Literal]:
    """The inputs of an execution that runs a shell script."""
    return {"script_": literals.string(text)}


async def main(home: Path, workflow: str, text: str) -> None:
    world = World(home)
    async with world.engine(ScriptExecutor()) as embedded:
        execution = await world.create(embedded, WORKFLOWS[workflow], given=inputs_of(text))
        await embedded.engine.drive(execution)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
