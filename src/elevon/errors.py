"""The one error tree of elevon, and the one table that says what each class means to the wire.

Every port translates what its third party raises into a class of this tree; no foreign exception crosses a port.
The table `POLICIES` is the only place that knows which gRPC code, which HTTP status, which Flyte `ExecutionError` kind
and code, and which retry behaviour belong to a class. An exception outside the tree is a system failure (see
`policy_of`).
"""

import enum
from dataclasses import dataclass
from datetime import timedelta


class ElevonError(Exception):
    """Anything that elevon itself reports; its text is one sentence for a person."""


class UserError(ElevonError):
    """A wrong specification, type, name or input; repeating the same call can't help."""


class NonRecoverable(UserError):
    """Raised by user code in a task: this attempt failed and no retry may follow.

    The wire's spelling of flytekit's `FlyteNonRecoverableException`.
    """


class MayHaveHappenedError(ElevonError):
    """An intent of `TaskContext.once` has no recorded result and nothing can find out whether it was carried out.

    Attributes:
        key: The key that was passed to `once`.
        token: The deterministic token under which the effect would have been carried out.
    """

    def __init__(self, key: str, token: str) -> None:
        super().__init__(
            f"once({key!r}) may already have happened under the token {token!r}: "
            "pass find= to look it up, or resolve it by hand and fail the attempt"
        )
        self.key = key
        self.token = token


class RetryableError(ElevonError):
    """A fault that is expected to pass.

    Attributes:
        after: How long to wait before the next try; None leaves it to the engine's backoff.
    """

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class ConflictError(ElevonError):
    """Somebody else holds or made the thing: a lease with a higher fencing number, an id that exists."""


class NotFoundError(UserError):
    """The named thing does not exist."""


class UnavailableError(ElevonError):
    """A service, store or file system can't serve now: locked, full, unreachable."""


class QuotaError(RetryableError):
    """A limit of a service or of a resource pool was reached."""


class CorruptStateError(ElevonError):
    """Durable data can't be understood: damaged, written by a newer elevon, or changed by its codec."""


class BugError(ElevonError):
    """An invariant of elevon is broken; never the user's fault."""


class Retry(enum.Enum):
    """What the engine does after an error of a class."""

    NEVER = "never"
    BACKOFF = "backoff"
    PARK = "park"


class ErrorKind(enum.StrEnum):
    """Who has to act, spelled as `ExecutionError.ErrorKind` of flyteidl."""

    UNKNOWN = "UNKNOWN"
    USER = "USER"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """One row of the table.

    Attributes:
        grpc_code: Name of the gRPC status code; never UNKNOWN, which makes flytekit start an OAuth flow.
        http_status: Of an HTTP answer.
        kind: Who has to act.
        code: The machine-readable code of `ExecutionError.code`.
        retry: What the engine does when an executor call raises it.
    """

    grpc_code: str
    http_status: int
    kind: ErrorKind
    code: str
    retry: Retry


POLICIES: dict[type[BaseException], ErrorPolicy] = {
    NonRecoverable: ErrorPolicy(
        "FAILED_PRECONDITION", 412, ErrorKind.USER, "USER:NonRecoverable", Retry.NEVER
    ),
    NotFoundError: ErrorPolicy("NOT_FOUND", 404, ErrorKind.USER, "USER:NotFound", Retry.NEVER),
    UserError: ErrorPolicy("INVALID_ARGUMENT", 400, ErrorKind.USER, "USER:BadRequest", Retry.NEVER),
    QuotaError: ErrorPolicy("RESOURCE_EXHAUSTED", 429, ErrorKind.SYSTEM, "SYSTEM:Quota", Retry.BACKOFF),
    RetryableError: ErrorPolicy("UNAVAILABLE", 503, ErrorKind.SYSTEM, "SYSTEM:Retryable", Retry.BACKOFF),
    MayHaveHappenedError: ErrorPolicy("ABORTED", 409, ErrorKind.SYSTEM, "SYSTEM:MayHaveHappened", Retry.PARK),
    ConflictError: ErrorPolicy("ALREADY_EXISTS", 409, ErrorKind.SYSTEM, "SYSTEM:Conflict", Retry.BACKOFF),
    UnavailableError: ErrorPolicy("UNAVAILABLE", 503, ErrorKind.SYSTEM, "SYSTEM:Unavailable", Retry.BACKOFF),
    CorruptStateError: ErrorPolicy("DATA_LOSS", 500, ErrorKind.SYSTEM, "SYSTEM:CorruptState", Retry.PARK),
    BugError: ErrorPolicy("INTERNAL", 500, ErrorKind.SYSTEM, "SYSTEM:Bug", Retry.BACKOFF),
}
_FOREIGN = ErrorPolicy("INTERNAL", 500, ErrorKind.SYSTEM, "SYSTEM:Unexpected", Retry.BACKOFF)


def policy_of(error: BaseException | type[BaseException]) -> ErrorPolicy:
    """The row for an error, by its nearest class in the table; a foreign exception is a system failure."""
    cls = error if isinstance(error, type) else type(error)
    for ancestor in cls.__mro__:
        if ancestor in POLICIES:
            return POLICIES[ancestor]
    return _FOREIGN


def from_code(code: str, message: str) -> ElevonError:
    """The error that a code of the table and a message stand for, as another elevon sent them."""
    for cls, policy in POLICIES.items():
        if policy.code == code and issubclass(cls, ElevonError) and cls is not MayHaveHappenedError:
            return cls(message)
    return ElevonError(message)
