"""How an attempt ends: it is killed, or ended where nothing was started, and forgotten once it is finalized.

A kill is an intent: it is committed before the call, and repeated until it succeeds. It must never decide whether an
attempt has to end: `attempts` and `nodes` do.
"""

import msgspec

from elevon import errors
from elevon.propeller.machine import commands, reasons
from elevon.propeller.machine.drafts import AttemptEnded, Draft
from elevon.propeller.machine.events import StatusReturned
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase, Finalization

replace = msgspec.structs.replace

_FINALITY = {AttemptPhase.RETRYABLE_FAILED: 0, AttemptPhase.FAILED: 1, AttemptPhase.ABORTED: 2}
"""Of two reasons for a kill the more final one counts: an operator outranks a time-out, the workflow's end both."""


def stop(draft: Draft, record: AttemptRecord, outcome: AttemptPhase, failure: Failure) -> None:
    """Have the attempt come to an end that is not its own: kill it if it may have been started."""
    if record.phase.is_terminal:
        return
    if record.started_at is None:
        end(draft, record, outcome, failure)
    else:
        kill(draft, record, outcome, failure)


def kill(draft: Draft, record: AttemptRecord, outcome: AttemptPhase, failure: Failure | None) -> None:
    """Commit that the attempt is to be killed, and what follows."""
    if record.phase is AttemptPhase.KILLING:
        if _FINALITY[outcome] > _FINALITY[outcome_of(record)]:
            # That an operator failed it is not forgotten: a success that is still on its way must not count.
            lasting = record.failure if reasons.is_forced(record.failure) else failure
            changed = replace(record, outcome=outcome, failure=lasting)
            draft.put_attempt(changed, message=failure.message if failure else "")
        return
    killing = replace(
        record,
        phase=AttemptPhase.KILLING,
        outcome=outcome,
        failure=failure,
        system_failure_count=0,
        next_call_at=None,
        is_parked=False,
        reason="",
    )
    draft.put_attempt(killing)
    if draft.live(killing).call is None:
        call_kill(draft, killing)


def call_kill(draft: Draft, record: AttemptRecord) -> None:
    """Have it killed, for the reason that is committed."""
    draft.call(record, CallKind.KILL, reason=record.failure.message if record.failure else "")


def end(
    draft: Draft, record: AttemptRecord, phase: AttemptPhase, failure: Failure | None, message: str = ""
) -> None:
    """Make the attempt terminal for a reason of the engine's own; that is never a success."""
    ended = _ended(draft, record, phase, failure)
    _conclude(draft, AttemptEnded(ended, None), message)


def end_with(draft: Draft, record: AttemptRecord, phase: AttemptPhase, event: StatusReturned) -> None:
    """Make the attempt terminal as its executor says."""
    answer = event.answer
    ended = _ended(draft, record, phase, answer.failure)
    is_success = phase is AttemptPhase.SUCCEEDED
    _conclude(
        draft,
        AttemptEnded(ended, answer.outputs if is_success else None, event.expansion if is_success else None),
    )


def end_as_reported(draft: Draft, record: AttemptRecord, event: StatusReturned) -> None:
    """End an attempt whose end was reported before the kill reached it.

    The workflow's end leaves a success a success; an operator's word stands against any report, also when the workflow
    ended since.
    """
    answer = event.answer
    is_forced = record.outcome is AttemptPhase.FAILED or reasons.is_forced(record.failure)
    is_stopped = record.outcome is AttemptPhase.ABORTED and answer.phase is not AttemptPhase.SUCCEEDED
    if answer.phase is None or is_forced or is_stopped:
        end(draft, record, outcome_of(record), record.failure)
    else:
        end_with(draft, record, answer.phase, event)


def forget(draft: Draft, record: AttemptRecord) -> None:
    """Drop what memory has of an attempt that nothing will happen to; its row stays."""
    key = (record.node_id, record.attempt)
    draft.view.live.pop(key, None)
    draft.view.attempts.pop(key, None)


def ignore_call(draft: Draft, record: AttemptRecord) -> None:
    """Expect nothing any more of the call in flight, if there is one."""
    live = draft.live(record)
    if live.call is not None:
        live.call = None
        draft.view.abandoned.add((record.node_id, record.attempt))
        draft.command(commands.Cancel(record.node_id, record.attempt))


def outcome_of(record: AttemptRecord) -> AttemptPhase:
    """The phase that follows the kill."""
    if record.outcome is None:
        raise errors.BugError(f"{record.node_id}#{record.attempt} is being killed without a known outcome")
    return record.outcome


def _ended(
    draft: Draft, record: AttemptRecord, phase: AttemptPhase, failure: Failure | None
) -> AttemptRecord:
    """The record of an attempt that is over.

    The last attempt that the user's retries allow is FAILED at once: RETRYABLE_FAILED promises another one.
    """
    retries = draft.view.settings(record.node_id).retries
    if phase is AttemptPhase.RETRYABLE_FAILED and record.attempt >= retries:
        phase = AttemptPhase.FAILED
    return replace(
        record,
        phase=phase,
        failure=failure,
        outcome=None,
        next_call_at=None,
        system_failure_count=0,
        is_parked=False,
        ended_at=draft.now,
    )


def _conclude(draft: Draft, ending: AttemptEnded, message: str = "") -> None:
    """Commit the end of an attempt, leave the rest to its node, and have it finalized."""
    ended = ending.record
    draft.put_attempt(ended, message=message)
    if ended.started_at is not None:
        draft.command(commands.Release(ended.node_id, ended.attempt))
    draft.cascades.append(ending)
    if ended.finalization is Finalization.PENDING:
        draft.call(ended, CallKind.FINALIZE)
    else:
        forget(draft, ended)
