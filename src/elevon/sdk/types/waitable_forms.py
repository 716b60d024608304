"""Waitables on the wire: flyteidl's message in a struct, as flytekit sends it.

It is loaded once somebody's annotation is a `Waitable`: other processes need neither the message nor its JSON.
"""

from typing import Any, Final, cast

from elevon.errors import UserError
from elevon.idl import literals, waitables
from elevon.idl.messages import Literal, WorkflowExecution
from elevon.records.phases import ExecutionPhase
from elevon.sdk.types import atoms
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Transformer,
    mismatch,
    packed,
    wrong_literal,
)
from elevon.sdk.types.waitables import Waitable

_SPELLED: Final = "Waitable (the id of an execution)"
_PHASES: Final = {
    WorkflowExecution.UNDEFINED: None,
    WorkflowExecution.SUCCEEDING: ExecutionPhase.RUNNING,
    WorkflowExecution.TIMED_OUT: ExecutionPhase.FAILED,
    **{WorkflowExecution.Phase.Value(phase): phase for phase in ExecutionPhase},
}


def of_json(value: Any) -> Waitable:
    """What an id, or the message as JSON data, means.

    Raises:
        UserError: It is neither.
    """
    return _of_message(waitables.of_json(value))


def _of_message(message: waitables.Waitable) -> Waitable:
    id_ = message.wf_exec_id
    return Waitable(id_.name, id_.project, id_.domain, _PHASES[message.phase], message.workflow_id)


def _to_message(value: Any) -> waitables.Waitable:
    if isinstance(value, str):
        raise UserError(
            f"expected Waitable, got {value!r:.80}: refer to an execution by Waitable({value!r:.80})"
        )
    if not isinstance(value, Waitable):
        raise mismatch(value, _SPELLED)
    made = waitables.Waitable(workflow_id=value.workflow)
    made.wf_exec_id.name = value.name
    made.wf_exec_id.project, made.wf_exec_id.domain = value.project, value.domain
    if value.phase is not None:
        made.phase = cast("WorkflowExecution.Phase", WorkflowExecution.Phase.Value(value.phase))
    return made


def _encode(value: Any, files: FileSink) -> Literal:
    del files
    return waitables.to_literal(_to_message(value))


def _decode(literal: Literal, files: FileSource) -> Waitable:
    match literals.kind_of(literal):
        case "generic":
            return of_json(literals.plain_of(literal.scalar.generic))
        case "binary":
            return of_json(packed(literal))
        case "union":
            return _decode(literal.scalar.union.value, files)
        case _:
            raise wrong_literal(literal, _SPELLED)


def _is_instance(value: Any) -> bool:
    return type(value) is Waitable


TRANSFORMER: Final = Transformer(
    "Protobuf-Transformer", waitables.literal_type(), "generic", _is_instance, _encode, _decode
)
"""How it travels alone, in lists and in dicts."""
PLAIN: Final = atoms.Plain(
    _is_instance,
    lambda value, files: waitables.to_plain(_to_message(value)),
    lambda value, files: of_json(value),
)
"""How it travels inside a struct."""
