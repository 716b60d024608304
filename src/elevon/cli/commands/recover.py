"""`elevon recover ID`: run a failed execution again with the code as it is now, without the nodes that succeeded."""

import argparse
import asyncio
import sys
from typing import NamedTuple

import msgspec

from elevon import app, errors
from elevon.cli import drives, grammar, invocations, programs, reports, sites
from elevon.cli.invocations import Invocation
from elevon.records.executions import ExecutionRecord


class _Order(NamedTuple):
    """What is to be recovered, as it was typed."""

    text: str
    execution_id: str
    is_code_kept: bool


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument("--execution-id", metavar="NEW-ID", default="", help="name of the new execution")
    parser.add_argument(
        "--same-code",
        action="store_true",
        help="run the code that it ran (default: the file as it is now)",
    )
    parser.add_argument("id", metavar="ID", help="an execution that failed or was aborted")


def run(options: argparse.Namespace) -> int:
    """Have the new execution driven; the exit code is its own."""
    invocation = invocations.of(options)
    order = _Order(options.id, options.execution_id, options.same_code)
    if invocation.remote:
        invocation.check_engine_is_not_told()
        return asyncio.run(_run_remotely(order, invocation))
    invocation.configure_logs()
    return asyncio.run(_run(order, invocation))


async def _run(order: _Order, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        failed = await site.find(order.text)
    # Before the engine: an executor that --tasktype names may stand beside the file.
    program = None if order.is_code_kept else _program_of(failed)
    async with app.embedded(invocation.home, invocation.settings) as embedded:
        if program is None:
            new = await embedded.admin.repetition(failed.id)
        else:
            new = program.prepare(await embedded.task_types(program.task_types()))
        new = msgspec.structs.replace(new, name=order.execution_id, max_parallelism=failed.max_parallelism)
        programs.warn(new)
        await embedded.ensure_served(new)
        created = await embedded.admin.recover(failed.id, new)
        reports.write(sys.stderr, f"execution {created.id.name}, recovered from {failed.id.name}\n")
        (ending,) = await drives.drive(embedded, [created.id], invocation)
    return drives.conclude(ending, invocation)


async def _run_remotely(order: _Order, invocation: Invocation) -> int:
    from elevon.cli import remote_runs, remote_sites  # bring the messages of the control plane

    with remote_sites.connected(invocation.remote) as site:
        failed = await site.find(order.text)
        new = None
        if not order.is_code_kept:
            new = _program_of(failed).prepare(None)
            programs.warn(new)
        return await remote_runs.recover(site, failed, new, invocation, order.execution_id)


def _program_of(failed: ExecutionRecord) -> programs.Program:
    """The workflow of an execution, as it is now."""
    if not failed.source_path:
        raise errors.UserError(
            f"execution {failed.id.name} was not started from a file: run what it ran by --same-code"
        )
    return programs.load(failed.source_path, failed.workflow.rpartition(".")[2])
