"""What the shell is to do, once the changes of the step are durable."""

from datetime import datetime

import msgspec

from elevon.propeller.machine.events import TimerKind
from elevon.records.answers import CallKind


class Enqueue(msgspec.Struct, frozen=True, gc=False):
    """Send `Admitted` when the executor of the type has room, or `Refused` if there is none."""

    node_id: str
    task_type: str
    cpu_slots: int


class Dequeue(msgspec.Struct, frozen=True, gc=False):
    """Forget an `Enqueue` that was not answered."""

    node_id: str


class Call(msgspec.Struct, frozen=True, gc=False):
    """Call the executor for the attempt, and send the event of its answer.

    Attributes:
        node_id: The node's unique id.
        attempt: The attempt's index.
        call: Which method.
        start_may_have_happened: For start.
        reason: For kill.
    """

    node_id: str
    attempt: int
    call: CallKind
    start_may_have_happened: bool = False
    reason: str = ""


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """The attempt was abandoned: cancel its call in flight, whose answer means nothing any more."""

    node_id: str
    attempt: int


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Send `TimerFired` with these values at that instant."""

    node_id: str
    attempt: int
    timer: TimerKind
    at: datetime


class Release(msgspec.Struct, frozen=True, gc=False):
    """The attempt is over: give its place at the executor back and drop its job and its wake handle."""

    node_id: str
    attempt: int


class End(msgspec.Struct, frozen=True, gc=False):
    """The execution is terminal: nothing will follow."""


Command = Enqueue | Dequeue | Call | Cancel | SetTimer | Release | End
