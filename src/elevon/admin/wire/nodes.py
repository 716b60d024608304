"""Nodes and attempts of an execution as flyteidl's messages.

What the engine's bookkeeping calls STARTING and KILLING is QUEUED and RUNNING to the wire, which has no words for it.
A node that has not started has no message, as in Flyte.
"""

from datetime import datetime

from google.protobuf import json_format

from elevon.admin.nodes import StartedNode
from elevon.admin.wire import executions
from elevon.compiler.graphs import GraphNode, NodeKind
from elevon.idl import identifiers
from elevon.idl.admin_messages import (
    NodeExecution,
    NodeExecutionClosure,
    TaskExecution,
    TaskExecutionClosure,
)
from elevon.idl.messages import Identifier, LiteralMap, TaskLog
from elevon.records.attempts import AttemptRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase

_SPELLED = {AttemptPhase.STARTING: AttemptPhase.QUEUED, AttemptPhase.KILLING: AttemptPhase.RUNNING}


def node_message(execution: ExecutionId, started: StartedNode) -> NodeExecution:
    """A node that has started."""
    record, kind = started.record, started.node.kind
    node_id = identifiers.node_execution(executions.identifier(execution), record.node_id)
    made = NodeExecution(id=node_id, closure=NodeExecutionClosure(phase=record.phase.value))
    made.metadata.spec_node_id = record.spec_node_id
    made.metadata.is_dynamic = record.expansion is not None
    made.metadata.is_array = kind is NodeKind.ARRAY
    made.metadata.is_parent_node = kind is not NodeKind.TASK or record.expansion is not None
    closure = made.closure
    closure.created_at.CopyFrom(executions.timestamp(record.started_at))
    _set_times(closure, record.started_at, record.ended_at)
    _set_result(closure, record.failure, record.outputs)
    return made


def attempt_message(execution: ExecutionId, node: GraphNode, record: AttemptRecord) -> TaskExecution:
    """An attempt of a node."""
    node_id = identifiers.node_execution(executions.identifier(execution), record.node_id)
    task_id = node.task.id if node.task is not None else Identifier()
    made = TaskExecution(
        id=identifiers.task_execution(task_id, node_id, record.attempt),
        closure=TaskExecutionClosure(phase=_SPELLED.get(record.phase, record.phase).value),
    )
    closure = made.closure
    closure.task_type = record.task_type
    closure.reason = record.reason
    closure.event_version = record.phase_version
    closure.created_at.CopyFrom(executions.timestamp(record.queued_at))
    _set_times(closure, record.started_at, record.ended_at)
    _set_result(closure, record.failure, None)
    closure.logs.extend(TaskLog(name=link.name, uri=link.uri) for link in record.log_links)
    if record.custom_info:
        json_format.Parse(record.custom_info, closure.custom_info)
    return made


def _set_times(
    closure: NodeExecutionClosure | TaskExecutionClosure,
    started_at: datetime | None,
    ended_at: datetime | None,
) -> None:
    closure.updated_at.CopyFrom(closure.created_at)
    for moment in (started_at, ended_at):
        if moment is not None:
            closure.updated_at.CopyFrom(executions.timestamp(moment))
    if started_at is not None:
        closure.started_at.CopyFrom(executions.timestamp(started_at))
        if ended_at is not None:
            closure.duration.CopyFrom(executions.span(ended_at - started_at))


def _set_result(
    closure: NodeExecutionClosure | TaskExecutionClosure, failure: Failure | None, outputs: bytes | None
) -> None:
    if failure is not None:
        closure.error.CopyFrom(executions.error(failure))
    elif outputs is not None:
        closure.output_data.CopyFrom(LiteralMap.FromString(outputs))
