"""A secret value is masked in every form in which it turns up."""

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest

from elevon.primitives.redaction import MASK, Redactor

VALUE = 'p4ss/"wörd" & more'


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.learn(VALUE)
    return made


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        repr(VALUE),
        quote(VALUE),
        quote_plus(VALUE),
        urlencode({"token": VALUE}),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"me:{VALUE}".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{VALUE}:b".encode()).decode(),
    ],
)
def test_a_value_is_masked_as_text_and_as_bytes(redactor: Redactor, form: str) -> None:
    text = f"before {form} behind"
    masked = redactor.text(text)
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" behind")
    assert len(masked) < len(text)
    assert redactor.content(text.encode()) == masked.encode()
    assert redactor.is_in(text.encode())
    assert not redactor.is_in(masked.encode())
    blotted = redactor.blotted(text.encode())
    assert len(blotted) == len(text.encode())
    assert not redactor.is_in(blotted)


def test_longer_values_win_over_those_within_them() -> None:
    redactor = Redactor()
    redactor.learn("hunter")
    redactor.learn("hunter-gatherer")
    assert redactor.text("hunter hunter-gatherer") == f"{MASK} {MASK}"


def test_long_lines_of_a_value_are_masked_alone() -> None:
    redactor = Redactor()
    redactor.learn("-----BEGIN-----\nMIIEvQIBADANBgkqhkiG\nend\n")
    assert redactor.text("line 2: MIIEvQIBADANBgkqhkiG; the end") == f"line 2: {MASK}; the end"


def test_white_space_around_a_value_does_not_belong_to_it() -> None:
    redactor = Redactor()
    redactor.learn(" hunter2\n")
    assert redactor.text("[hunter2]") == f"[{MASK}]"


@pytest.mark.parametrize("value", ["", "abc", "  ab  "])
def test_what_is_too_short_to_be_told_from_text_is_not_looked_for(value: str) -> None:
    redactor = Redactor()
    redactor.learn(value)
    assert not redactor.is_armed
    assert redactor.text("abc ab") == "abc ab"


def test_without_a_value_everything_stays_as_it_is() -> None:
    text, content = "any text", b"any bytes"
    assert Redactor().text(text) is text
    assert Redactor().content(content) is content
    assert not Redactor().is_in(content)
