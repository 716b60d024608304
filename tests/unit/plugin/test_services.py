"""What executors of services have in common: calls within their time, and when a service is left alone."""

from datetime import timedelta

import pytest

from elevon import errors
from elevon.plugin.services import ServiceCalls
from elevon.plugin.transports import TransportError
from elevon.testing.clocks import SimulatedClock


async def answer() -> str:
    return "here"


async def be_busy() -> str:
    raise TransportError("busy", status=429, retry_after=timedelta(seconds=20))


async def break_down() -> str:
    raise KeyError("a bug of the client")


async def test_a_service_is_left_alone_as_long_as_it_wants() -> None:
    clock = SimulatedClock()
    calls = ServiceCalls(clock, 5.0, service="the laundry")
    with pytest.raises(TransportError):
        await calls.answered(be_busy)
    assert calls.quiet_s == 20
    calls.ensure_wanted(patience_s=20)
    with pytest.raises(errors.QuotaError, match="the laundry wants to be left alone") as caught:
        calls.ensure_wanted(patience_s=19)
    assert caught.value.after == timedelta(seconds=20)
    clock.skip(20)
    assert calls.quiet_s == 0
    calls.ensure_wanted()


async def test_a_failed_call_is_an_error_of_the_tree_that_names_the_call() -> None:
    calls = ServiceCalls(SimulatedClock(), 5.0)
    assert await calls.converted("take-in of a shirt", answer) == "here"
    with pytest.raises(errors.QuotaError, match="take-in of a shirt failed: busy") as caught:
        await calls.converted("take-in of a shirt", be_busy)
    assert isinstance(caught.value.__cause__, TransportError)


async def test_what_is_no_failure_of_a_transport_is_passed_on() -> None:
    calls = ServiceCalls(SimulatedClock(), 5.0)
    with pytest.raises(KeyError, match="a bug of the client"):
        await calls.converted("take-in of a shirt", break_down)


async def test_an_executor_says_what_exceptions_of_its_client_stand_for() -> None:
    def classify(error: Exception) -> TransportError | None:
        return TransportError("gone", status=410) if isinstance(error, KeyError) else None

    calls = ServiceCalls(SimulatedClock(), 5.0, classify)
    with pytest.raises(TransportError, match="gone") as caught:
        await calls.answered(break_down)
    assert isinstance(caught.value.__cause__, KeyError)
