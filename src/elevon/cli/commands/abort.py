"""`elevon abort ID`: end an execution, whoever drives it; if nobody does, this command does until it has ended."""

import argparse
import asyncio

from elevon import app, errors
from elevon.cli import documents, drives, exits, grammar, invocations, principals, sites
from elevon.cli.endings import Ending
from elevon.cli.invocations import Invocation
from elevon.cli.sights import Site
from elevon.records.identities import ExecutionId


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_engine(parser)
    parser.add_argument("--reason", default="aborted from the command line", help="why, for the record")
    parser.add_argument("id", metavar="ID", help="an execution, or the beginning of its id")


def run(options: argparse.Namespace) -> int:
    """Abort it."""
    invocation = invocations.of(options)
    if invocation.remote:
        invocation.check_engine_is_not_told()
    invocation.configure_logs()
    return asyncio.run(_run(options.id, options.reason, invocation))


async def _run(text: str, reason: str, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        execution = await site.abort(text, principals.who(), reason)
        ending = await _settled(site, execution)
    if not ending.record.phase.is_terminal:
        ending = await _drive(execution, invocation)
    record = ending.record
    if invocation.is_json:
        documents.write(documents.result(ending))
    else:
        print(f"execution {execution.name} is {record.phase}")
    drives.say_how_to_go_on(ending, invocation)
    return exits.Exit.SUCCEEDED if record.phase.is_terminal else ending.exit_code


async def _settled(site: Site, execution: ExecutionId) -> Ending:
    """The execution, once it has ended or nobody drives it."""
    record = await site.settled(execution)
    return Ending(record, (await site.see(execution.name, is_history_wanted=False)).view.outputs)


async def _drive(execution: ExecutionId, invocation: Invocation) -> Ending:
    """Obey in the owner's place."""
    try:
        async with app.embedded(invocation.home, invocation.settings) as embedded:
            (ending,) = await drives.drive(embedded, [execution], invocation)
            return ending
    except errors.ConflictError:  # an engine took it up in this moment: it obeys
        async with sites.opened(invocation) as site:
            return await _settled(site, execution)
