"""How long an attempt may wait until it runs, and then run.

How long a node may wait for a place is in `admissions`.
"""

from datetime import datetime

from elevon.compiler.graphs import TaskSettings
from elevon.propeller.machine import commands, endings, reasons
from elevon.propeller.machine.drafts import Draft
from elevon.propeller.machine.events import TimerKind
from elevon.records.attempts import AttemptRecord
from elevon.records.phases import AttemptPhase


def set_timer(draft: Draft, record: AttemptRecord) -> None:
    """Set the timer of the next time-out: of waiting until it runs, of running from then on."""
    at = _deadline(record, draft.view.settings(record.node_id))
    if at is not None:
        draft.command(commands.SetTimer(record.node_id, record.attempt, TimerKind.DEADLINE, at))


def check(draft: Draft, record: AttemptRecord) -> None:
    """Kill the attempt if its time is over; one that is parked waits for help, however long that takes."""
    if not record.is_going_on:
        return
    settings = draft.view.settings(record.node_id)
    at = _deadline(record, settings)
    if at is not None and at <= draft.now:
        failure = reasons.timed_out(settings, is_queue=record.running_at is None)
        endings.kill(draft, record, AttemptPhase.RETRYABLE_FAILED, failure)


def _deadline(record: AttemptRecord, settings: TaskSettings) -> datetime | None:
    if record.running_at is not None:
        return record.running_at + settings.timeout if settings.timeout else None
    return record.queued_at + settings.queue_timeout if settings.queue_timeout else None
