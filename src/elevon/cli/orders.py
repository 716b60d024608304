"""What operators ask of attempts on the command line, and what came of it.

An order is a durable request; whoever drives the execution obeys it. This room owns the wait for that, and the words
for an order that nobody can obey yet.
"""

import argparse
import asyncio
import time
from typing import Final

import msgspec

from elevon.admin.attempts import Order, OrderStanding
from elevon.cli import documents, exits, grammar, invocations, principals, sites
from elevon.cli.invocations import Invocation
from elevon.cli.sights import Site
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId
from elevon.records.leases import RequestKind

_PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.05


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was typed."""

    execution: str
    node_id: str
    attempt: int | None
    reason: str


def declare(parser: argparse.ArgumentParser, *, is_reason_needed: bool) -> None:
    """Add the options and arguments of an order for an attempt."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument("--reason", default="", required=is_reason_needed, help="why, for the record")
    declare_attempt(parser)


def declare_attempt(parser: argparse.ArgumentParser) -> None:
    """Add what names an attempt."""
    parser.add_argument(
        "--attempt", metavar="N", type=_index, help="its number, from 0 (default: the newest)"
    )
    parser.add_argument("execution", metavar="EXECUTION", help="an execution, or the beginning of its id")
    parser.add_argument("node", metavar="NODE", help="a node, as elevon show names it; n1/n0 within n1")


def run(options: argparse.Namespace, kind: RequestKind) -> int:
    """Give the order, wait until it is obeyed, and tell what came of it."""
    given = _Given(
        execution=options.execution, node_id=options.node, attempt=options.attempt, reason=options.reason
    )
    return asyncio.run(_run(given, kind, invocations.of(options)))


async def _run(given: _Given, kind: RequestKind, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        execution = (await site.find(given.execution)).id
        order = Order(
            execution=execution,
            node_id=given.node_id,
            attempt=given.attempt,
            by=principals.who(),
            reason=given.reason,
        )
        attempt = await site.order(kind, order)
        standing = await _settled(site, attempt)
    record = standing.record
    if invocation.is_json:
        documents.write(_document(attempt, record, is_obeyed=standing.is_obeyed))
    elif standing.is_obeyed:
        waits = f", and waits: {record.reason}" if record.reason and record.is_parked else ""
        print(f"attempt {attempt.attempt} of node {attempt.node_id} is {record.phase}{waits}")
    elif standing.is_driven:
        print(f"the engine that drives execution {execution.name} has not obeyed yet; it will")
    else:
        resume = invocation.command("resume", execution.name)
        print(
            f"nobody drives execution {execution.name}: the request is kept, and obeyed by the next {resume}"
        )
    return exits.Exit.SUCCEEDED


async def _settled(site: Site, attempt: AttemptId) -> OrderStanding:
    """What has come of it, once whoever drives the execution had time to obey."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        standing = await site.standing(attempt)
        if standing.is_obeyed or not standing.is_driven or time.monotonic() > deadline:
            return standing
        await asyncio.sleep(_POLL_S)


def _document(attempt: AttemptId, record: AttemptRecord, *, is_obeyed: bool) -> documents.Document:
    return {
        "execution": attempt.execution.name,
        "node": attempt.node_id,
        "attempt": attempt.attempt,
        "phase": record.phase,
        "is_obeyed": is_obeyed,
    }


def _index(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of an attempt: they count from 0")
    return int(text)
