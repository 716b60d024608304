"""The machine's one door: an event goes in, changes and commands come out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from elevon.propeller.machine import admissions, attempts, executions, nodes
from elevon.propeller.machine.drafts import (
    AttemptEnded,
    AttemptHeard,
    Cascade,
    Draft,
    NodeIsReady,
    ScopeDrained,
    Step,
)
from elevon.propeller.machine.events import (
    AbortRequested,
    Admitted,
    AttemptEvent,
    Begin,
    Event,
    FailRequested,
    Refused,
    TimerFired,
    TypesReopened,
    Unparked,
)
from elevon.propeller.machine.views import View


def step(view: View, event: Event, now: datetime) -> Step:
    """Let one event happen.

    The view moves on at once; if the step's changes can't be committed, the view is worthless and must be rebuilt
    from the store.

    Args:
        view: The execution.
        event: What happened.
        now: The instant, aware, in UTC; never before that of an earlier step.

    Returns:
        The changes, for one transaction, and the commands to carry out after it.

    Raises:
        BugError: The event is impossible in the phase of what it concerns.
    """
    draft = Draft(view, type(event).__name__, now)
    if view.execution.phase.is_terminal:
        if isinstance(event, Admitted):
            admissions.admit(draft, event)
        return draft.finish()
    if isinstance(event, AttemptEvent):
        _on_attempt_event(draft, event)
    else:
        _RULES[type(event)](draft, event)
    while draft.cascades:
        _cascade(draft, draft.cascades.popleft())
    executions.settle(draft)
    return draft.finish()


def _on_attempt_event(draft: Draft, event: AttemptEvent) -> None:
    """An attempt that was never started is its node's affair."""
    view = draft.view
    key = (event.node_id, event.attempt)
    known = view.attempts.get(key)
    if event.node_id in view.enqueued and key not in view.live:
        if isinstance(event, TimerFired):
            admissions.expire(draft, event)
        elif isinstance(event, FailRequested):
            admissions.fail_queued(draft, event)
    elif isinstance(event, Unparked) and known is not None and known.started_at is None:
        admissions.unpark(draft, event.node_id)
    else:
        attempts.handle(draft, event)


def _on_types_reopened(draft: Draft, event: TypesReopened) -> None:
    """Whatever of the types is parked tries again; what was parked for another reason says so once more."""
    parked = [
        key
        for key, record in draft.view.attempts.items()
        if record.is_parked and record.task_type in event.task_types
    ]
    for node_id, attempt in parked:
        _on_attempt_event(draft, Unparked(node_id, attempt))


def _cascade(draft: Draft, cascade: Cascade) -> None:
    match cascade:
        case NodeIsReady(scope, spec_node_id):
            nodes.make_ready(draft, scope, spec_node_id)
        case AttemptEnded():
            nodes.follow_attempt(draft, cascade)
        case AttemptHeard():
            attempts.hear(draft, cascade)
        case ScopeDrained(scope):
            nodes.close_scope(draft, scope)


_RULES: dict[type[Event], Callable[[Draft, Any], None]] = {
    Begin: executions.begin,
    AbortRequested: executions.abort,
    Admitted: admissions.admit,
    Refused: admissions.refuse,
    TypesReopened: _on_types_reopened,
}
