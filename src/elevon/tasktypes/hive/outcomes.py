"""From the state to what the engine is told: phase, versions, links, outputs, failures.

It owns how the phases of several queries make one, and who has to act when one fails. It must never call anything.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import Literal
from elevon.plugin import TaskContext, TaskStatus
from elevon.plugin.statuses import DetailOptions
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.hive import texts
from elevon.tasktypes.hive.items import HiveState, ItemPhase, Output, WorkItem

_FAILED_CODE: Final = "USER:HiveQueryFailed"
_LOST_CODE: Final = "SYSTEM:HiveQueryLost"
_SHOWN_LIMIT: Final = 80


def status_of(
    ctx: TaskContext[HiveState], state: HiveState, check_after: timedelta, reason: str = ""
) -> TaskStatus[HiveState]:
    """The status that the work items make together.

    Args:
        ctx: The task execution, as it was.
        state: As it is now.
        check_after: When to look again at the latest.
        reason: Why something waits, if it does.
    """
    details: DetailOptions = {"log_links": _links(state), "custom_info": _info(state)}
    failed = [(index, item) for index, item in enumerate(state.items) if item.phase is ItemPhase.FAILED]
    if failed:
        return _failure(state, *failed[0], details)
    if all(item.phase is ItemPhase.SUCCEEDED for item in state.items):
        outputs = {} if state.output is None else {state.output.name: _literal(state.output)}
        return TaskStatus.succeeded(outputs, state, **details)
    digest = _digest(details)
    is_running = ctx.phase is AttemptPhase.RUNNING or any(
        item.phase in (ItemPhase.RUNNING, ItemPhase.SUCCEEDED) for item in state.items
    )
    phase = AttemptPhase.RUNNING if is_running else AttemptPhase.QUEUED
    is_news = digest != state.report
    version = ctx.phase_version + is_news if phase is ctx.phase else 0
    state = msgspec.structs.replace(state, report=digest)
    details["phase_version"] = version
    details["reason"] = reason
    details["check_after"] = min(check_after, _until_overdue(ctx.now, state))
    return TaskStatus.running(state, **details) if is_running else TaskStatus.queued(state, **details)


def _until_overdue(now: datetime, state: HiveState) -> timedelta:
    ends = [item.overdue_at for item in state.items if item.is_in_flight and item.overdue_at is not None]
    return max(min(ends) - now, timedelta(0)) if ends else timedelta.max


def _failure(state: HiveState, index: int, item: WorkItem, details: DetailOptions) -> TaskStatus[HiveState]:
    which = f"query {index} of {len(state.items)}" if len(state.items) > 1 else "the query"
    tries = f" in {item.try_index + 1} tries" if item.try_index else ""
    start, end = texts.own_span(item.text)
    shown = " ".join(item.text[start:end].split())
    if len(shown) > _SHOWN_LIMIT:
        shown = f"{shown[:_SHOWN_LIMIT]}..."
    at = f" ({item.link})" if item.link else ""
    message = f"{which} failed{tries}: {item.message}\n  {shown}{at}"
    kind = errors.ErrorKind.SYSTEM if item.is_system_fault else errors.ErrorKind.USER
    failure = Failure(_LOST_CODE if item.is_system_fault else _FAILED_CODE, message, kind)
    if item.is_mendable:
        return TaskStatus.retryable_failure(failure, state, **details)
    return TaskStatus.permanent_failure(failure, state, **details)


def _links(state: HiveState) -> tuple[LogLink, ...]:
    several = len(state.items) > 1
    return tuple(
        LogLink(f"query {index}" if several else "query", item.link)
        for index, item in enumerate(state.items)
        if item.link
    )


def _info(state: HiveState) -> Any:
    return {
        "backend": state.backend,
        "queries": [
            {"phase": str(item.phase), "try": item.try_index, "progress": item.progress}
            | ({"message": item.message} if item.message else {})
            for item in state.items
        ],
    }


def _digest(details: DetailOptions) -> str:
    shown = msgspec.json.encode(details)
    return hashlib.blake2b(shown, digest_size=8).hexdigest()


def _literal(output: Output) -> Literal:
    made = Literal()
    match output.kind:
        case "schema":
            made.scalar.schema.uri = output.uri
            made.scalar.schema.type.SetInParent()
        case "structured_dataset":
            made.scalar.structured_dataset.uri = output.uri
            made.scalar.structured_dataset.metadata.structured_dataset_type.format = output.format
        case _:
            return literals.blob(output.uri, is_multipart=True)
    return made
