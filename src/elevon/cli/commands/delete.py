"""`elevon delete ID ...`: remove executions that have ended, with their files."""

import argparse
import asyncio
from collections.abc import Sequence

from elevon import app
from elevon.cli import documents, exits, grammar, invocations
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    parser.add_argument("ids", metavar="ID", nargs="+", help="executions that have ended")


def run(options: argparse.Namespace) -> int:
    """Remove them."""
    return asyncio.run(_run(options.ids, invocations.of(options)))


async def _run(names: Sequence[str], invocation: Invocation) -> int:
    removed: list[str] = []
    async with app.reading(invocation.home) as admin:
        for record in [await admin.find(name) for name in names]:
            await admin.delete(record.id)
            invocation.home.remove_files(record.id)
            removed.append(record.id.name)
    if invocation.is_json:
        documents.write({"deleted": removed})
    else:
        print(f"deleted {', '.join(removed)}")
    return exits.Exit.SUCCEEDED
