"""What operators ask for on the command line: who they are, and what came of it.

An order is a durable request; whoever drives the execution obeys it. This room owns the wait for that, and the words
for an order that nobody can obey yet.
"""

import argparse
import asyncio
import getpass
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from elevon import app
from elevon.admin.attempts import Attempts, Order
from elevon.admin.executions import Admin
from elevon.cli import documents, exits, grammar, invocations
from elevon.cli.invocations import Invocation
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId, ExecutionId

Ask: TypeAlias = Callable[[Attempts, Order], Awaitable[AttemptId]]
_PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.05


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was typed."""

    execution: str
    node_id: str
    attempt: int | None
    reason: str


def who() -> str:
    """Whoever runs this command, for the record; in a container, a user may have no name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (pid {os.getpid()})"


def declare(parser: argparse.ArgumentParser, *, is_reason_needed: bool) -> None:
    """Add the options and arguments of an order for an attempt."""
    grammar.add_home(parser)
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


def run(options: argparse.Namespace, ask: Ask) -> int:
    """Give the order, wait until it is obeyed, and tell what came of it."""
    given = _Given(
        execution=options.execution, node_id=options.node, attempt=options.attempt, reason=options.reason
    )
    return asyncio.run(_run(given, ask, invocations.of(options)))


async def _run(given: _Given, ask: Ask, invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        execution = (await admin.find(given.execution)).id
        order = Order(
            execution=execution,
            node_id=given.node_id,
            attempt=given.attempt,
            by=who(),
            reason=given.reason,
        )
        attempt = await ask(admin.attempts, order)
        is_obeyed = await _wait(admin, attempt, invocation.home)
        is_driven = await _is_driven(admin, execution, invocation.home)
        record = await admin.attempts.find(execution, attempt.node_id, attempt.attempt)
    if invocation.is_json:
        documents.write(_document(attempt, record, is_obeyed=is_obeyed))
    elif is_obeyed:
        waits = f", and waits: {record.reason}" if record.reason and record.is_parked else ""
        print(f"attempt {attempt.attempt} of node {attempt.node_id} is {record.phase}{waits}")
    elif is_driven:
        print(f"the engine that drives execution {execution.name} has not obeyed yet; it will")
    else:
        resume = invocation.command("resume", execution.name)
        print(
            f"nobody drives execution {execution.name}: the request is kept, and obeyed by the next {resume}"
        )
    return exits.Exit.SUCCEEDED


async def _wait(admin: Admin, attempt: AttemptId, home: app.Home) -> bool:
    """Give whoever drives the execution time to obey; whether it did."""
    deadline = time.monotonic() + _PATIENCE_S
    while await _is_driven(admin, attempt.execution, home):
        if await admin.attempts.is_obeyed(attempt):
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return (await admin.get(attempt.execution)).phase.is_terminal


async def _is_driven(admin: Admin, execution: ExecutionId, home: app.Home) -> bool:
    lease = await admin.owner(execution)
    return lease is not None and home.is_alive(lease.owner)


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
