"""What executors say is recorded without the secrets that were handed out."""

import msgspec
import pytest

from elevon import errors
from elevon.primitives.redaction import MASK, Redactor
from elevon.propeller import masking
from elevon.propeller.machine.events import (
    AbandonRequested,
    AbortRequested,
    Begin,
    CallRaised,
    Event,
    FailRequested,
    Refused,
    StatusReturned,
    Unparked,
    Woken,
)
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import LogLink, OnceRecord
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase

PLANTED = "8675309-hunter"
FAILURE = Failure(code=f"USER:{PLANTED}", message=f"no {PLANTED}", traceback=f"raise {PLANTED!r}")


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.learn(PLANTED)
    made.learn("8675309")
    return made


def returned(**fields: object) -> StatusReturned:
    answer = Answer(phase=AttemptPhase.RUNNING, **fields)  # pyright: ignore[reportArgumentType]
    return StatusReturned("n0", 0, CallKind.CHECK, answer)


@pytest.mark.parametrize(
    "event",
    [
        CallRaised("n0", 0, CallKind.START, FAILURE),
        Refused("n0", f"not {PLANTED}"),
        AbortRequested(f"{PLANTED}", f"{PLANTED} leaked"),
        FailRequested("n0", 0, PLANTED, f"{PLANTED} leaked"),
        AbandonRequested("n0", 0, PLANTED, f"{PLANTED} leaked"),
        Unparked("n0", 0, PLANTED, f"{PLANTED} is there"),
        returned(failure=FAILURE),
        returned(reason=f"waits for {PLANTED}"),
        returned(log_links=(LogLink(f"log of {PLANTED}", f"https://example.org/?token={PLANTED}"),)),
        returned(custom_info=msgspec.json.encode({"keys": [PLANTED], PLANTED: {"n": 1}})),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_secret_in_an_event_is_masked(event: Event, redactor: Redactor) -> None:
    assert PLANTED in repr(event)
    masked = masking.masked(event, redactor)
    assert PLANTED not in repr(masked)
    assert MASK in repr(masked)
    assert type(masked) is type(event)


def test_custom_info_stays_json_when_a_number_is_a_secret(redactor: Redactor) -> None:
    event = masking.masked(returned(custom_info=b'{"pin":8675309,"n":1.5}'), redactor)
    assert isinstance(event, StatusReturned)
    assert msgspec.json.decode(event.answer.custom_info) == {"pin": MASK, "n": 1.5}


def test_a_state_that_holds_a_secret_is_refused_and_its_field_named(redactor: Redactor) -> None:
    state = {"job": {"hosts": ["a", {"login": f"me:{PLANTED}"}]}}
    event = masking.masked(returned(custom_state=msgspec.json.encode(state)), redactor)
    assert isinstance(event, CallRaised)
    assert event.is_final
    assert event.failure.code == "SYSTEM:StateRefused"
    assert "state.job.hosts[1].login holds a secret" in event.failure.message
    assert PLANTED not in repr(event)


def test_a_key_that_is_a_secret_does_not_name_the_place(redactor: Redactor) -> None:
    event = masking.masked(returned(custom_state=msgspec.json.encode({"job": {PLANTED: 1}})), redactor)
    assert isinstance(event, CallRaised)
    assert "state.job holds a secret" in event.failure.message


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (OnceRecord(node_id="n0", key=f"login {PLANTED}", token="t"), "the key of a once"),  # noqa: S106 - a name
        (
            OnceRecord(node_id="n0", key="login", token="t", result=f'{{"with":"{PLANTED}"}}'.encode()),  # noqa: S106
            r"result.with of once\('login'\) holds a secret",
        ),
    ],
)
def test_an_intent_that_holds_a_secret_is_refused(
    record: OnceRecord, sentence: str, redactor: Redactor
) -> None:
    with pytest.raises(errors.CorruptStateError, match=sentence) as raised:
        masking.refuse_secret(record, redactor)
    assert PLANTED not in str(raised.value)
    masking.refuse_secret(record, Redactor())


@pytest.mark.parametrize("event", [Begin(), Woken("n0", 0)])
def test_an_event_without_text_stays_as_it_is(event: Event, redactor: Redactor) -> None:
    assert masking.masked(event, redactor) is event


def test_without_a_secret_nothing_is_looked_at() -> None:
    event = returned(reason=PLANTED, custom_state=b"not even JSON")
    assert masking.masked(event, Redactor()) is event
