"""What an executor answers: the status of one task execution, with the state that is to survive.

`TaskStatus` is built by its named constructors only, so that each phase carries what belongs to it:
`return TaskStatus.running(state)`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypedDict, TypeVar, Unpack

import msgspec

from elevon import errors
from elevon.idl.messages import DynamicJobSpec, Literal
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase

S = TypeVar("S")
T = TypeVar("T")  # of the constructors: type checkers infer it from what the call is returned as


class DetailOptions(TypedDict, total=False):
    """Keywords of every constructor of `TaskStatus`; see `Details`."""

    phase_version: int
    occurred_at: datetime | None
    log_links: tuple[LogLink, ...]
    custom_info: Any
    check_after: timedelta | None
    reason: str
    is_restarted: bool


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What may accompany every status.

    Attributes:
        phase_version: Counts reports within one phase; a changed pair of phase and version is recorded as an event.
        occurred_at: When the service says it happened; None for now.
        log_links: Places to look at.
        custom_info: Anything that JSON can hold, for people.
        check_after: When to ask again at the latest; None for the executor's default.
        reason: Why it waits, in words.
        is_restarted: The work began anew within the attempt: the execution time-out counts from now, and the record of
            the attempt counts it, if it ran before.
    """

    phase_version: int = 0
    occurred_at: datetime | None = None
    log_links: tuple[LogLink, ...] = ()
    custom_info: Any = None
    check_after: timedelta | None = None
    reason: str = ""
    is_restarted: bool = False

    def __post_init__(self) -> None:
        if self.occurred_at is not None and self.occurred_at.tzinfo is None:
            raise errors.BugError(f"occurred_at={self.occurred_at} has no time zone: use an aware datetime")
        if not isinstance(self.check_after, timedelta | None):  # pyright: ignore[reportUnnecessaryIsInstance] - a stranger's
            raise errors.BugError(f"check_after={self.check_after!r} is no span: use a timedelta")
        if self.check_after is not None and self.check_after < timedelta(0):
            raise errors.BugError(
                f"check_after={self.check_after} lies in the past: use a span of zero or more"
            )
        if self.phase_version < 0:
            raise errors.BugError(f"phase_version={self.phase_version} is negative: count from 0")


_NO_DETAILS = Details()


class TaskStatus(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """Where a task execution stands.

    Attributes:
        phase: A phase that an executor can report, or None for "nothing is known, ask again".
        state: The new custom state; it replaces the old one as a whole. None where the executor has no state; with
            a terminal phase, and where the start is not ready, None leaves the last state as it is.
        outputs: Literals by name; only with success, and only if they are not resolved from `outputs.pb`.
        futures: What the task goes on as; only with success, and instead of outputs.
        failure: Only with the two failures.
        details: What accompanies it.
    """

    phase: AttemptPhase | None
    state: S | None = None
    outputs: Mapping[str, Literal] | None = None
    futures: DynamicJobSpec | None = None
    failure: Failure | None = None
    details: Details = _NO_DETAILS

    @staticmethod
    def not_ready(state: T | None = None, **details: Unpack[DetailOptions]) -> "TaskStatus[T]":
        """The start could not get what it needs; `start_task` is called again. The state is kept."""
        return TaskStatus(phase=AttemptPhase.WAITING_FOR_RESOURCES, state=state, details=_details(details))

    @staticmethod
    def queued(state: T | None = None, **details: Unpack[DetailOptions]) -> "TaskStatus[T]":
        """Accepted by the service, not begun."""
        return TaskStatus(phase=AttemptPhase.QUEUED, state=state, details=_details(details))

    @staticmethod
    def initializing(state: T | None = None, **details: Unpack[DetailOptions]) -> "TaskStatus[T]":
        """The service prepares it: a cluster comes up, an image is pulled."""
        return TaskStatus(phase=AttemptPhase.INITIALIZING, state=state, details=_details(details))

    @staticmethod
    def running(state: T | None = None, **details: Unpack[DetailOptions]) -> "TaskStatus[T]":
        """It runs; the execution time-out counts from the first of these."""
        return TaskStatus(phase=AttemptPhase.RUNNING, state=state, details=_details(details))

    @staticmethod
    def succeeded(
        outputs: Mapping[str, Literal] | None = None, state: T | None = None, **details: Unpack[DetailOptions]
    ) -> "TaskStatus[T]":
        """It succeeded.

        Args:
            outputs: Literals by name; None lets the engine ask `resolve_outputs` before it commits the success.
            state: The last custom state.
            details: The fields of `Details`.
        """
        return TaskStatus(
            phase=AttemptPhase.SUCCEEDED, state=state, outputs=outputs, details=_details(details)
        )

    @staticmethod
    def expanded(
        futures: DynamicJobSpec, state: T | None = None, **details: Unpack[DetailOptions]
    ) -> "TaskStatus[T]":
        """It succeeded with futures: the task goes on as these nodes, whose outputs are its own.

        Args:
            futures: The nodes, with all that they run; they fail the task if they make no workflow.
            state: The last custom state.
            details: The fields of `Details`.
        """
        return TaskStatus(
            phase=AttemptPhase.SUCCEEDED, state=state, futures=futures, details=_details(details)
        )

    @staticmethod
    def retryable_failure(
        failure: Failure | str, state: T | None = None, **details: Unpack[DetailOptions]
    ) -> "TaskStatus[T]":
        """It failed in a way that another attempt may mend; spends one of the user's retries."""
        return TaskStatus(
            phase=AttemptPhase.RETRYABLE_FAILED,
            state=state,
            failure=_failure(failure, is_recoverable=True),
            details=_details(details),
        )

    @staticmethod
    def permanent_failure(
        failure: Failure | str, state: T | None = None, **details: Unpack[DetailOptions]
    ) -> "TaskStatus[T]":
        """It failed, and another attempt would fail too."""
        return TaskStatus(
            phase=AttemptPhase.FAILED,
            state=state,
            failure=_failure(failure, is_recoverable=False),
            details=_details(details),
        )

    @staticmethod
    def unknown(**details: Unpack[DetailOptions]) -> "TaskStatus[Any]":
        """The service gave no usable answer this time: phase and state stay as they are."""
        return TaskStatus(phase=None, details=_details(details))

    undefined = unknown  # the two words of Flyte's interface for one answer


def _details(values: DetailOptions) -> Details:
    return Details(**values) if values else _NO_DETAILS


def _failure(failure: Failure | str, *, is_recoverable: bool) -> Failure:
    if isinstance(failure, str):
        return Failure(
            code="USER:TaskFailed", message=failure, kind=errors.ErrorKind.USER, is_recoverable=is_recoverable
        )
    return msgspec.structs.replace(failure, is_recoverable=is_recoverable)
