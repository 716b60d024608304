"""For whom the running code works, so that what it logs says so.

It exists because an executor serves thousands of attempts at once and logs by the standard library, which knows none of
them. It is set around each call where the call runs: a context variable follows a task of a loop, and crosses neither
to another loop nor to another process by itself.
"""

import contextvars
from typing import Final, NamedTuple


class LogContext(NamedTuple):
    """What a log record gets, under these names.

    Attributes:
        execution: Name of the execution.
        node: The node's unique id.
        attempt: Index of the attempt.
        executor: Id of the executor.
    """

    execution: str
    node: str
    attempt: int
    executor: str


_current: Final[contextvars.ContextVar[LogContext | None]] = contextvars.ContextVar(
    "elevon_log_context", default=None
)


def current() -> LogContext | None:
    """What the calling code works for; None if for nobody in particular."""
    return _current.get()


class Entered:
    """Work for somebody, in this task and in all that it starts on its loop, for as long as a `with` lasts.

    A class, because a generator would cost more than all the rest of it, at every call.

    Args:
        context: For whom.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, context: LogContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = _current.set(self._context)

    def __exit__(self, *_error: object) -> None:
        _current.reset(self._token)
