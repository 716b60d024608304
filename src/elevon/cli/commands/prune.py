"""`elevon prune --older-than SPAN`: remove every execution that ended longer ago than that, with its files."""

import argparse
import asyncio
from datetime import timedelta

from elevon import app
from elevon.cli import documents, exits, grammar, invocations
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    parser.add_argument(
        "--older-than", metavar="SPAN", type=_span, required=True, help="30d, 12h, 90m or 45s"
    )


def run(options: argparse.Namespace) -> int:
    """Remove them."""
    return asyncio.run(_run(options.older_than, invocations.of(options)))


async def _run(older_than: timedelta, invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        removed = await admin.prune(older_than)
    for execution in removed:
        invocation.home.remove_files(execution)
    names = [execution.name for execution in removed]
    if invocation.is_json:
        documents.write({"deleted": names})
    else:
        print(f"deleted {', '.join(names)}" if names else "nothing to do: no execution ended that long ago")
    return exits.Exit.SUCCEEDED


def _span(text: str) -> timedelta:
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no span: write it like 30d, 12h, 90m or 45s")
    return timedelta(**{units[unit]: int(number)})
