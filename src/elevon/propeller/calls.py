"""One call of an executor, and the event that its answer is.

Whatever an executor does (returns, raises, hangs) leaves here as an event; nothing it raises goes further.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import msgspec

from elevon import errors
from elevon.idl.messages import Literal, LiteralMap, TaskTemplate
from elevon.plugin.contexts import TaskContext
from elevon.plugin.hosts import ExecutorHost
from elevon.plugin.registry import Registration
from elevon.plugin.statuses import Details, TaskStatus
from elevon.propeller.machine.commands import Call
from elevon.propeller.machine.events import Answer, CallKind, CallRaised, CallSucceeded, Event, StatusReturned
from elevon.records import failures
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase

logger = logging.getLogger(__name__)
_RESOLVE_AGAIN_AFTER = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(days=365)  # instants have an end: the year 9999
_PLAIN = Details()
_ANSWERS = msgspec.msgpack.Decoder(Answer)

# Outputs live in a row, and travel whole through every commit and read of it: a row is no place for data, and a store
# has a limit too, which is only met when the engine can't commit any more (SQLite: 10**9 bytes).
OUTPUTS_LIMIT_BYTES: Final = 64 * 1024 * 1024


class Callee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call for an attempt, and with what.

    Attributes:
        registration: The executor.
        host: Where its calls run.
        template: The task.
        context: Of this call, as the executor may use it where it runs.
        inputs: For a start: resolved inputs.
    """

    registration: Registration
    host: ExecutorHost
    template: TaskTemplate
    context: TaskContext[Any]
    inputs: LiteralMap | None = None


async def carry_out(command: Call, callee: Callee) -> Event:
    """Make the call, and say what came of it."""
    try:
        match command.call:
            case CallKind.START:
                return await _start(command, callee)
            case CallKind.CHECK:
                executor = callee.registration.executor
                status = await callee.host.call(lambda: executor.check_task_status(callee.context))
                return await _answered(command, callee, status)
            case CallKind.KILL:
                executor = callee.registration.executor
                await callee.host.call(lambda: executor.kill_task(callee.context, command.reason))
            case CallKind.FINALIZE:
                executor = callee.registration.executor
                await callee.host.call(lambda: executor.finalize_task(callee.context))
        return CallSucceeded(command.node_id, command.attempt, command.call)
    except Exception as error:  # noqa: BLE001 - whatever an executor raises is an event of its attempt
        return raised(command, error, is_required=callee.registration.properties.requires_finalizer)


def parked(command: Call, reason: str) -> CallRaised:
    """The event of a call that can't be made until an operator, or another engine, has mended something."""
    failure = Failure(code="SYSTEM:Unavailable", message=reason)
    return CallRaised(
        command.node_id, command.attempt, command.call, failure, is_parking=True, was_called=False
    )


def raised(
    command: Call, error: BaseException, *, is_required: bool = False, was_called: bool = True
) -> CallRaised:
    """The event of a call that raised, by the error table.

    Args:
        command: The call.
        error: What it raised.
        is_required: For finalize: whether the execution may not end without it.
        was_called: False if the executor was never reached.
    """
    policy = errors.policy_of(error)
    failure = failures.from_exception(error)
    logger.info(
        "%s of %s#%d raised: %s",
        command.call,
        command.node_id,
        command.attempt,
        failure.message,
        exc_info=error,
    )
    return CallRaised(
        command.node_id,
        command.attempt,
        command.call,
        failure,
        is_final=policy.retry is errors.Retry.NEVER,
        is_parking=policy.retry is errors.Retry.PARK,
        retry_after=_retry_after(error),
        is_required=is_required,
        was_called=was_called,
    )


def _retry_after(error: BaseException) -> timedelta | None:
    """When an error wants the call repeated; None where it does not say."""
    after = error.after if isinstance(error, errors.RetryableError) else None
    return None if after is None else min(max(after, timedelta(0)), _LONGEST_WAIT)


async def _start(command: Call, callee: Callee) -> Event:
    """A start has a spec and inputs; what is wrong with them is found before the executor is reached."""
    executor = callee.registration.executor
    try:
        spec = callee.registration.decode_spec(callee.template)
    except errors.UserError as error:
        return raised(command, error, was_called=False)
    inputs = callee.inputs if callee.inputs is not None else LiteralMap()
    status = await callee.host.call(
        lambda: executor.start_task(callee.context, callee.template, spec, inputs)
    )
    return await _answered(command, callee, status)


async def _answered(command: Call, callee: Callee, status: Any) -> Event:
    """The event of whatever a start or check returned."""
    if not isinstance(status, TaskStatus):
        raise errors.UserError(
            f"executor {callee.registration.id!r} returned {type(status).__name__} from {command.call}: "
            "return a TaskStatus"
        )
    return await _known(command, callee, cast("TaskStatus[Any]", status))


