"""What a failed call of a service means: one table for every executor that talks to one.

It exists so that time-outs, broken connections, overload and refusals are told apart in one place and in one way. It
knows no client library: an executor turns what its client raises into a `TransportError`.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from elevon import errors

_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})
_MISSING_STATUSES: Final = frozenset({404, 410})
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = 500  # and above


class TransportError(Exception):
    """A call of a service that brought no usable answer.

    | what came back | it is | so |
    |---|---|---|
    | nothing: a time-out, a broken connection | transient | the call is repeated |
    | 408, 425, 429, and 5xx | transient | the call is repeated, not before `retry_after` |
    | 404 and 410, of something that was created | missing | it counts as gone |
    | any other status | fatal | no repetition helps |

    Attributes:
        status: The HTTP status, or what corresponds to it; None if there was no answer at all.
        retry_after: When the service wants to be asked again; None where it does not say.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later."""
        return self.status is None or self.status in _TRANSIENT_STATUSES or self.status >= _SERVER_ERRORS

    @property
    def is_missing(self) -> bool:
        """Whether the service does not know what was asked for."""
        return self.status in _MISSING_STATUSES

    @property
    def is_overload(self) -> bool:
        """Whether the service was asked too often."""
        return self.status == _TOO_MANY_REQUESTS

    def as_error(self, what: str) -> errors.ElevonError:
        """The error of elevon's tree that an executor raises for it.

        Args:
            what: The call, as the subject of a sentence: `create of http-job`.
        """
        sentence = f"{what} failed: {self}"
        if self.is_overload:
            return errors.QuotaError(sentence, self.retry_after)
        if self.is_transient:
            return errors.RetryableError(sentence, self.retry_after)
        return errors.UserError(sentence)


def classify(error: Exception) -> TransportError | None:
    """The transport error that an exception of the standard library stands for; None for any other exception."""
    if isinstance(error, TransportError):
        return error
    if isinstance(error, TimeoutError):
        return TransportError(str(error) or "there was no answer in time")
    if isinstance(error, ConnectionError):
        return TransportError(str(error) or type(error).__name__)
    return None


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """What a `Retry-After` header says (RFC 9110, 10.2.3): seconds or an instant; None for none or nonsense.

    Args:
        value: The header, if there is one.
        now: The time, with its zone.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return timedelta(seconds=min(int(value), timedelta.max.days))
    import email.utils  # takes a while, and few services say instants

    try:
        instant = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if instant.tzinfo is None:  # the zone "-0000": UTC, and nothing known of where
        instant = instant.replace(tzinfo=UTC)
    return max(instant - now, timedelta(0))
