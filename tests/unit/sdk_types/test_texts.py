"""Values that people write: command lines, files of inputs, and guesses for showing."""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest

from elevon.errors import UserError
from elevon.sdk import types


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    y: float = 0.0


@dataclass
class Painted:
    color: Color


class Model(pydantic.BaseModel):
    count: int


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("42", int, 42),
        ("-1.5e3", float, -1500.0),
        ("true", bool, True),
        ("No", bool, False),
        ("42", str, "42"),
        ("cmF3", bytes, b"raw"),
        ("", bytes, b""),
        ("2024-05-01", dt.date, dt.date(2024, 5, 1)),
        ("2024-05-01T12:00:00", dt.datetime, dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)),
        ("2024-05-01T12:00:00+02:00", dt.datetime, dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)),
        ("1h30m", dt.timedelta, dt.timedelta(minutes=90)),
        ("red", Color, Color.RED),
        ("GREEN", Color, Color.GREEN),
        ("null", None, None),
        ("null", int | None, None),
        ("", str | None, ""),
        ("7", str | int, 7),
        ("seven", str | int, "seven"),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("true", Literal[True], True),
        ("[1, 2]", list[int], [1, 2]),
        ('{"a": 1}', dict[str, float], {"a": 1.0}),
        ('{"1": "a"}', dict[int, str], {1: "a"}),
        ('{"x": 1}', Point, Point(1)),
        ('{"count": 1}', Model, Model(count=1)),
        ('{"a": [null]}', dict, {"a": [None]}),
        ("anything goes", Any, "anything goes"),
        ("s3://bucket/key", types.File, types.File("s3://bucket/key")),
        ("a/b", types.Directory, types.Directory("a/b")),
    ],
)
def test_a_text_becomes_the_value_it_obviously_means(text: str, annotation: Any, value: Any):
    read = types.from_text(text, annotation)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation", "told"),
    [
        ("4.5", int, "expected int, got '4.5'"),
        ("many", float, "expected float, got 'many'"),
        ("maybe", bool, "expected bool (true or false), got 'maybe'"),
        ("soon", dt.datetime, "expected datetime such as 2024-05-01T12:00:00+00:00, got 'soon'"),
        ("soon", dt.timedelta, "expected timedelta such as 90s, 1h30m or 2d, got 'soon'"),
        ("???", bytes, "expected bytes as base64, such as aGVsbG8=, got '???'"),
        ("blue", Color, "expected Color: one of red, green, got 'blue'"),
        ("c", Literal["a", "b"], "expected one of a, b, got 'c'"),
        ("x", int | None, "expected int | None, got 'x'"),
        ("[1", list[int], "expected list[int] as JSON, such as [1, 2], got '[1'"),
        ("{", Point, "expected Point as JSON, such as {...}, got '{'"),
        ("a", list[str], """expected list[str] as JSON, such as ["a", "b"], got 'a'"""),
        (
            "a",
            dict[str, float],
            """expected dict[str, float] as JSON, such as {"a": 1.5, "b": 2.0}, got 'a'""",
        ),
        ("[", list[Point], "expected list[Point] as JSON, such as [..., ...], got '['"),
        (
            "a",
            list[types.Waitable],
            'expected list[Waitable] as JSON, such as ["monday-42", "tuesday-42"], got',
        ),
        ('["x"]', list[int], "item 0: expected int, got 'x' (str)"),
        ('{"y": 1}', Point, "Point needs a value for its field x"),
        ('{"x": 1, "z": 2}', Point, "Point has no field 'z': there are 'x', 'y'"),
        ('[{"x": 1, "yy": 2}]', list[Point], "item 0: Point has no field 'yy': did you mean 'y'?"),
        ('{"count": "x"}', Model, "the data is no Model: count"),
    ],
)
def test_a_text_that_means_no_such_value_is_refused(text: str, annotation: Any, told: str):
    with pytest.raises(UserError) as caught:
        types.from_text(text, annotation)
    assert told in str(caught.value)


def test_json_data_is_read_strictly():
    assert types.from_json({"x": 1, "y": 2}, Point) == Point(1, 2.0)
    assert types.from_json("90s", dt.timedelta) == dt.timedelta(seconds=90)
    assert types.from_json(90, dt.timedelta) == dt.timedelta(seconds=90)
    assert types.from_json("cmF3", bytes) == b"raw"
    assert types.from_json(["red", "GREEN"], list[Color]) == [Color.RED, Color.GREEN]
    assert types.from_json({"color": "GREEN"}, Painted) == Painted(Color.GREEN)
    assert types.from_json("a/b", types.File) == types.File("a/b")
    with pytest.raises(UserError, match="expected int, got '1'"):
        types.from_json("1", int)
    with pytest.raises(UserError, match="expected bytes as base64"):
        types.from_json("%%", bytes)


def test_the_value_of_an_enum_comes_before_the_name_of_another_member():
    class Crossed(enum.Enum):
        A = "B"
        B = "A"

    assert types.from_json("A", Crossed) is types.from_text("A", Crossed) is Crossed.B
    assert types.from_json("B", Crossed) is types.from_text("B", Crossed) is Crossed.A
