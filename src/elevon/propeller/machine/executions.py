"""How an execution begins, is taken up again, is aborted and ends."""

import msgspec

from elevon import errors
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import attempts, bindings, commands, nodes, scopes
from elevon.propeller.machine.drafts import Draft
from elevon.propeller.machine.events import AbortRequested, Begin
from elevon.records import failures
from elevon.records.failures import Failure
from elevon.records.phases import ExecutionPhase

replace = msgspec.structs.replace


def begin(draft: Draft, _event: Begin) -> None:
    """Start a new execution, or go on with every part of one that an engine left."""
    view = draft.view
    record = view.execution
    if record.phase is ExecutionPhase.QUEUED:
        draft.put_execution(replace(record, phase=ExecutionPhase.RUNNING, started_at=draft.now))
        scopes.open_graph(draft, "", view.graph, None, LiteralMap.FromString(record.inputs))
        return
    for scope in list(view.scopes.values()):
        nodes.resume_scope(draft, scope)
    for key, attempt in list(view.attempts.items()):
        if attempt.phase.is_terminal and view.live[key].call is None:
            attempts.resume(draft, attempt)


def abort(draft: Draft, event: AbortRequested) -> None:
    """End everything that is active; an execution that ends already goes on ending."""
    view = draft.view
    record = view.execution
    if record.phase.is_terminal or record.phase is ExecutionPhase.ABORTING:
        return
    reason = event.reason or "no reason was given"
    failure = Failure(
        code="USER:Aborted",
        message=f"aborted by {event.by}: {reason}",
        kind=errors.ErrorKind.USER,
        is_recoverable=False,
    )
    draft.put_execution(
        replace(record, phase=ExecutionPhase.ABORTING, failure=failure, aborted_by=event.by),
        message=failure.message,
    )
    if "" not in view.scopes:
        _end(draft)
        return
    nodes.stop_scope(draft, view.root, failure)


def settle(draft: Draft) -> None:
    """After every event: note that the execution is failing, and end it once nothing is left to be done."""
    view = draft.view
    root = view.scopes.get("")
    if root is None or view.execution.phase.is_terminal:
        return
    if root.is_stopping and view.execution.phase is ExecutionPhase.RUNNING:
        draft.put_execution(replace(view.execution, phase=ExecutionPhase.FAILING, failure=root.failure))
    if not root.active and not view.live:
        _end(draft)


def _end(draft: Draft) -> None:
    """Commit the terminal phase, with the outputs or the reason."""
    view = draft.view
    record = replace(view.execution, ended_at=draft.now)
    root = view.scopes.get("")
    if record.phase is ExecutionPhase.ABORTING:
        record = replace(record, phase=ExecutionPhase.ABORTED)
    elif root is not None and root.failure is not None:
        record = replace(record, phase=ExecutionPhase.FAILED, failure=root.failure)
    elif root is not None:
        try:
            outputs = bindings.resolve(root.graph.outputs, view.outputs_of(root))
        except errors.UserError as error:
            record = replace(record, phase=ExecutionPhase.FAILED, failure=failures.from_exception(error))
        else:
            record = replace(
                record, phase=ExecutionPhase.SUCCEEDED, outputs=outputs.SerializeToString(deterministic=True)
            )
    view.scopes.clear()
    draft.put_execution(record, message=record.failure.message if record.failure else "")
    draft.command(commands.End())
