"""Literals as JSON and back, without annotations."""

import datetime as dt
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import msgspec
import pytest

from elevon.errors import UserError
from elevon.idl import inlines, json_values, literal_types, literals
from elevon.idl.messages import LiteralType, SimpleType
from elevon.sdk import types
from tests.unit.sdk_types.stores import Untouched

DAY = dt.date(2024, 5, 1)


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float = 0.0


NO_FILES = Untouched()


@pytest.mark.parametrize(
    ("annotation", "value", "shown"),
    [
        (int, 2**60, 2**60),
        (float, 1.5, 1.5),
        (float, float("inf"), "Infinity"),
        (float, float("-inf"), "-Infinity"),
        (bool, False, False),
        (str, "x", "x"),
        (None, None, None),
        (dt.datetime, dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "2024-01-02T00:00:00+00:00"),
        (dt.timedelta, dt.timedelta(minutes=1.5), 90.0),
        (Color, Color.RED, "red"),
        (list[int], [1, 2], [1, 2]),
        (dict[str, list[int]], {"a": []}, {"a": []}),
        (int | None, None, None),
        (int | str, "1", "1"),
        (Point, Point(1, 2), {"x": 1, "y": 2}),
        (dict, {"a": [1, None]}, {"a": [1, None]}),
        (types.File, types.File("s3://b/k"), "s3://b/k"),
        (types.Directory, types.Directory("s3://b/k/"), "s3://b/k/"),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], 2, 2),
    ],
)
def test_a_literal_becomes_json_and_the_same_literal_again(annotation: Any, value: Any, shown: Any):
    literal = types.to_literal(value, annotation, NO_FILES)
    through_text = json.loads(json.dumps(json_values.to_json(literal), allow_nan=False))
    assert through_text == shown
    assert json_values.from_json(through_text, types.literal_type_of(annotation)) == literal


def test_a_number_that_is_none_is_written_as_text():
    assert json_values.to_json(literals.floating(float("nan"))) == "NaN"


def test_bytes_and_number_keys_inside_a_struct_become_text():
    packed = literals.msgpack(msgspec.msgpack.encode({1: b"raw", "f": float("nan"), 2.5: [None]}))
    assert json_values.to_json(packed) == {"1": "cmF3", "f": "NaN", "2.5": [None]}


def test_bytes_in_an_unknown_format_become_base64():
    literal = literals.msgpack(b"raw")
    literal.scalar.binary.tag = "other"
    assert json_values.to_json(literal) == "cmF3"
    assert json_values.from_json("cmF3", LiteralType(simple=SimpleType.BINARY)).scalar.binary.value == b"raw"


def test_the_older_struct_is_shown_with_whole_numbers():
    literal = literals.msgpack(b"")
    literal.scalar.generic.update({"a": 1, "b": [2.5, {"c": None}], "d": True})
    assert json_values.to_json(literal) == {"a": 1, "b": [2.5, {"c": None}], "d": True}


@pytest.mark.parametrize(
    ("annotation", "value", "told"),
    [
        (int, "1", "expected int, got '1'"),
        (int, True, "expected int, got True"),
        (int, 2**70, "expected int"),
        (float, "many", "expected float"),
        (float, True, "expected float"),
        (bool, 1, "expected bool"),
        (str, 1, "expected str"),
        (None, 1, "expected None"),
        (dt.datetime, "yesterday", "expected datetime"),
        (dt.timedelta, "soon", "write it like 90s, 1h30m or 2d"),
        (dt.timedelta, [], "expected timedelta"),
        (Color, "blue", "expected Literal['red'], got 'blue'"),
        (Literal["a"], "b", "expected Literal['a'], got 'b'"),
        (list[int], {"a": 1}, "expected list[int]"),
        (list[int], [1, "x"], "item 1: expected int, got 'x'"),
        (dict[str, int], [], "expected dict[str, int]"),
        (dict[str, int], {"k": None}, "['k']: expected int, got None"),
        (int | None, "x", "expected int | None, got 'x'"),
        (Point, 3, "expected Point, got 3"),
        (types.File, 3, "give its path or uri"),
        (bytes, "x", "can't be given as JSON"),
    ],
)
def test_json_of_another_type_is_refused_with_the_type_and_the_place(annotation: Any, value: Any, told: str):
    with pytest.raises(UserError) as caught:
        json_values.from_json(value, types.literal_type_of(annotation))
    assert told in str(caught.value)


def test_a_type_that_json_cant_hold_is_refused():
    with pytest.raises(UserError, match="can't be given as JSON"):
        json_values.from_json("x", LiteralType())
    with pytest.raises(UserError, match="expected bytes"):
        json_values.from_json("%", literal_types.simple(SimpleType.BINARY))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90", dt.timedelta(seconds=90)),
        ("1.5s", dt.timedelta(seconds=1.5)),
        ("1h30m", dt.timedelta(minutes=90)),
        ("2d 3h", dt.timedelta(days=2, hours=3)),
        ("250ms", dt.timedelta(milliseconds=250)),
        ("-1m", dt.timedelta(minutes=-1)),
    ],
)
def test_spans_are_written_as_people_write_them(text: str, span: dt.timedelta):
    assert json_values.parse_span(text) == span


@pytest.mark.parametrize("text", ["", "h", "1 year", "m5", "-"])
def test_what_is_no_span_is_refused(text: str):
    with pytest.raises(ValueError, match="no span of time"):
        json_values.parse_span(text)


@pytest.mark.parametrize(
    ("annotation", "value", "shown"),
    [
        (dt.date, DAY, "2024-05-01"),
        (list[dt.date], [DAY], ["2024-05-01"]),
        (dict[str, dt.date], {"a": DAY}, {"a": "2024-05-01"}),
        (dt.date | None, DAY, "2024-05-01"),
        (dt.datetime, dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "2024-05-01T00:00:00+00:00"),
    ],
)
def test_a_day_is_no_midnight_where_its_type_says_so(annotation: Any, value: Any, shown: Any):
    literal, declared = types.to_literal(value, annotation, NO_FILES), types.literal_type_of(annotation)
    types.note_dates(declared, annotation)
    assert json_values.to_json(literal, declared) == shown


@pytest.mark.parametrize(("size", "shown"), [(12, "pickle, 12 bytes"), (1234, "pickle, 1.2 kB")])
def test_people_see_no_data_of_a_pickle(size: int, shown: str):
    literal = literals.blob(inlines.to_uri(b"x" * size), file_format=literal_types.PICKLE_FORMAT)
    assert json_values.to_json(literal, is_shortened=True) == shown
    assert json_values.to_json(literal) == inlines.to_uri(b"x" * size)
    assert json_values.to_json(literals.blob("s3://b/k"), is_shortened=True) == "s3://b/k"
