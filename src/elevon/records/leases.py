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
    """What can be asked of the owner of an execution."""

    ABORT = "ABORT"


class Request(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A durable wish that the owner of an execution obeys.

    Attributes:
        version: Version of this record's layout.
        execution: The execution concerned.
        kind: What is asked.
        by: Who asks.
        reason: Why, in words.
        at: When it was asked.
    """

    version: int = 1
    execution: ExecutionId
    kind: RequestKind
    by: str
    reason: str
    at: datetime
