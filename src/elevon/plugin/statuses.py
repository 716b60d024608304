"""What an executor answers: the status of one task execution, with the state that is to survive.

`TaskStatus` is built by its named constructors only, so that each phase carries what belongs to it:
`return TaskStatus.running(state)`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, Self, TypeVar

import msgspec

from elevon import errors
from elevon.idl.messages import Literal
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase

S = TypeVar("S")


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What may accompany every status.

    Attributes:
        phase_version: Counts reports within one phase; a changed pair of phase and version is recorded as an event.
        occurred_at: When the service says it happened; None for now.
        log_links: Places to look at.
        custom_info: Anything that JSON can hold, for people.
        check_after: When to ask again at the latest; None for the executor's default.
        reason: Why it waits, in words.
    """

    phase_version: int = 0
    occurred_at: datetime | None = None
    log_links: tuple[LogLink, ...] = ()
    custom_info: Any = None
    check_after: timedelta | None = None
    reason: str = ""


_NO_DETAILS = Details()


class TaskStatus(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """Where a task execution stands.

    Attributes:
        phase: A phase that an executor can report, or None for "nothing is known, ask again".
        state: The new custom state; it replaces the old one as a whole. None where the executor has no state.
        outputs: Literals by name; only with success, and only if they are not resolved from `outputs.pb`.
        failure: Only with the two failures.
        details: What accompanies it.
    """

    phase: AttemptPhase | None
    state: S | None = None
    outputs: Mapping[str, Literal] | None = None
    failure: Failure | None = None
    details: Details = _NO_DETAILS

    @classmethod
    def not_ready(cls, state: S | None = None, **details: Any) -> Self:
        """The start could not get what it needs; `start_task` is called again. The state is kept."""
        return cls(phase=AttemptPhase.WAITING_FOR_RESOURCES, state=state, details=_details(details))

    @classmethod
    def queued(cls, state: S | None = None, **details: Any) -> Self:
        """Accepted by the service, not begun."""
        return cls(phase=AttemptPhase.QUEUED, state=state, details=_details(details))

    @classmethod
    def initializing(cls, state: S | None = None, **details: Any) -> Self:
        """The service prepares it: a cluster comes up, an image is pulled."""
        return cls(phase=AttemptPhase.INITIALIZING, state=state, details=_details(details))

    @classmethod
    def running(cls, state: S | None = None, **details: Any) -> Self:
        """It runs; the execution time-out counts from the first of these."""
        return cls(phase=AttemptPhase.RUNNING, state=state, details=_details(details))

    @classmethod
    def succeeded(
        cls, outputs: Mapping[str, Literal] | None = None, state: S | None = None, **details: Any
    ) -> Self:
        """It succeeded.

        Args:
            outputs: Literals by name; None lets the engine ask `resolve_outputs` before it commits the success.
            state: The last custom state.
            details: The fields of `Details`.
        """
        return cls(phase=AttemptPhase.SUCCEEDED, state=state, outputs=outputs, details=_details(details))

    @classmethod
    def retryable_failure(
        cls, failure: Failure | str, state: S | None = None, **details: Any
    ) -> Self:
        """It failed in a way that another attempt may mend; spends one of the user's retries."""
        return cls(
            phase=AttemptPhase.RETRYABLE_FAILED,
            state=state,
            failure=_failure(failure, is_recoverable=True),
            details=_details(details),
        )

    @classmethod
    def permanent_failure(
        cls, failure: Failure | str, state: S | None = None, **details: Any
    ) -> Self:
        """It failed, and another attempt would fail too."""
        return cls(
            phase=AttemptPhase.FAILED,
            state=state,
            failure=_failure(failure, is_recoverable=False),
            details=_details(details),
        )

    @classmethod
    def unknown(cls, **details: Any) -> Self:
        """The service gave no usable answer this time: phase and state stay as they are."""
        return cls(phase=None, details=_details(details))

    undefined = unknown


def _details(values: dict[str, Any]) -> Details:
    return Details(**values) if values else _NO_DETAILS


def _failure(failure: Failure | str, *, is_recoverable: bool) -> Failure:
    if isinstance(failure, str):
        return Failure(
            code="USER:TaskFailed", message=failure, kind=errors.ErrorKind.USER, is_recoverable=is_recoverable
        )
    return msgspec.structs.replace(failure, is_recoverable=is_recoverable)
