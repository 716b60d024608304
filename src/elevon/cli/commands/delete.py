"""`elevon delete ID ...`: remove executions that have ended, with their files."""

import argparse
import asyncio
from collections.abc import Sequence

from elevon.cli import documents, exits, grammar, invocations, sites
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument("ids", metavar="ID", nargs="+", help="executions that have ended")


def run(options: argparse.Namespace) -> int:
    """Remove them."""
    return asyncio.run(_run(options.ids, invocations.of(options)))


async def _run(names: Sequence[str], invocation: Invocation) -> int:
    removed: list[str] = []
    async with sites.opened(invocation) as site:
        for record in [await site.find(name) for name in names]:
            await site.delete(record.id)
            removed.append(record.id.name)
    if invocation.is_json:
        documents.write({"deleted": removed})
    else:
        print(f"deleted {', '.join(removed)}")
    return exits.Exit.SUCCEEDED
