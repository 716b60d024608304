"""`elevon abort ID`: end an execution, whoever drives it; if nobody does, this command does until it has ended."""

import argparse
import asyncio
import getpass
import os
import sys

from elevon import app, errors
from elevon.admin.executions import Admin
from elevon.cli import documents, drives, exits, grammar, invocations
from elevon.cli.invocations import Invocation
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId

_POLL_S = 0.1
_POLLS_BEFORE_HELPING = 20


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument("--reason", default="aborted from the command line", help="why, for the record")
    parser.add_argument("id", metavar="ID", help="an execution, or the beginning of its id")


def run(options: argparse.Namespace) -> int:
    """Abort it."""
    return asyncio.run(_run(options.id, options.reason, invocations.of(options)))


async def _run(text: str, reason: str, invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        execution = (await admin.find(text)).id
        await admin.abort(execution, by=_who(), reason=reason)
        record = await _wait(admin, execution)
    if not record.phase.is_terminal:
        record = await _drive(execution, invocation)
    if invocation.is_json:
        documents.write(documents.result(record))
    else:
        print(f"execution {execution.name} is {record.phase}")
    return exits.Exit.SUCCEEDED if record.phase.is_terminal else exits.Exit.SUSPENDED


async def _wait(admin: Admin, execution: ExecutionId) -> ExecutionRecord:
    """Give its owner time to obey; returns early if it has none, or when it has ended."""
    for _ in range(_POLLS_BEFORE_HELPING):
        record = await admin.get(execution)
        if record.phase.is_terminal or await admin.owner(execution) is None:
            return record
        await asyncio.sleep(_POLL_S)
    return await admin.get(execution)


async def _drive(execution: ExecutionId, invocation: Invocation) -> ExecutionRecord:
    """Obey in the owner's place, as soon as it is known to be gone."""
    while True:
        try:
            async with app.embedded(invocation.home, invocation.settings) as embedded:
                (record,) = await drives.drive(embedded, [execution], invocation)
                return record
        except errors.ConflictError:
            print(f"waiting for the engine that drives {execution.name}", file=sys.stderr)
        async with app.reading(invocation.home) as admin:
            record = await _wait(admin, execution)
        if record.phase.is_terminal:
            return record


def _who() -> str:
    return f"{getpass.getuser()} (pid {os.getpid()})"
