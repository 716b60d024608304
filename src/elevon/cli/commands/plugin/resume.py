"""`elevon plugin resume TYPE`: let attempts of a drained task type start again, without restarting anything."""

import argparse
import asyncio

from elevon.cli import documents, exits, grammar, invocations, sites
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument("type", metavar="TYPE", help="a task type that is drained")


def run(options: argparse.Namespace) -> int:
    """Resume it."""
    return asyncio.run(_run(options.type, invocations.of(options)))


async def _run(task_type: str, invocation: Invocation) -> int:
    async with sites.executors(invocation) as site:
        await site.resume(task_type)
    if invocation.is_json:
        documents.write({"task_type": task_type})
    else:
        print(f"attempts of the task type {task_type} are started again")
    return exits.Exit.SUCCEEDED
