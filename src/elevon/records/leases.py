"""Who drives an execution, and what others ask of the one who does."""

import enum
from datetime import datetime

import msgspec

from elevon.records.identities import ExecutionId


class Lease(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The right to write an execution's records.

    Attributes:
        execution: The execution that is owned.
        owner: Id of the engine that owns it.
        fencing: Grows with every take-over; a write with an older number is refused.
        expires_at: When others may take it over without asking whether the owner lives.
    """

    execution: ExecutionId
    owner: str
    fencing: int
    expires_at: datetime


class RequestKind(enum.StrEnum):
    """What can be asked of the owner of an execution: ABORT of the whole of it, the others of one attempt.

    FAIL ends an attempt as failed, whatever its executor says. ABANDON gives up on a kill or a finalize that never
    succeeds. UNPARK calls the executor of a parked attempt again.
    """

    ABORT = "ABORT"
    FAIL = "FAIL"
    ABANDON = "ABANDON"
    UNPARK = "UNPARK"


class Request(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A durable wish that the owner of an execution obeys.

    Attributes:
        version: Version of this record's layout.
        execution: The execution concerned.
        kind: What is asked.
        node_id: Node of the attempt that is concerned; empty for the execution as a whole.
        attempt: Index of that attempt.
        by: Who asks.
        reason: Why, in words.
        at: When it was asked.
    """

    version: int = 2
    execution: ExecutionId
    kind: RequestKind
    node_id: str = ""
    attempt: int = 0
    by: str
    reason: str
    at: datetime
