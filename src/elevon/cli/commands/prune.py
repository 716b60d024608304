"""`elevon prune --older-than SPAN`: remove what ended longer ago than that, with its files, and old launch plans."""

import argparse
import asyncio
from datetime import timedelta

from elevon.cli import documents, exits, grammar, invocations, sites
from elevon.cli.invocations import Invocation


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument(
        "--older-than", metavar="SPAN", type=_span, required=True, help="30d, 12h, 90m or 45s"
    )


def run(options: argparse.Namespace) -> int:
    """Remove them."""
    return asyncio.run(_run(options.older_than, invocations.of(options)))


async def _run(older_than: timedelta, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        removed = await site.prune(older_than)
    names = [execution.name for execution in removed.executions]
    plans = [f"{plan.name}:{plan.version}" for plan in removed.launch_plans]
    if invocation.is_json:
        documents.write({"deleted": names, "launch_plans": plans})
        return exits.Exit.SUCCEEDED
    print(f"deleted {', '.join(names)}" if names else "nothing to do: no execution ended that long ago")
    if plans:
        print(
            f"deleted {len(plans)} launch plan{'s' if len(plans) > 1 else ''} that nothing refers to any more"
        )
    return exits.Exit.SUCCEEDED


def _span(text: str) -> timedelta:
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no span: write it like 30d, 12h, 90m or 45s")
    return timedelta(**{units[unit]: int(number)})
