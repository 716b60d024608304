"""`elevon executions`: the executions of a home, newest first."""

import argparse
import asyncio

from elevon import app
from elevon.cli import documents, exits, grammar, invocations, spellings
from elevon.cli.invocations import Invocation
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import UNFINISHED, ExecutionPhase

_HEADER = ("EXECUTION", "WORKFLOW", "PHASE", "CREATED", "DURATION")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_output(parser)
    parser.add_argument("--limit", metavar="N", type=grammar.count, default=0, help="only the newest N")
    parser.add_argument(
        "--phase",
        type=str.upper,
        choices=[*ExecutionPhase, "UNFINISHED"],
        action="append",
        default=[],
        help="only those in this phase; repeatable",
    )


def run(options: argparse.Namespace) -> int:
    """List them."""
    phases = {ExecutionPhase(phase) for phase in options.phase if phase != "UNFINISHED"}
    if "UNFINISHED" in options.phase:
        phases |= UNFINISHED
    return asyncio.run(_run(frozenset(phases), options.limit, invocations.of(options)))


async def _run(phases: frozenset[ExecutionPhase], limit: int, invocation: Invocation) -> int:
    async with app.reading(invocation.home) as admin:
        records = await admin.list_executions(phases, limit)
    if invocation.is_json:
        documents.write([documents.summary(record) for record in records])
    elif records:
        print("\n".join(spellings.table(_HEADER, [_row(record) for record in records])))
    else:
        print("there are no executions" + (" in that phase" if phases else f" in {invocation.home.path}"))
    return exits.Exit.SUCCEEDED


def _row(record: ExecutionRecord) -> tuple[str, ...]:
    return (
        record.id.name,
        record.workflow,
        record.phase,
        spellings.instant(record.created_at),
        spellings.between(record.started_at, record.ended_at),
    )
