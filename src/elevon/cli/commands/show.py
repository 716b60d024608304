"""`elevon show ID`: everything that is known of one execution, or of one of its nodes over time."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from elevon import errors
from elevon.admin.views import ExecutionView, NodeView
from elevon.cli import documents, elements, exits, grammar, invocations, reports, sites, spellings
from elevon.cli.invocations import Invocation
from elevon.idl import workflow_names
from elevon.idl.messages import LiteralType
from elevon.primitives import suggestions
from elevon.records.attempts import AttemptRecord
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase
from elevon.records.transitions import Transition

_SHOWN_STATES = 3
_SHOWN_LENGTH = 160  # of a state; the history of a node has all of it


def declare(parser: argparse.ArgumentParser) -> None:
    """Add options and arguments."""
    grammar.add_home(parser)
    grammar.add_remote(parser)
    grammar.add_output(parser)
    parser.add_argument("--node", metavar="NODE", default="", help="only this node, with its whole history")
    parser.add_argument("id", metavar="ID", help="an execution, or the beginning of its id")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    return asyncio.run(_run(options.id, options.node, invocations.of(options)))


async def _run(text: str, node_id: str, invocation: Invocation) -> int:
    async with sites.opened(invocation) as site:
        sight = await site.see(text)
    view, is_driven = sight.view, sight.is_driven
    node = _find(view, node_id) if node_id else None
    if invocation.is_json:
        document = {**documents.details(view), "is_driven": is_driven and not view.record.phase.is_terminal}
        documents.write(document if node is None else documents.story(view, node))
    else:
        now = datetime.now(UTC)
        print("\n".join(_lines(view, now) if node is None else _story(view, node, now)))
        if not (is_driven or view.record.phase.is_terminal or invocation.remote):
            print(f"nobody drives it; go on with: {invocation.command('resume', view.record.id.name)}")
    return exits.Exit.SUCCEEDED


def _find(view: ExecutionView, node_id: str) -> NodeView:
    nodes = {node.id: node for node in view.walk()}
    if node_id not in nodes:
        raise errors.NotFoundError(
            f"execution {view.record.id.name} has no node {node_id!r}: {suggestions.hint(node_id, nodes)}"
        )
    return nodes[node_id]


def _story(view: ExecutionView, node: NodeView, now: datetime) -> Iterator[str]:
    """One node, and what happened to it: each change of phase or state, with who or what caused it."""
    yield from _node(node, "", {}, now)
    yield "history:"
    for row in view.history:
        if row.node_id != node.id:
            continue
        attempt = "" if row.attempt is None else f"#{row.attempt} "
        version = f" v{row.phase_version}" if row.phase_version else ""
        message = f": {row.message}" if row.message else ""
        yield f"  {spellings.instant(row.at)}  {attempt}{row.phase}{version}  ({row.event}){message}"
        if documents.state(row.custom_state) is not None:
            yield f"    state: {(row.custom_state or b'').decode(errors='replace')}"


def _lines(view: ExecutionView, now: datetime) -> Iterator[str]:
    record = view.record
    span = spellings.taken(record.started_at, record.ended_at, now)
    yield f"execution {record.id.name}  {workflow_names.spelled(record.workflow)}  {record.phase}{span}"
    yield f"  created {spellings.instant(record.created_at)}"
    if record.started_at:
        yield f"  started {spellings.instant(record.started_at)}"
    if record.ended_at:
        yield f"  ended   {spellings.instant(record.ended_at)}"
    if record.source_path:
        yield f"  source  {record.source_path}"
    if record.recovered_from:
        yield f"  recovered from {record.recovered_from}"
    yield from _values("inputs:", record.inputs, view.inputs)
    yield from _values("outputs:", record.outputs, view.outputs)
    if record.failure:
        yield from spellings.failure(record.failure)
    yield "nodes:"
    rows = _rows(view.history)
    for node in view.nodes:
        yield from _node(node, "  ", rows, now)


def _values(heading: str, content: bytes | None, types: Mapping[str, LiteralType]) -> Iterator[str]:
    contents = documents.values(content, types, is_shortened=True)
    if contents:
        yield heading
        yield from spellings.values(contents)


def _rows(history: tuple[Transition, ...]) -> dict[tuple[str, int], list[Transition]]:
    """What happened to each attempt, in order."""
    found: dict[tuple[str, int], list[Transition]] = {}
    for transition in history:
        if transition.attempt is not None:
            found.setdefault((transition.node_id, transition.attempt), []).append(transition)
    return found


def _node(
    view: NodeView, margin: str, rows: dict[tuple[str, int], list[Transition]], now: datetime
) -> Iterator[str]:
    record = view.record
    name = view.id.rpartition("/")[2]
    label = f"{name}  {view.label}" if view.label else name
    kind = f" ({view.task_type})" if view.task_type else ""
    if record is None:
        yield f"{margin}{label}{kind}  not started"
    else:
        span = spellings.taken(record.started_at, record.ended_at, now)
        yield f"{margin}{label}{kind}  {record.phase}{span}"
        if record.failure and (record.expansion or not view.attempts):
            yield from (f"{margin}    {line}" for line in spellings.failure(record.failure))
        if elements.is_long(record):
            yield from (f"{margin}    {line}" for line in _elements(view, record, now))
            return
    for attempt in view.attempts:
        lines = _attempt(attempt, rows.get((view.id, attempt.attempt), []), now)
        yield from (f"{margin}    {line}" for line in lines)
    for child in view.children:
        yield from _node(child, f"{margin}  ", rows, now)


def _elements(view: NodeView, record: NodeRecord, now: datetime) -> Iterator[str]:
    """A long array: sums, and the first elements that failed."""
    counts = elements.counts_of(view.children)
    is_taken_over = record.phase is NodePhase.RECOVERED
    yield elements.summed(counts, record.element_count, is_taken_over=is_taken_over)
    named = elements.named(view.children)
    for each in named:
        if each.record is not None and each.record.failure is not None:
            span = spellings.taken(each.record.started_at, each.record.ended_at, now)
            reason = spellings.first_line(each.record.failure.message)
            yield f"{each.id}  {each.record.phase}{span}: {reason}"
    left = counts.get(NodePhase.FAILED, 0) - len(named)
    if left:
        yield f"{left:,} more failed: --output json names them"


def _attempt(record: AttemptRecord, rows: list[Transition], now: datetime) -> Iterator[str]:
    span = spellings.taken(record.started_at, record.ended_at, now)
    states = [row for row in rows if documents.state(row.custom_state) is not None]
    began = f", started {spellings.instant(record.started_at)}" if record.started_at else ""
    yield f"attempt {record.attempt}  {record.phase}{span}{began}"
    if verb := reports.verb_of(record):
        first, *more = record.reason.splitlines()
        yield f"  {verb}: {first}"
        yield from (f"    {line}" for line in more)
    if record.restart_count:
        yield f"  began anew {_times(record.restart_count)}: what it had run before was lost"
    if record.setback_count:
        yield f"  went back to an earlier phase {_times(record.setback_count)}, which the engine passed over"
    if record.failure:
        yield from (f"  {line}" for line in spellings.failure(record.failure))
    for link in record.log_links:
        yield f"  {link.name}: {link.uri}"
    if record.system_failure_count and not record.is_parked and not record.phase.is_terminal:
        raised = [row.message for row in rows if row.event == "CallRaised"]
        yield from (f"  in trouble: {message}" for message in raised[-1:])
    if len(states) > _SHOWN_STATES:
        yield f"  {len(states) - _SHOWN_STATES} earlier states are in the history that --node shows"
    for transition in states[-_SHOWN_STATES:]:
        state = _shortened((transition.custom_state or b"").decode(errors="replace"))
        yield f"  state at {spellings.instant(transition.at)} ({transition.phase}): {state}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _shortened(state: str) -> str:
    if len(state) <= _SHOWN_LENGTH:
        return state
    return f"{state[:_SHOWN_LENGTH]}... ({len(state):,} characters: --node shows all)"
