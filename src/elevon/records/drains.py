"""Which task types begin nothing new, because an operator wants them to run dry."""

from datetime import datetime

import msgspec


class Drain(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A durable wish that concerns all engines of a home: attempts of the type go on, and no other one starts.

    Attributes:
        version: Version of this record's layout.
        task_type: The type string.
        by: Who asked.
        reason: Why, in words.
        at: When it was asked.
    """

    version: int = 1
    task_type: str
    by: str
    reason: str
    at: datetime
