"""What happens to one attempt: the table of its phases and events.

The order of the durable steps is what makes a crash harmless: an intent is a phase (STARTING, KILLING) or a count
(`unanswered_start_count`) that is committed before the call, and a status is committed before the next call. Nothing
here knows of graphs: an attempt that ends leaves a cascade, and `nodes` takes it from there.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from elevon import errors
from elevon.propeller.machine import deadlines, endings, reasons
from elevon.propeller.machine.drafts import AttemptHeard, Draft
from elevon.propeller.machine.events import (
    AbandonRequested,
    AttemptEvent,
    CallRaised,
    CallSucceeded,
    FailRequested,
    StatusReturned,
    TimerFired,
    TimerKind,
    Unparked,
    Woken,
)
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.phases import FOLLOWED, AttemptPhase, Finalization

replace = msgspec.structs.replace

_RANK = {
    AttemptPhase.STARTING: 0,
    AttemptPhase.WAITING_FOR_RESOURCES: 1,
    AttemptPhase.QUEUED: 2,
    AttemptPhase.INITIALIZING: 3,
    AttemptPhase.RUNNING: 4,
}
_ANSWERS = (StatusReturned, CallSucceeded, CallRaised)
FINALIZE_LIMIT = 10
"""So many failures of an optional finalize are enough; a required one is repeated for ever."""


def resume(draft: Draft, record: AttemptRecord) -> None:
    """Go on with an attempt of which only the row survived: any call that was in flight is lost.

    Who waits for resources asks at once: whoever would have woken it knows nothing of the new engine. Only a call that
    raised is waited for.
    """
    known, record = record, _unheard(draft, record)
    if record is not known:
        draft.put_attempt(record)
    if record.is_parked:
        record = replace(record, is_parked=False, reason="", system_failure_count=0, next_call_at=None)
        draft.put_attempt(record, message="tried again after a restart")
    if record.phase.is_terminal:
        draft.call(record, CallKind.FINALIZE)
    elif record.system_failure_count and record.next_call_at is not None and record.next_call_at > draft.now:
        draft.call_after(record, record.next_call_at - draft.now)
    else:
        _call_again(draft, record)


def handle(draft: Draft, event: AttemptEvent) -> None:
    """Dispatch an event to the function of its attempt's phase.

    News, timers and operators may come too late and are then ignored, and so is what comes of a call that was in
    flight when its attempt was abandoned. An answer to a call that was not made, or an event that a phase has no
    function for, is a bug and raises with the story of the attempt.

    Raises:
        BugError: The event is impossible.
    """
    view = draft.view
    key = (event.node_id, event.attempt)
    live = view.live.get(key)
    if isinstance(event, _ANSWERS):
        if key in view.abandoned:
            return
        if live is None or live.call is not event.call:
            raise errors.BugError(
                f"{_story(draft, event)} got the answer to a {event.call} call that is not in flight"
            )
        live.call = None
        draft.answered = key
        if live.is_unheard:
            live.is_unheard = False
            draft.cascades.append(AttemptHeard(event.node_id, event.attempt))
    elif live is None:
        return
    record = view.attempts[key]
    if isinstance(event, TimerFired) and event.timer is TimerKind.DEADLINE:
        deadlines.check(draft, record)
        return
    function = TABLE.get((record.phase, type(event)))
    if function is None:
        raise errors.BugError(f"{_story(draft, event)} has no rule for {type(event).__name__}")
    function(draft, record, event)


def hear(draft: Draft, heard: AttemptHeard) -> None:
    """Let time-outs count again, now that the executor has said how the attempt came through the restart."""
    record = draft.view.attempts.get((heard.node_id, heard.attempt))
    if record is not None and record.phase in _RANK:
        deadlines.set_timer(draft, record)


def starting_on_status_returned(draft: Draft, record: AttemptRecord, event: StatusReturned) -> None:
    """The start answered: from now on it surely happened, or surely not."""
    answered = replace(record, unanswered_start_count=0, system_failure_count=0)
    _adopt(draft, answered, event)


def followed_on_status_returned(draft: Draft, record: AttemptRecord, event: StatusReturned) -> None:
    """A check answered."""
    _adopt(draft, replace(record, system_failure_count=0), event)


def killing_on_status_returned(draft: Draft, record: AttemptRecord, event: StatusReturned) -> None:
    """A call that was in flight when the kill was decided came back: its state is what the kill needs."""
    answer = event.answer
    if answer.phase is not None and answer.phase.is_terminal:
        endings.end_as_reported(draft, _with_report(replace(record, unanswered_start_count=0), answer), event)
        return
    known = _with_report(replace(record, unanswered_start_count=0), answer)
    draft.put_attempt(known)
    endings.call_kill(draft, known)


def any_on_call_raised(draft: Draft, record: AttemptRecord, event: CallRaised) -> None:
    """A start or check raised: wait and repeat it, park it, or give the attempt up."""
    if event.call is CallKind.START and not event.was_called:
        record = replace(record, unanswered_start_count=record.unanswered_start_count - 1)
    count = record.system_failure_count + event.is_counted
    if event.is_parking:
        _park(draft, record, event)
    elif event.is_final or count >= draft.view.backoff.limit:
        failure = event.failure if event.is_final else reasons.exhausted(event.failure, event.call, count)
        if record.phase is AttemptPhase.STARTING and not record.unanswered_start_count:
            endings.end(draft, record, AttemptPhase.FAILED, failure)
        else:
            endings.kill(draft, record, AttemptPhase.FAILED, failure)
    else:
        _postpone(draft, record, event, count)


def killing_on_call_raised(draft: Draft, record: AttemptRecord, event: CallRaised) -> None:
    """A kill raised: repeat it until it succeeds. Another call that raised leaves the way free for the kill."""
    if event.call is not CallKind.KILL:
        endings.call_kill(draft, record)
    elif event.is_parking:
        _park(draft, record, event, "it can't be killed, and waits until it can be or is abandoned: ")
    else:
        _postpone(draft, record, event, record.system_failure_count + event.is_counted)


def killing_on_call_succeeded(draft: Draft, record: AttemptRecord, _event: CallSucceeded) -> None:
    """It is dead."""
    endings.end(draft, record, endings.outcome_of(record), record.failure)


def any_on_news(draft: Draft, record: AttemptRecord, event: Woken | TimerFired | Unparked) -> None:
    """Time to call, or news: make the call that the phase asks for, unless one is in flight."""
    live = draft.live(record)
    if isinstance(event, TimerFired) and live.due_at != event.at:
        return
    if isinstance(event, Unparked) and record.is_parked:
        record = replace(_unheard(draft, record), is_parked=False, reason="", system_failure_count=0)
        draft.put_attempt(record, message=reasons.said("unparked", event) if event.by else "unparked")
    if record.is_parked:
        return
    if live.call is not None:
        live.is_woken = True
        return
    if isinstance(event, Woken) and record.system_failure_count:
        return
    _call_again(draft, record)


def any_on_fail_requested(draft: Draft, record: AttemptRecord, event: FailRequested) -> None:
    """An operator wants it to have failed: kill it first, unless it was never started."""
    endings.stop(draft, record, AttemptPhase.FAILED, reasons.forced(event))


def killing_on_abandon_requested(draft: Draft, record: AttemptRecord, event: AbandonRequested) -> None:
    """The kill is given up: the attempt ends as it was to end, and nothing of it is called any more."""
    endings.ignore_call(draft, record)
    is_unfinalized = record.finalization is Finalization.PENDING
    finalization = Finalization.ABANDONED if is_unfinalized else record.finalization
    ended = replace(record, finalization=finalization)
    endings.end(
        draft,
        ended,
        endings.outcome_of(record),
        record.failure,
        message=reasons.said("the kill was abandoned", event),
    )


def terminal_on_abandon_requested(draft: Draft, record: AttemptRecord, event: AbandonRequested) -> None:
    """The finalizer is given up, a required one too: the execution may end without it."""
    endings.ignore_call(draft, record)
    draft.put_attempt(
        replace(record, finalization=Finalization.ABANDONED, next_call_at=None, is_parked=False, reason=""),
        message=reasons.said("finalize was abandoned", event),
    )
    endings.forget(draft, record)


def too_late(_draft: Draft, _record: AttemptRecord, _event: AttemptEvent) -> None:
    """What an operator asked for has no meaning in this phase: nothing is left to fail, or nothing to abandon yet."""


def terminal_on_call_succeeded(draft: Draft, record: AttemptRecord, _event: CallSucceeded) -> None:
    """Finalized."""
    draft.put_attempt(
        replace(record, finalization=Finalization.DONE, system_failure_count=0, next_call_at=None)
    )
    endings.forget(draft, record)


def terminal_on_call_raised(draft: Draft, record: AttemptRecord, event: CallRaised) -> None:
    """Finalize raised: repeat it, for ever if the execution may not end without it."""
    count = record.system_failure_count + event.is_counted
    if event.is_parking:
        _park(draft, record, event)
    elif not event.is_required and (event.is_final or count >= FINALIZE_LIMIT):
        draft.put_attempt(
            replace(
                record, finalization=Finalization.ABANDONED, system_failure_count=count, next_call_at=None
            ),
            message=f"finalize was given up after {count} failures: {event.failure.message}",
        )
        endings.forget(draft, record)
    else:
        _postpone(draft, record, event, count)


def _adopt(draft: Draft, record: AttemptRecord, event: StatusReturned) -> None:
    """Take over what the executor says, and arrange the next call."""
    answer = event.answer
    if answer.phase is not None and answer.phase.is_terminal:
        endings.end_with(draft, _with_report(record, answer), answer.phase, event)
        return
    was_woken = draft.live(record).is_woken
    before = draft.view.attempts[record.node_id, record.attempt]
    known = _with_report(record, answer)
    note = ""
    if answer.phase is not None and _RANK[answer.phase] < _RANK[before.phase]:
        is_news = answer.phase is not before.reported
        if is_news:
            note = f"the executor went back from {before.phase} to {answer.phase}; {before.phase} stays"
        known = replace(
            known,
            phase_version=before.phase_version,
            setback_count=before.setback_count + is_news,
        )
    elif answer.phase is not None:
        known = replace(known, phase=answer.phase)
    elif not before.phase.is_followed:
        known = replace(known, phase=AttemptPhase.QUEUED)
    if known.restart_count != before.restart_count:
        note = f"{reasons.RESTARTED}; {note}" if note else reasons.RESTARTED
    known = _with_times(known, answer, draft.now)
    if known != before:
        draft.put_attempt(known, occurred_at=answer.occurred_at, message=note)
    if known.running_at is not None and known.running_at != before.running_at:
        deadlines.set_timer(draft, known)
    if was_woken:
        _call_again(draft, known)
    else:
        draft.call_after(known, answer.check_after)


def _with_times(record: AttemptRecord, answer: Answer, now: datetime) -> AttemptRecord:
    """The record with what the answer means for its clocks: since when it runs, when a start is to be repeated."""
    is_running_anew = answer.is_restarted or record.running_at is None
    is_start_due = record.phase is AttemptPhase.WAITING_FOR_RESOURCES
    return replace(
        record,
        running_at=now if record.phase is AttemptPhase.RUNNING and is_running_anew else record.running_at,
        next_call_at=now + answer.check_after if is_start_due else None,
    )


def _with_report(record: AttemptRecord, answer: Answer) -> AttemptRecord:
    """The record with everything of the answer but the phase itself; one without a state keeps the last one."""
    if answer.phase is None:
        return record
    is_state_new = answer.custom_state is not None
    return replace(
        record,
        reported=answer.phase,
        phase_version=answer.phase_version,
        custom_state=answer.custom_state if is_state_new else record.custom_state,
        state_version=answer.state_version if is_state_new else record.state_version,
        log_links=answer.log_links or record.log_links,
        custom_info=answer.custom_info or record.custom_info,
        restart_count=record.restart_count + (answer.is_restarted and record.running_at is not None),
        reason=answer.reason,
    )


def _unheard(draft: Draft, record: AttemptRecord) -> AttemptRecord:
    """The record of an attempt that nobody could look after for a while.

    That time does not count while nobody had accepted it, and time-outs are looked at again only once the executor has
    said whether the work went on meanwhile.
    """
    draft.live(record).is_unheard = True
    is_accepted = record.phase not in (AttemptPhase.STARTING, AttemptPhase.WAITING_FOR_RESOURCES)
    return record if is_accepted else replace(record, queued_at=draft.now)


def _call_again(draft: Draft, record: AttemptRecord) -> None:
    """Make the call that the phase asks for."""
    if record.phase in (AttemptPhase.STARTING, AttemptPhase.WAITING_FOR_RESOURCES):
        intended = replace(
            record,
            unanswered_start_count=record.unanswered_start_count + 1,
            next_call_at=None,
        )
        draft.put_attempt(intended)
        draft.call(intended, CallKind.START, may_have_happened=record.unanswered_start_count > 0)
    elif record.phase is AttemptPhase.KILLING:
        endings.call_kill(draft, record)
    elif record.phase.is_terminal:
        draft.call(record, CallKind.FINALIZE)
    else:
        draft.call(record, CallKind.CHECK)


def _park(draft: Draft, record: AttemptRecord, event: CallRaised, meaning: str = "") -> None:
    reason = f"{meaning}{event.failure.message}"
    draft.put_attempt(replace(record, is_parked=True, reason=reason, next_call_at=None), message=reason)
    draft.live(record).due_at = None


def _postpone(draft: Draft, record: AttemptRecord, event: CallRaised, count: int) -> None:
    """Commit how often and until when, so that a restart neither forgets the count nor the wait."""
    name = f"{draft.view.execution.id}/{record.node_id}#{record.attempt}/{event.call}"
    wait = draft.view.backoff.after(count, name) if event.retry_after is None else event.retry_after
    waiting = replace(record, system_failure_count=count, next_call_at=draft.now + wait)
    what = f"{event.call} failed {count} times" if event.is_counted else f"{event.call} has to be made again"
    draft.put_attempt(waiting, message=f"{what}: {event.failure.message}")
    draft.call_after(waiting, wait)


def _story(draft: Draft, event: AttemptEvent) -> str:
    record = draft.view.attempts.get((event.node_id, event.attempt))
    phase = f"in {record.phase}, last reported {record.reported}" if record else "that is not under way"
    return f"attempt {event.node_id}#{event.attempt} of {draft.view.execution.id} ({phase})"


_Rule = Callable[[Draft, AttemptRecord, Any], None]
TABLE: dict[tuple[AttemptPhase, type[AttemptEvent]], _Rule] = {
    (AttemptPhase.STARTING, StatusReturned): starting_on_status_returned,
    (AttemptPhase.WAITING_FOR_RESOURCES, StatusReturned): starting_on_status_returned,
    (AttemptPhase.KILLING, StatusReturned): killing_on_status_returned,
    (AttemptPhase.KILLING, CallSucceeded): killing_on_call_succeeded,
    (AttemptPhase.KILLING, CallRaised): killing_on_call_raised,
    **{(phase, StatusReturned): followed_on_status_returned for phase in FOLLOWED},
    **{(phase, CallRaised): any_on_call_raised for phase in _RANK},
    **{(phase, CallSucceeded): terminal_on_call_succeeded for phase in AttemptPhase if phase.is_terminal},
    **{(phase, CallRaised): terminal_on_call_raised for phase in AttemptPhase if phase.is_terminal},
    **{(phase, event): any_on_news for phase in AttemptPhase for event in (Woken, TimerFired, Unparked)},
    **{(phase, FailRequested): any_on_fail_requested for phase in (*_RANK, AttemptPhase.KILLING)},
    **{(phase, FailRequested): too_late for phase in AttemptPhase if phase.is_terminal},
    **{(phase, AbandonRequested): too_late for phase in _RANK},
    (AttemptPhase.KILLING, AbandonRequested): killing_on_abandon_requested,
    **{
        (phase, AbandonRequested): terminal_on_abandon_requested
        for phase in AttemptPhase
        if phase.is_terminal
    },
}
"""Every legal pair of phase and event."""
