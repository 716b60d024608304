"""Why attempts and nodes fail, end or are given up, in the words that are stored and shown."""

import msgspec

from elevon import errors
from elevon.compiler.graphs import TaskSettings
from elevon.propeller.machine.events import AbandonRequested, FailRequested, Unparked
from elevon.records.answers import CallKind
from elevon.records.failures import Failure
from elevon.records.nodes import NodeRecord

_FORCED = "USER:ForceFailed"
RESTARTED = "began anew: what it had run before was lost"


def timed_out(settings: TaskSettings, *, is_queue: bool) -> Failure:
    """The time-out of waiting until it runs, or of running."""
    limit = settings.queue_timeout if is_queue else settings.timeout
    what = "did not run within its queue timeout" if is_queue else "ran longer than its timeout"
    return Failure(
        code="USER:QueueTimeout" if is_queue else "USER:Timeout",
        message=f"the attempt {what} of {limit}: raise it, or make the task faster",
        kind=errors.ErrorKind.USER,
    )


def exhausted(failure: Failure, call: CallKind, count: int) -> Failure:
    """Calls that failed too often in a row."""
    return msgspec.structs.replace(
        failure,
        code="SYSTEM:RetriesExhausted",
        message=f"{call} failed {count} times in a row, last with: {failure.message}",
        is_recoverable=False,
    )


def forced(event: FailRequested) -> Failure:
    """An operator wanted it to have failed."""
    return Failure(
        code=_FORCED,
        message=said("failed", event),
        kind=errors.ErrorKind.USER,
        is_recoverable=False,
    )


def is_forced(failure: Failure | None) -> bool:
    """Whether it is the word of an operator."""
    return failure is not None and failure.code == _FORCED


def said(what: str, event: FailRequested | AbandonRequested | Unparked) -> str:
    """What an operator did, in words: who, and why."""
    return f"{what} by {event.by}: {event.reason or 'no reason was given'}"


def of_node(record: NodeRecord) -> Failure:
    """The node's failure as that of what is around it: it names the node that failed first."""
    failure = record.failure or unexplained(record.node_id)
    if failure.message.startswith("node "):
        return failure
    return msgspec.structs.replace(failure, message=f"node {record.node_id}: {failure.message}")


def stopped(failure: Failure) -> Failure:
    """Why something else is stopped, with the first reason only."""
    if failure.code == "SYSTEM:Stopped":
        return failure
    return Failure(code="SYSTEM:Stopped", message=f"stopped, because {failure.message}", kind=failure.kind)


def unexplained(node_id: str) -> Failure:
    """A node failed, and nobody said why."""
    return Failure(code="SYSTEM:Unexplained", message=f"node {node_id} failed without an explanation")
