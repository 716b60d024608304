"""`elevon plugin drain TYPE`: start no more attempts of a task type, in any engine of the home."""

import argparse
import asyncio

from elevon import app
from elevon.cli import documents, exits, grammar, invocations, orders, plugins
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    grammar.add_tasktypes(parser)
    parser.add_argument("--reason", default="", help="why, for whoever wonders why attempts wait")
    parser.add_argument("type", metavar="TYPE", help="a task type")


def run(options: argparse.Namespace) -> int:
    """Drain it."""
    return asyncio.run(_run(options.type, options.reason, invocations.of(options)))


async def _run(task_type: str, reason: str, invocation: Invocation) -> int:
    known = app.registry(invocation.settings, are_problems_told=False)
    # A type whose package is broken is drained while that is mended, and one that is discovered while it is not there.
    if not known.problem_of(task_type) and not known.discoverers:
        known.of_type(task_type)
    async with app.reading(invocation.home) as admin:
        drain = await admin.drains.drain(task_type, by=orders.who(), reason=reason)
        census = await admin.drains.census({task_type})
    if invocation.is_json:
        documents.write(plugins.drain_document(drain))
        return exits.Exit.SUCCEEDED
    print(
        f"the task type {task_type} is drained: no attempt of it is started until "
        f"{invocation.command('plugin resume', task_type)}"
    )
    left = len(census.in_flight)
    print("nothing of it is in flight" if not left else f"{left} in flight go on to their ends")
    return exits.Exit.SUCCEEDED
