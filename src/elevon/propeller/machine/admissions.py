"""How a task's node waits for a place, and gets one: the queue, as one execution sees it.

Places are asked for by nodes, not by attempts, as far as the execution's parallelism allows; the others stand in a
backlog, in order. It must never know who else wants a place: the engine decides who is let in.
"""

from datetime import datetime

import msgspec

from elevon.propeller.machine import arrays, commands, endings, reasons
from elevon.propeller.machine.drafts import Draft
from elevon.propeller.machine.events import Admitted, FailRequested, Refused, TimerFired, TimerKind
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.phases import AttemptPhase, Finalization, NodePhase

replace = msgspec.structs.replace


def enqueue(draft: Draft, node_id: str, queued_at: datetime) -> None:
    """Ask for a place for the node's next attempt, as far as the execution's parallelism allows."""
    view = draft.view
    view.enqueued[node_id] = queued_at
    limit = view.execution.max_parallelism
    if limit and view.under_way_count >= limit:
        view.backlog[node_id] = None
    else:
        _ask_for_place(draft, node_id)
    _set_deadline(draft, node_id, queued_at)


def enqueue_again(draft: Draft, node_id: str) -> None:
    """Ask for a place for the attempt after one that ended; a node that has its turn in the queue keeps it."""
    if node_id in draft.view.enqueued:
        draft.view.enqueued[node_id] = draft.now
        _set_deadline(draft, node_id, draft.now)
    else:
        enqueue(draft, node_id, draft.now)


def admit(draft: Draft, event: Admitted) -> None:
    """Start the node's next attempt; too late if the node was stopped meanwhile: then the place is given back."""
    view = draft.view
    queued_at = view.enqueued.pop(event.node_id, None)
    if queued_at is None:
        draft.command(commands.Release(event.node_id, view.attempt_index(event.node_id)))
        return
    _begin(draft, event, queued_at)
    known = view.nodes.get(event.node_id)
    place = view.place(event.node_id)
    if known is None:
        draft.put_node(draft.new_node(place.scope, place.node, NodePhase.RUNNING))
    elif known.phase is NodePhase.QUEUED:
        draft.put_node(replace(known, phase=NodePhase.RUNNING))
    if place.scope.elements is not None:
        place.scope.elements.queued.discard(place.node.id)
        arrays.feed(draft, place.scope)


def refuse(draft: Draft, event: Refused) -> None:
    """Let the node wait for an executor that is not there."""
    queued_at = draft.view.enqueued.pop(event.node_id, None)
    if queued_at is None:
        return
    record = replace(_unstarted(draft, event.node_id, queued_at), reason=event.reason, is_parked=True)
    draft.put_attempt(record)
    draft.live(record)
    if event.node_id not in draft.view.nodes:
        place = draft.view.place(event.node_id)
        draft.put_node(draft.new_node(place.scope, place.node, NodePhase.QUEUED))
    give_place_back(draft)


def expire(draft: Draft, event: TimerFired) -> None:
    """End the attempt of a node that got no place within its queue time-out.

    Another attempt takes over the node's turn in the queue: a place is asked for by the node, not by the attempt.
    """
    settings = draft.view.settings(event.node_id)
    queued_at = draft.view.enqueued[event.node_id]
    if settings.queue_timeout is None or queued_at + settings.queue_timeout > draft.now:
        return
    _ensure_record(draft, event.node_id)
    record = _unstarted(draft, event.node_id, queued_at)
    endings.end(draft, record, AttemptPhase.RETRYABLE_FAILED, reasons.timed_out(settings, is_queue=True))


def fail_queued(draft: Draft, event: FailRequested) -> None:
    """Obey an operator for an attempt that still waits for a place."""
    view = draft.view
    if event.attempt != view.attempt_index(event.node_id):
        return
    _ensure_record(draft, event.node_id)
    record = _unstarted(draft, event.node_id, view.enqueued[event.node_id])
    endings.end(draft, record, AttemptPhase.FAILED, reasons.forced(event))


def unpark(draft: Draft, node_id: str) -> None:
    """Queue a node again that no executor could take; its queue time-out begins anew."""
    enqueue(draft, node_id, draft.now)
    draft.view.live.pop((node_id, draft.view.attempt_index(node_id)), None)


def leave_queue(draft: Draft, node_id: str) -> None:
    """Take a node out of the queue, and out of the count if it had been let into it."""
    view = draft.view
    del view.enqueued[node_id]
    if node_id in view.backlog:
        del view.backlog[node_id]
    else:
        draft.command(commands.Dequeue(node_id))
        give_place_back(draft)


def give_place_back(draft: Draft) -> None:
    """Count a node off that had a place, or waited for one, and let the next of the backlog ask."""
    view = draft.view
    view.under_way_count -= 1
    if view.backlog:
        node_id, _ = view.backlog.popitem(last=False)
        _ask_for_place(draft, node_id)


def _set_deadline(draft: Draft, node_id: str, queued_at: datetime) -> None:
    """Set the timer of the queue time-out, if the task has one."""
    timeout = draft.view.settings(node_id).queue_timeout
    if timeout is not None:
        index = draft.view.attempt_index(node_id)
        draft.command(commands.SetTimer(node_id, index, TimerKind.DEADLINE, queued_at + timeout))


def _ask_for_place(draft: Draft, node_id: str) -> None:
    settings = draft.view.settings(node_id)
    draft.view.under_way_count += 1
    draft.command(commands.Enqueue(node_id, settings.task_type, settings.cpu_slots))


def _ensure_record(draft: Draft, node_id: str) -> None:
    """Have a row for a node of which an attempt ends before one began."""
    if node_id not in draft.view.nodes:
        place = draft.view.place(node_id)
        draft.put_node(draft.new_node(place.scope, place.node, NodePhase.RUNNING))


def _begin(draft: Draft, event: Admitted, queued_at: datetime) -> None:
    """Commit the intent to start the node's attempt, then start it."""
    record = AttemptRecord(
        node_id=event.node_id,
        attempt=draft.view.attempt_index(event.node_id),
        executor_id=event.executor_id,
        task_type=draft.view.settings(event.node_id).task_type,
        phase=AttemptPhase.STARTING,
        unanswered_start_count=1,
        finalization=Finalization.PENDING if event.has_finalizer else Finalization.NOT_NEEDED,
        queued_at=queued_at,
        started_at=draft.now,
    )
    draft.put_attempt(record)
    draft.call(record, CallKind.START)


def _unstarted(draft: Draft, node_id: str, queued_at: datetime) -> AttemptRecord:
    """The record of a node's attempt that no executor has seen."""
    return AttemptRecord(
        node_id=node_id,
        attempt=draft.view.attempt_index(node_id),
        executor_id="",
        task_type=draft.view.settings(node_id).task_type,
        phase=AttemptPhase.WAITING_FOR_RESOURCES,
        queued_at=queued_at,
    )
