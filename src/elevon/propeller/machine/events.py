"""What can happen to an execution: the only inputs of the machine.

Everything is a plain value; literals are serialized, so that an event can be recorded and replayed.
"""

import enum
from datetime import datetime, timedelta

import msgspec

from elevon.records.answers import Answer, CallKind
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion


class TimerKind(enum.StrEnum):
    """What a timer is for."""

    CALL = "call"
    DEADLINE = "deadline"


class Begin(msgspec.Struct, frozen=True, gc=False):
    """An engine takes the execution up, for the first time or again."""


class AbortRequested(msgspec.Struct, frozen=True, gc=False):
    """Somebody wants it ended."""

    by: str
    reason: str


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """There is room for the next attempt of a node at its executor."""

    node_id: str
    executor_id: str
    has_finalizer: bool = False


class Refused(msgspec.Struct, frozen=True, gc=False):
    """No executor can take the node's attempt now; it waits for another release or configuration."""

    node_id: str
    reason: str


class TypesReopened(msgspec.Struct, frozen=True, gc=False):
    """Attempts of some types may go on: they are not drained any more, or somebody serves them now."""

    task_types: frozenset[str]


class AttemptEvent(msgspec.Struct, frozen=True, gc=False):
    """Anything that concerns one attempt."""

    node_id: str
    attempt: int


class StatusReturned(AttemptEvent, frozen=True, gc=False):
    """`start_task` or `check_task_status` returned.

    Attributes:
        call: Which one.
        answer: What it returned.
        expansion: What the futures of the answer were made; the view has its graph.
    """

    call: CallKind
    answer: Answer
    expansion: Expansion | None = None


class CallSucceeded(AttemptEvent, frozen=True, gc=False):
    """`kill_task` or `finalize_task` returned."""

    call: CallKind


class CallRaised(AttemptEvent, frozen=True, gc=False):
    """A call raised, timed out or was lost.

    Attributes:
        call: Which one.
        failure: What it raised, by the error table.
        is_final: Repeating can't help: the table says NEVER.
        is_parking: Nothing is to be called until another release or an operator helps.
        retry_after: What the error asked for; None for the machine's backoff.
        is_required: For finalize: the execution may not end without it.
        was_called: False if the engine could not even make the call, so that nothing can have happened.
        is_counted: False if it is no fault of the attempt's own: it does not count against the engine's patience.
    """

    call: CallKind
    failure: Failure
    is_final: bool = False
    is_parking: bool = False
    retry_after: timedelta | None = None
    is_required: bool = False
    was_called: bool = True
    is_counted: bool = True


class Woken(AttemptEvent, frozen=True, gc=False):
    """There is news of the attempt."""


class TimerFired(AttemptEvent, frozen=True, gc=False):
    """A timer that a command had set has come; a stale one is ignored."""

    timer: TimerKind
    at: datetime


class Unparked(AttemptEvent, frozen=True, gc=False):
    """What the attempt was parked for may be mended: try again.

    Attributes:
        by: The operator who says so; empty for the engine.
        reason: Why, in words.
    """

    by: str = ""
    reason: str = ""


class FailRequested(AttemptEvent, frozen=True, gc=False):
    """An operator wants the attempt to have failed, whatever its executor says."""

    by: str
    reason: str


class AbandonRequested(AttemptEvent, frozen=True, gc=False):
    """An operator gives up on a kill or a finalize that never succeeds."""

    by: str
    reason: str


Event = (
    Begin
    | AbortRequested
    | Admitted
    | Refused
    | TypesReopened
    | StatusReturned
    | CallSucceeded
    | CallRaised
    | Woken
    | TimerFired
    | Unparked
    | FailRequested
    | AbandonRequested
)
