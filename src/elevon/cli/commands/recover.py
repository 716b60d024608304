"""`elevon recover ID`: run a failed execution again with the code as it is now, without the nodes that succeeded."""

import argparse
import asyncio
import sys

import msgspec

from elevon import app, errors
from elevon.cli import drives, grammar, invocations, programs
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument("--execution-id", metavar="NEW-ID", default="", help="name of the new execution")
    parser.add_argument("id", metavar="ID", help="an execution that failed or was aborted")


def run(options: argparse.Namespace) -> int:
    """Drive the new execution; the exit code is its own."""
    invocation = invocations.of(options)
    invocation.configure_logs()
    return asyncio.run(_run(options.id, options.execution_id, invocation))


async def _run(text: str, execution_id: str, invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        failed = await admin.find(text)
    if not failed.source_path:
        raise errors.UserError(
            f"execution {failed.id.name} was not started from a file: start it as it was started"
        )
    # Before the engine: an executor that --tasktype names may stand beside the file.
    program = programs.load(failed.source_path, failed.workflow.rpartition(".")[2])
    async with app.embedded(invocation.home, invocation.settings) as embedded:
        known = await embedded.task_types(program.task_types())
        new = msgspec.structs.replace(
            program.prepare(known), name=execution_id, max_parallelism=failed.max_parallelism
        )
        programs.warn(new)
        await embedded.ensure_served(new)
        created = await embedded.admin.recover(failed.id, new)
        print(f"execution {created.id.name}, recovered from {failed.id.name}", file=sys.stderr, flush=True)
        (record,) = await drives.drive(embedded, [created.id], invocation)
    return drives.conclude(record, invocation)
