"""Every value of every supported type survives the wire, whatever the types are nested in."""

import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import hypothesis.strategies as st
from hypothesis import given

from elevon.idl import json_values, literal_types, messages
from elevon.sdk import types
from tests.unit.sdk_types.stores import Untouched

NO_FILES = Untouched()


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    y: float


@dataclass
class Record:
    name: str
    raw: bytes
    points: list[Point]
    by_name: dict[str, Point]
    numbers: dict[int, str]
    maybe: int | str | None
    at: dt.datetime | None
    day: dt.date
    clock: dt.time
    span: dt.timedelta
    color: Color = Color.RED
    tags: set[str] = field(default_factory=set)


INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"))
FLOATS = st.floats(allow_nan=False)
# What a Timestamp of protobuf holds, and what Python can move to UTC.
MOMENTS = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
SPANS = st.timedeltas(dt.timedelta(days=-3_000_000), dt.timedelta(days=3_000_000))
POINTS = st.builds(Point, INTEGERS, FLOATS)
# A span inside a struct is a float of seconds, which holds microseconds up to some two hundred years.
SHORT_SPANS = st.timedeltas(dt.timedelta(days=-70_000), dt.timedelta(days=70_000))
RECORDS = st.builds(
    Record,
    name=TEXT,
    raw=st.binary(),
    points=st.lists(POINTS, max_size=3),
    by_name=st.dictionaries(TEXT, POINTS, max_size=3),
    numbers=st.dictionaries(INTEGERS, TEXT, max_size=3),
    maybe=st.one_of(INTEGERS, TEXT, st.none()),
    at=st.none() | st.datetimes() | MOMENTS,
    day=st.dates(),
    clock=st.times(),
    span=SHORT_SPANS,
    color=st.sampled_from(Color),
    tags=st.sets(TEXT, max_size=3),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | INTEGERS, inner, max_size=3),
    max_leaves=8,
)
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, INTEGERS),
    (float, FLOATS),
    (bool, st.booleans()),
    (str, TEXT),
    (dt.datetime, MOMENTS),
    (dt.date, st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1))),
    (dt.timedelta, SPANS),
    (type(None), st.none()),
    (Color, st.sampled_from(Color)),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Point, POINTS),
    (Record, RECORDS),
    (dict, st.dictionaries(TEXT, PLAIN, max_size=3)),
    (types.File, TEXT.map(lambda text: types.File(f"s3://bucket/{text}"))),
    (types.Directory, TEXT.map(lambda text: types.Directory(f"s3://bucket/{text}"))),
]
Typed = tuple[Any, st.SearchStrategy[Any]]


def lists_of(inner: Typed) -> Typed:
    return list[inner[0]], st.lists(inner[1], max_size=3)


def dicts_of(inner: Typed) -> Typed:
    return dict[str, inner[0]], st.dictionaries(TEXT, inner[1], max_size=3)


def optional(inner: Typed) -> Typed:
    return inner[0] | None, inner[1] | st.none()


TYPES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(inner.map(lists_of), inner.map(dicts_of), inner.map(optional)),
    max_leaves=3,
)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    annotation, values = draw(TYPES)
    return annotation, draw(values)


@given(typed_values())
def test_a_value_survives_the_wire(typed: tuple[Any, Any]):
    annotation, value = typed
    literal = types.to_literal(value, annotation, NO_FILES)
    carried = messages.Literal.FromString(literal.SerializeToString())
    read = types.to_python(carried, annotation, NO_FILES)
    assert read == value
    assert type(read) is type(value)


@given(typed_values())
def test_equal_values_have_equal_literals_to_the_byte(typed: tuple[Any, Any]):
    annotation, value = typed
    literal = types.to_literal(value, annotation, NO_FILES)
    again = types.to_literal(types.to_python(literal, annotation, NO_FILES), annotation, NO_FILES)
    assert literal.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


@given(typed_values())
def test_every_literal_can_be_written_as_strict_json(typed: tuple[Any, Any]):
    annotation, value = typed
    json.dumps(json_values.to_json(types.to_literal(value, annotation, NO_FILES)), allow_nan=False)


@given(TYPES)
def test_every_type_is_assignable_to_itself_and_to_its_optional(typed: Typed):
    annotation = typed[0]
    own = types.literal_type_of(annotation)
    assert literal_types.is_assignable(own, own)
    assert literal_types.is_assignable(own, types.literal_type_of(annotation | None))
    assert literal_types.describe(own)


@given(st.tuples(INTEGERS | TEXT, st.booleans()))
def test_a_union_keeps_the_variant_of_its_value(drawn: tuple[int | str, bool]):
    for value in drawn:
        literal = types.to_literal(value, int | str | bool, NO_FILES)
        read = types.to_python(literal, int | str | bool, NO_FILES)
        assert (type(read), read) == (type(value), value)


SIMPLE_JSON = st.sampled_from([entry for entry in LEAVES if entry[0] in (int, float, bool, str, Color, dict)])


@given(st.data())
def test_json_of_a_literal_gives_the_value_back(data: st.DataObject):
    annotation, values = data.draw(SIMPLE_JSON.filter(lambda entry: entry[0] is not dict).map(lists_of))
    value = data.draw(values)
    literal = types.to_literal(value, annotation, NO_FILES)
    through_text = json.loads(json.dumps(types.literal_to_json(literal), allow_nan=False))
    assert json_values.from_json(through_text, types.literal_type_of(annotation)) == literal
    assert types.from_json(through_text, annotation) == value
