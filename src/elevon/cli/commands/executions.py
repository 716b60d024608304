"""`elevon executions`: the executions of a home or of a server, newest first."""

import argparse
import asyncio

from elevon.cli import documents, exits, grammar, invocations, sites, spellings
from elevon.cli.invocations import Invocation
from elevon.idl import workflow_names
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import UNFINISHED, ExecutionPhase

_UNFINISHED = "unfinished"
_PHASES = ", ".join([*(phase.lower() for phase in ExecutionPhase), _UNFINISHED])
_HEADER = ("EXECUTION", "WORKFLOW", "PHASE", "CREATED", "DURATION")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument("--limit", metavar="N", type=grammar.count, default=0, help="only the newest N")
    parser.add_argument(
        "--phase",
        metavar="PHASE",
        type=_phases,
        action="append",
        default=[],
        help=f"only those in this phase; repeatable; one of {_PHASES}",
    )


def _phases(text: str) -> frozenset[ExecutionPhase]:
    """The phases that an argument names."""
    if text.lower() == _UNFINISHED:
        return UNFINISHED
    try:
        return frozenset({ExecutionPhase(text.upper())})
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no phase: write one of {_PHASES}") from error


def run(options: argparse.Namespace) -> int:
    """List them."""
    phases = frozenset[ExecutionPhase]().union(*options.phase)
    return asyncio.run(_run(phases, options.limit, invocations.of(options)))


async def _run(phases: frozenset[ExecutionPhase], limit: int, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        records = await site.list_executions(phases, limit)
    if invocation.is_json:
        documents.write([documents.summary(record) for record in records])
    elif records:
        print("\n".join(spellings.table(_HEADER, [_row(record) for record in records])))
    else:
        place = f"at {invocation.remote}" if invocation.remote else f"in {invocation.home.path}"
        print(f"there are no executions {'in that phase' if phases else place}")
    return exits.Exit.SUCCEEDED


def _row(record: ExecutionRecord) -> tuple[str, ...]:
    return (
        record.id.name,
        workflow_names.spelled(record.workflow),
        record.phase,
        spellings.instant(record.created_at),
        spellings.between(record.started_at, record.ended_at),
    )
