"""The append-only history: one row for each change of phase, written in the transaction of the change."""

from datetime import datetime

import msgspec


class Transition(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One row of history.

    Attributes:
        version: Version of this record's layout.
        node_id: The node concerned; empty for the execution itself.
        attempt: The attempt concerned; None for the node or the execution itself.
        phase: The phase that was entered (of execution, node or attempt).
        phase_version: As reported with the phase.
        at: When the engine recorded it.
        occurred_at: When it happened outside, if the executor said so.
        event: Name of the event that caused it.
        message: What there is to say about it, for people.
        custom_state: The new custom state, only where it changed.
        state_version: The codec's version of that state.
        called_at: Where an answer of the executor caused it: the time that it was called with.
    """

    version: int = 1
    node_id: str = ""
    attempt: int | None = None
    phase: str
    phase_version: int = 0
    at: datetime
    occurred_at: datetime | None = None
    event: str
    message: str = ""
    custom_state: bytes | None = None
    state_version: int = 0
    called_at: datetime | None = None
