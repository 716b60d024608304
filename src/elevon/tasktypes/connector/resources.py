"""What a connector says of a task, in the words of the engine.

It owns the table of phases, as Flyte's propeller reads them, and which failures another attempt may mend. It must
never call anything.
"""

from typing import Any, Final, TypeVar

from elevon import errors
from elevon.idl import agents, literals
from elevon.idl.messages import ExecutionError, TaskExecution
from elevon.plugin import TaskStatus
from elevon.plugin.statuses import DetailOptions
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase

S = TypeVar("S")
FAILED_CODE: Final = "USER:ConnectorTaskFailed"

_PHASES: Final = {
    TaskExecution.QUEUED: AttemptPhase.QUEUED,
    TaskExecution.WAITING_FOR_RESOURCES: AttemptPhase.QUEUED,  # of the service's: the task was accepted
    TaskExecution.INITIALIZING: AttemptPhase.INITIALIZING,
    TaskExecution.RUNNING: AttemptPhase.RUNNING,
    TaskExecution.SUCCEEDED: AttemptPhase.SUCCEEDED,
    TaskExecution.FAILED: AttemptPhase.FAILED,
    TaskExecution.ABORTED: AttemptPhase.FAILED,  # by somebody else than the engine: nothing that a retry mends
    TaskExecution.RETRYABLE_FAILED: AttemptPhase.RETRYABLE_FAILED,
}
# Services from before there were phases say only a state; its zero is a retryable failure, as propeller reads it.
_STATES: Final = {
    agents.State.PENDING: AttemptPhase.QUEUED,
    agents.State.RUNNING: AttemptPhase.RUNNING,
    agents.State.SUCCEEDED: AttemptPhase.SUCCEEDED,
    agents.State.PERMANENT_FAILURE: AttemptPhase.FAILED,
    agents.State.RETRYABLE_FAILURE: AttemptPhase.RETRYABLE_FAILED,
}
_KINDS: Final = {
    ExecutionError.USER: errors.ErrorKind.USER,
    ExecutionError.SYSTEM: errors.ErrorKind.SYSTEM,
}


def phase_of(resource: agents.Resource) -> AttemptPhase:
    """The phase that a resource stands for.

    Raises:
        RetryableError: It is one of a newer protocol.
    """
    if resource.phase == TaskExecution.UNDEFINED:
        return _STATES[resource.state]
    found = _PHASES.get(resource.phase)
    if found is None:
        raise errors.RetryableError(
            f"the connector reports the phase {resource.phase}, which Flyte 1.16 has not"
        )
    return found


def status_of(resource: agents.Resource, state: S, phase_version: int = 0) -> TaskStatus[S]:
    """The status that a resource stands for; a success without inline outputs leaves them to `outputs.pb`.

    Args:
        resource: What the connector said.
        state: The custom state that goes with it.
        phase_version: See `Details`.

    Raises:
        RetryableError: Its phase is one of a newer protocol.
    """
    phase = phase_of(resource)
    details: DetailOptions = {
        "phase_version": phase_version,
        "log_links": tuple(LogLink(link.name, link.uri) for link in resource.log_links),
        "custom_info": _custom_info(resource),
        "reason": "" if phase.is_terminal else resource.message,
    }
    match phase:
        case AttemptPhase.INITIALIZING:
            return TaskStatus.initializing(state, **details)
        case AttemptPhase.RUNNING:
            return TaskStatus.running(state, **details)
        case AttemptPhase.SUCCEEDED:
            outputs = dict(resource.outputs.literals) if resource.HasField("outputs") else None
            return TaskStatus.succeeded(outputs, state, **details)
        case AttemptPhase.FAILED:
            return TaskStatus.permanent_failure(_failure(resource), state, **details)
        case AttemptPhase.RETRYABLE_FAILED:
            return TaskStatus.retryable_failure(_failure(resource), state, **details)
        case _:
            return TaskStatus.queued(state, **details)


def _custom_info(resource: agents.Resource) -> Any:
    return literals.plain_of(resource.custom_info) if resource.HasField("custom_info") else None


def _failure(resource: agents.Resource) -> Failure:
    """Why it failed; only some connectors say more than a message."""
    known = resource.agent_error
    phase = TaskExecution.Phase.Name(resource.phase) if resource.phase else agents.State.Name(resource.state)
    return Failure(
        code=known.code or FAILED_CODE,
        message=resource.message or f"the connector reports {phase} and no reason",
        kind=_KINDS.get(known.origin, errors.ErrorKind.USER),
    )
