"""`elevon plugin drain TYPE`: start no more attempts of a task type, in any engine of a home."""

import argparse
import asyncio

from elevon.cli import documents, exits, grammar, invocations, plugins, principals, sites
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("--reason", default="", help="why, for whoever wonders why attempts wait")
    parser.add_argument("type", metavar="TYPE", help="a task type")


def run(options: argparse.Namespace) -> int:
    """Drain it."""
    return asyncio.run(_run(options.type, options.reason, invocations.of(options)))


async def _run(task_type: str, reason: str, invocation: Invocation) -> int:
    async with sites.executors(invocation) as site:
        drained = await site.drain(task_type, principals.who(), reason)
    if invocation.is_json:
        documents.write(plugins.drain_document(drained.drain))
        return exits.Exit.SUCCEEDED
    print(
        f"the task type {task_type} is drained: no attempt of it is started until "
        f"{invocation.command('plugin resume', task_type)}"
    )
    left = len(drained.census.in_flight)
    print("nothing of it is in flight" if not left else f"{left} in flight go on to their ends")
    return exits.Exit.SUCCEEDED
