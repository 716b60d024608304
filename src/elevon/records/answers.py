"""What a call of an executor came to, as plain values: stored, sent between processes, and replayed."""

import enum
from datetime import datetime, timedelta

import msgspec

from elevon import errors
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase


class CallKind(enum.StrEnum):
    """The calls of an executor for one attempt.

    The machine asks for all but RESOLVE, which fetches the outputs of a success before that becomes an event.
    """

    START = "start"
    CHECK = "check"
    KILL = "kill"
    FINALIZE = "finalize"
    RESOLVE = "resolve"


class Answer(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """A status of an executor, encoded: what `plugin.TaskStatus` says, in bytes that can be stored.

    Attributes:
        phase: None for "nothing is known, ask again".
        phase_version: Counts reports within one phase.
        custom_state: As the codec wrote it.
        state_version: The codec's version.
        outputs: Serialized `LiteralMap`; with success alone, and None there until they are resolved.
        futures: Serialized `DynamicJobSpec`; with success alone, instead of outputs.
        failure: Only with the two failures.
        occurred_at: When it happened outside.
        log_links: Places to look at.
        custom_info: JSON, for people.
        check_after: When to ask again at the latest.
        reason: Why it waits, in words.
        is_restarted: The work began anew within the attempt: the execution time-out counts from now, and the record of
            the attempt counts it, if it ran before.
    """

    phase: AttemptPhase | None
    phase_version: int = 0
    custom_state: bytes | None = None
    state_version: int = 0
    outputs: bytes | None = None
    futures: bytes | None = None
    failure: Failure | None = None
    occurred_at: datetime | None = None
    log_links: tuple[LogLink, ...] = ()
    custom_info: bytes = b""
    check_after: timedelta = timedelta(seconds=10)
    reason: str = ""
    is_restarted: bool = False


class Outputs(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What a success left.

    Attributes:
        content: Serialized `LiteralMap` of exactly the declared outputs.
        futures: Serialized `DynamicJobSpec` that it left instead; then there are no outputs.
    """

    content: bytes
    futures: bytes | None = None


class Done(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A call that has nothing to say but that it succeeded: kill and finalize."""


class Raised(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """A call that raised, timed out, or could not be made.

    Attributes:
        failure: What was raised, by the error table.
        retry: What the table says of a repetition.
        after: When the error wants the call repeated; None where it does not say.
        was_called: False if the executor was never reached, so that nothing can have happened.
        is_counted: False if it says nothing of the attempt, and so does not count against its patience: the process
            in which it was called ended, which may be another one's doing.
    """

    failure: Failure
    retry: errors.Retry = errors.Retry.BACKOFF
    after: timedelta | None = None
    was_called: bool = True
    is_counted: bool = True


Reply = Answer | Outputs | Done | Raised