async def _known(command: Call, callee: Callee, status: TaskStatus[Any]) -> Event:
    """The event of a status: its state encoded, a success only together with its outputs."""
    outputs = None
    keeps_state = _keeps_state(status)
    if status.phase is AttemptPhase.SUCCEEDED:
        try:
            outputs = await _outputs(callee, status)
        except errors.UserError as error:
            status = TaskStatus.permanent_failure(failures.from_exception(error), status.state)
        except Exception as error:
            if command.call is not CallKind.START or status.outputs is not None:
                raise
            status = _without_outputs(status, error)
    try:
        state = None if keeps_state else callee.registration.codec.encode(status.state)
        answer = _encode(callee, status, state, outputs)
        if status.failure is not None or status.details != _PLAIN:
            _ensure_storable(answer)
    except errors.CorruptStateError as error:
        return _refused(command, callee, f"a state that can't be kept: {error}")
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        return _refused(command, callee, f"a status that can't be kept: {error}")
    return StatusReturned(command.node_id, command.attempt, command.call, answer)


def _without_outputs(status: TaskStatus[Any], error: Exception) -> TaskStatus[Any]:
    """The status of a start that succeeded and whose outputs can't be had now: the next check resolves them."""
    details = msgspec.structs.replace(
        status.details,
        check_after=_retry_after(error) or _RESOLVE_AGAIN_AFTER,
        reason=f"the outputs can't be resolved yet: {failures.from_exception(error).message}",
    )
    return TaskStatus(phase=AttemptPhase.RUNNING, state=status.state, details=details)


def _ensure_storable(answer: Answer) -> None:
    """Raise what keeps it from being stored; text that is no Unicode does not: the store keeps it as escapes."""
    try:
        _ANSWERS.decode(msgspec.msgpack.encode(answer))
    except UnicodeEncodeError:
        kept = (bytes, datetime, timedelta)
        msgspec.convert(msgspec.to_builtins(answer, builtin_types=kept), Answer, builtin_types=kept)


def _keeps_state(status: TaskStatus[Any]) -> bool:
    """Whether the committed state stays: nothing is known, or an end that says nothing of it."""
    return status.phase is None or (status.state is None and status.phase.is_terminal)


def _refused(command: Call, callee: Callee, what: str) -> Event:
    """An answer that can't be stored is refused now; no repetition mends the executor's code."""
    failure = Failure(
        code="SYSTEM:StateRefused",
        message=f"executor {callee.registration.id!r} returned {what}",
        is_recoverable=False,
    )
    return CallRaised(command.node_id, command.attempt, command.call, failure, is_final=True)


def _encode(callee: Callee, status: TaskStatus[Any], state: bytes | None, outputs: bytes | None) -> Answer:
    details = status.details
    check_after = (
        callee.registration.properties.check_after if details.check_after is None else details.check_after
    )
    return Answer(
        phase=status.phase,
        phase_version=details.phase_version,
        custom_state=state,
        state_version=callee.registration.codec.version,
        outputs=outputs,
        failure=status.failure,
        occurred_at=details.occurred_at,
        log_links=details.log_links,
        custom_info=b"" if details.custom_info is None else msgspec.json.encode(details.custom_info),
        check_after=min(check_after, _LONGEST_WAIT),
        reason=details.reason,
        is_restarted=details.is_restarted,
    )


async def _outputs(callee: Callee, status: TaskStatus[Any]) -> bytes:
    """Serialized outputs of a success, exactly those that the interface declares, and no more than a row may hold."""
    names = tuple(callee.template.interface.outputs.variables)
    found: Mapping[str, Any] | None = status.outputs
    if found is None:
        executor = callee.registration.executor
        found = await callee.host.call(lambda: executor.resolve_outputs(callee.context, *names))
    missing = [name for name in names if name not in found]
    if missing:
        raise errors.UserError(
            f"executor {callee.registration.id!r} reported success without the outputs {', '.join(missing)}"
        )
    for name in names:
        if not isinstance(found[name], Literal):
            raise errors.UserError(
                f"executor {callee.registration.id!r} returned {type(found[name]).__name__} as output {name!r}: "
                "return a Literal"
            )
    outputs = LiteralMap(literals={name: found[name] for name in names})
    if outputs.ByteSize() > OUTPUTS_LIMIT_BYTES:
        node_id = callee.context.task_execution_id.attempt.node_id
        sizes = ", ".join(f"{name} of {found[name].ByteSize()} bytes" for name in names)
        raise errors.UserError(
            f"task {callee.template.id.name} (node {node_id}) returned {sizes}, the limit for all outputs of a node "
            f"is {OUTPUTS_LIMIT_BYTES} bytes: return large data as a File or Directory"
        )
    return outputs.SerializeToString(deterministic=True)
