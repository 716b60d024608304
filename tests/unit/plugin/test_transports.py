"""The table of failed calls."""

from datetime import UTC, datetime, timedelta

import pytest

from elevon import errors
from elevon.plugin.transports import TransportError, classify, parse_retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_repeated_when_the_service_wants_it(status: int | None) -> None:
    error = TransportError("x", status=status, retry_after=timedelta(seconds=3)).as_error("create of a")
    assert isinstance(error, errors.RetryableError)
    assert error.after == timedelta(seconds=3)
    assert isinstance(error, errors.QuotaError) is (status == 429)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 301])
def test_what_no_repetition_mends_is_final(status: int) -> None:
    error = TransportError("bad", status=status).as_error("create of a")
    assert isinstance(error, errors.UserError)
    assert str(error) == "create of a failed: bad"


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_told_apart(status: int) -> None:
    assert TransportError("x", status=status).is_missing
    assert not TransportError("x", status=403).is_missing


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), BrokenPipeError("the pipe")])
def test_a_call_without_an_answer_may_pass(error: Exception) -> None:
    found = classify(error)
    assert found is not None
    assert found.is_transient
    assert str(found)


def test_a_programming_error_is_no_transport_error() -> None:
    assert classify(ValueError("x")) is None


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Thu, 01 Jan 2026 00:00:30 GMT", timedelta(seconds=30)),
        ("Thu, 01 Jan 2026 00:00:30 -0000", timedelta(seconds=30)),
        ("Wed, 31 Dec 2025 00:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("9" * 30, timedelta(seconds=timedelta.max.days)),
    ],
)
def test_both_spellings_of_retry_after_are_read(header: str | None, wanted: timedelta | None) -> None:
    assert parse_retry_after(header, NOW) == wanted
