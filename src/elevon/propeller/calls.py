"""One call of an executor, and the event that its reply is.

Whatever comes of a call (a status, an exception, no answer at all) leaves here as an event.
"""

from datetime import timedelta

import msgspec

from elevon import errors
from elevon.idl.messages import TaskTemplate
from elevon.plugin import serving
from elevon.plugin.hosts import ExecutorHost
from elevon.plugin.invocations import Invocation
from elevon.primitives import log_contexts
from elevon.propeller.attempt_services import EngineAttemptServices
from elevon.propeller.expansions import Expansions
from elevon.propeller.machine.commands import Call
from elevon.propeller.machine.events import CallRaised, CallSucceeded, Event, StatusReturned
from elevon.records.answers import Answer, CallKind, Outputs, Raised, Reply
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion
from elevon.records.phases import AttemptPhase

_RESOLVE_AGAIN_AFTER = timedelta(seconds=1)


class Callee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call for an attempt, and with what.

    Attributes:
        host: Where the executor's calls run.
        invocation: The call, but for what `once` commits until it is made.
        services: What the engine does for the attempt meanwhile.
        task: The task, overrides applied.
        expansions: Takes in the futures of a success.
        is_required: For finalize: whether the execution may not end without it.
    """

    host: ExecutorHost
    invocation: Invocation
    services: EngineAttemptServices
    task: TaskTemplate
    expansions: Expansions
    is_required: bool = False


async def carry_out(command: Call, callee: Callee) -> Event:
    """Make the call, and say what came of it."""
    with log_contexts.Entered(callee.invocation.log_context):
        return await _carry_out(command, callee)


async def _carry_out(command: Call, callee: Callee) -> Event:
    reply, expansion = await _reply(callee), None
    if isinstance(reply, Answer) and reply.phase is AttemptPhase.SUCCEEDED:
        if reply.outputs is None and reply.futures is None:
            reply = await _with_outputs(callee, reply)
        if isinstance(reply, Answer) and reply.futures is not None:
            reply, expansion = await _expanded(callee, reply)
    if isinstance(reply, Raised):
        return raised(command, reply, is_required=callee.is_required)
    if isinstance(reply, Answer):
        return StatusReturned(command.node_id, command.attempt, command.call, reply, expansion)
    return CallSucceeded(command.node_id, command.attempt, command.call)


def parked(command: Call, reason: str) -> CallRaised:
    """The event of a call that can't be made until an operator, or another engine, has mended something."""
    failure = Failure(code="SYSTEM:Unavailable", message=reason)
    return raised(command, Raised(failure=failure, retry=errors.Retry.PARK, was_called=False))


def refused(command: Call, error: errors.UserError) -> CallRaised:
    """The event of a call for which what it needs can't be put together."""
    return raised(command, serving.raised(error, f"{command.call} of {command.node_id}", was_called=False))


def raised(command: Call, reply: Raised, *, is_required: bool = False) -> CallRaised:
    """The event of a call that raised.

    Args:
        command: The call.
        reply: What came of it.
        is_required: For finalize: whether the execution may not end without it.
    """
    return CallRaised(
        command.node_id,
        command.attempt,
        command.call,
        reply.failure,
        is_final=reply.retry is errors.Retry.NEVER,
        is_parking=reply.retry is errors.Retry.PARK,
        retry_after=reply.after,
        is_required=is_required,
        was_called=reply.was_called,
        is_counted=reply.is_counted,
    )


async def _reply(callee: Callee) -> Reply:
    """What the executor's host says; a call that a host could not make, or had to end, has raised."""
    intents = callee.services.intents
    await intents.settle()
    invocation = callee.invocation
    onces = intents.all()
    if onces:
        invocation = msgspec.structs.replace(invocation, onces=onces)
    try:
        return await callee.host.carry_out(invocation, callee.services)
    except Exception as error:  # noqa: BLE001 - whatever ends a call is an event of its attempt
        return serving.raised(error, f"{invocation.call} of {invocation.id}")


async def _with_outputs(callee: Callee, answer: Answer) -> Reply:
    """A success only together with its outputs, or with the futures that the task left instead."""
    resolving = msgspec.structs.replace(callee, invocation=_resolution(callee.invocation))
    found = await _reply(resolving)
    if isinstance(found, Outputs):
        is_outputs = found.futures is None
        return msgspec.structs.replace(
            answer, outputs=found.content if is_outputs else None, futures=found.futures
        )
    if not isinstance(found, Raised):
        raise errors.BugError(f"the outputs of {callee.invocation.id} came as {type(found).__name__}")
    if found.retry is errors.Retry.NEVER:
        failure = msgspec.structs.replace(found.failure, is_recoverable=False)
        return msgspec.structs.replace(answer, phase=AttemptPhase.FAILED, failure=failure)
    return _later(callee, answer, found, "the outputs can't be resolved yet")


async def _expanded(callee: Callee, answer: Answer) -> tuple[Reply, Expansion | None]:
    """A success with futures only once they are stored."""
    try:
        return await callee.expansions.take_in(answer, callee.invocation.id.node_id, callee.task)
    except Exception as error:  # noqa: BLE001 - whatever ends a call is an event of its attempt
        found = serving.raised(error, f"the futures of {callee.invocation.id}")
        return _later(callee, answer, found, "the futures can't be stored yet"), None


def _later(callee: Callee, answer: Answer, found: Raised, what: str) -> Reply:
    """The reply for a success that can't be had now: a start is not repeated for that, the next check asks again."""
    if callee.invocation.call is not CallKind.START:
        return found
    return msgspec.structs.replace(
        answer,
        phase=AttemptPhase.RUNNING,
        futures=None,
        check_after=found.after or _RESOLVE_AGAIN_AFTER,
        reason=f"{what}: {found.failure.message}",
    )


def _resolution(invocation: Invocation) -> Invocation:
    return msgspec.structs.replace(invocation, call=CallKind.RESOLVE, template=None, inputs=None)
