"""The JSON that `--output json` prints; each shape is documented, with an example, in `docs/cli.md`.

It owns the names of the fields, which scripts rely on: one may be added, none may change its meaning. Instants are
ISO 8601 in UTC, spans are seconds, and what there is none of is null.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format

from elevon.admin.views import ExecutionView, NodeView
from elevon.cli import answers
from elevon.cli.endings import Ending
from elevon.compiler.graphs import NodeKind
from elevon.idl import json_values
from elevon.idl.messages import CompiledWorkflowClosure, LiteralMap, LiteralType
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.transitions import Transition

Document = dict[str, Any]
_NO_TYPES: Mapping[str, LiteralType] = {}


def write(document: Document | list[Document]) -> None:
    """Print a document on stdout; where that is not Unicode, in characters that every encoding has."""
    stream = answers.stream()
    is_unicode = (stream.encoding or "utf").lower().startswith("utf")
    print(json.dumps(document, ensure_ascii=not is_unicode, indent=2), file=stream)


def values(
    content: bytes | None, types: Mapping[str, LiteralType] = _NO_TYPES, *, is_shortened: bool = False
) -> Document | None:
    """Inputs or outputs: JSON by name.

    Args:
        content: Serialized `LiteralMap`; None for none.
        types: What they are declared as, in the order to write them; others come behind, by name.
        is_shortened: Whether they are for people; see `idl.json_values`.
    """
    if content is None:
        return None
    literals = LiteralMap.FromString(content).literals
    names = [*(name for name in types if name in literals), *sorted(literals.keys() - types.keys())]
    return {
        name: json_values.to_json(literals[name], types.get(name, LiteralType()), is_shortened=is_shortened)
        for name in names
    }


def failure(found: Failure | None) -> Document | None:
    """Why something failed."""
    if found is None:
        return None
    return {
        "code": found.code,
        "kind": found.kind,
        "message": found.message,
        "traceback": found.traceback or None,
    }


def result(ending: Ending) -> Document:
    """What `run`, `resume` and `recover` print of an execution when they are done with it."""
    record = ending.record
    return {
        "execution": record.id.name,
        "phase": record.phase,
        "outputs": values(record.outputs, ending.types),
        "error": failure(record.failure),
    }


def summary(record: ExecutionRecord) -> Document:
    """One execution in a list."""
    return {
        "execution": record.id.name,
        "workflow": record.workflow,
        "phase": record.phase,
        "created_at": instant(record.created_at),
        "started_at": instant(record.started_at),
        "ended_at": instant(record.ended_at),
        "duration_s": seconds(record.started_at, record.ended_at),
        "recovered_from": record.recovered_from or None,
    }


def details(view: ExecutionView) -> Document:
    """Everything there is to see of one execution."""
    return {
        **summary(view.record),
        "source_path": view.record.source_path or None,
        "inputs": values(view.record.inputs, view.inputs),
        "outputs": values(view.record.outputs, view.outputs),
        "error": failure(view.record.failure),
        "aborted_by": view.record.aborted_by or None,
        "nodes": [_node(node) for node in view.nodes],
        "history": [_transition(transition) for transition in view.history],
    }


def story(view: ExecutionView, node: NodeView) -> Document:
    """One node of an execution, with everything that happened to it."""
    return {
        **_node(node),
        "execution": view.record.id.name,
        "history": [_transition(row) for row in view.history if row.node_id == node.id],
    }


def closure(compiled: CompiledWorkflowClosure) -> Document:
    """A compiled workflow, as protobuf's JSON with the wire's field names."""
    return json_format.MessageToDict(compiled, preserving_proto_field_name=True)


def instant(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat() if moment else None


def seconds(started_at: datetime | None, ended_at: datetime | None) -> float | None:
    """The span between two instants."""
    return (ended_at - started_at).total_seconds() if started_at and ended_at else None


def state(content: bytes | None) -> Any:
    """A custom state or another JSON text, as JSON; null for none."""
    return json.loads(content) if content else None


def _node(view: NodeView) -> Document:
    record = view.record
    return {
        "node": view.id,
        "kind": view.kind,
        "name": view.name,
        "task_type": view.task_type or None,
        "phase": record.phase if record else None,
        "started_at": instant(record.started_at) if record else None,
        "ended_at": instant(record.ended_at) if record else None,
        "duration_s": seconds(record.started_at, record.ended_at) if record else None,
        "outputs": values(record.outputs, view.outputs) if record else None,
        "error": failure(record.failure) if record else None,
        "element_count": record.element_count if record and view.kind is NodeKind.ARRAY else None,
        "attempts": [_attempt(attempt) for attempt in view.attempts],
        "nodes": [_node(child) for child in view.children],
    }


def _attempt(record: AttemptRecord) -> Document:
    return {
        "attempt": record.attempt,
        "phase": record.phase,
        "executor": record.executor_id,
        "reason": record.reason or None,
        "is_parked": record.is_parked,
        "setback_count": record.setback_count,
        "restart_count": record.restart_count,
        "queued_at": instant(record.queued_at),
        "started_at": instant(record.started_at),
        "running_at": instant(record.running_at),
        "ended_at": instant(record.ended_at),
        "duration_s": seconds(record.started_at, record.ended_at),
        "error": failure(record.failure),
        "custom_state": state(record.custom_state),
        "custom_info": state(record.custom_info),
        "log_links": [{"name": link.name, "uri": link.uri} for link in record.log_links],
    }


def _transition(transition: Transition) -> Document:
    return {
        "at": instant(transition.at),
        "occurred_at": instant(transition.occurred_at),
        "node": transition.node_id or None,
        "attempt": transition.attempt,
        "phase": transition.phase,
        "phase_version": transition.phase_version,
        "event": transition.event,
        "message": transition.message or None,
        "custom_state": state(transition.custom_state),
    }
