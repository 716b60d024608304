"""Values of every kind, declared once for both sides of the wire: elevon's tests and the real flytekit.

It must never import elevon or flytekit: each side hands in its own classes for files.
"""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import math
import pathlib
import typing
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pydantic

UTC = dt.timezone.utc  # noqa: UP017 - flytekit's Python may be 3.10
MOMENT = dt.datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=UTC)
ZONED = dt.datetime(2024, 3, 1, 1, 59, 58, 123456, tzinfo=dt.timezone(dt.timedelta(hours=2)))


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Tone(str, enum.Enum):  # noqa: UP042 - the older spelling is what many programs hold
    LOUD = "loud"


@dataclass
class Point:
    x: int
    y: float = 0.0
    label: str = "origin"


@dataclass
class Track:
    name: str
    points: list[Point]
    by_name: dict[str, Point]
    best: typing.Optional[Point] = None  # noqa: UP045 - both spellings are tested
    color: Color = Color.RED


@dataclass
class Everything:
    whole: int
    real: float
    text: str
    flag: bool
    raw: bytes
    at: dt.datetime
    day: dt.date
    clock: dt.time
    span: dt.timedelta
    color: Color
    level: Level
    choice: typing.Literal["a", "b"]
    either: int | str
    maybe: int | None
    numbers: list[int]
    nested: list[list[float]]
    ages: dict[str, int]
    names: dict[int, str]
    untyped: dict
    anything: Any
    pair: tuple[int, str]
    many: tuple[int, ...]
    unique: set[int]
    price: decimal.Decimal
    key: uuid.UUID
    with_default: int = 7
    with_factory: list[str] = field(default_factory=lambda: ["x"])
    inner: Point | None = None


@dataclass(frozen=True)
class Frozen:
    value: int


@dataclass
class Placed:
    place: pathlib.PurePosixPath


@dataclass
class Empty:
    pass


class Address(pydantic.BaseModel):
    street: str
    number: int | None = None


class Person(pydantic.BaseModel):
    name: str
    born: dt.date
    height: float = 1.5
    color: Color = Color.GREEN
    addresses: list[Address] = []


class Sample(NamedTuple):
    """One value.

    Attributes:
        annotation: What it is declared as.
        value: What is encoded.
        decoded: What decoding gives.
    """

    annotation: Any
    value: Any
    decoded: Any


def everything() -> Everything:
    return Everything(
        whole=-5, real=2.5, text="häß", flag=True, raw=b"\x00\xff", at=MOMENT, day=dt.date(2024, 2, 29),
        clock=dt.time(1, 2, 3, 4), span=dt.timedelta(days=1, microseconds=1), color=Color.GREEN, level=Level.HIGH,
        choice="b", either="3", maybe=None, numbers=[1, 300, 70000, 5_000_000_000], nested=[[], [0.5]],
        ages={"z": 1, "a": 2}, names={1: "one", -1: "minus"}, untyped={"k": [1, None, {"d": 2.5}]},
        anything={"deep": [True]}, pair=(1, "one"), many=(1, 2), unique={4}, price=decimal.Decimal("1.10"),
        key=uuid.UUID(int=7), inner=Point(1, 2.0, "p"),
    )  # fmt: skip


@functools.cache
def _report_class(file: Any, directory: Any) -> Any:
    return dataclasses.make_dataclass(
        "Report", [("data", file), ("parts", directory | None, field(default=None))]
    )


def samples(file: Any, directory: Any) -> dict[str, Sample]:
    """Every sample by name; the classes for files are the side's own."""
    # Made here, because its annotations are the side's own classes; one class a side, for values to be equal.
    report = _report_class(file, directory)
    track = Track("t", [Point(1), Point(2, 0.5)], {"a": Point(3)}, Point(4), Color.GREEN)
    person = Person(name="Ada", born=dt.date(1815, 12, 10), addresses=[Address(street="S", number=3)])
    plain: dict[str, tuple[Any, Any]] = {
        "int": (int, 42),
        "int_zero": (int, 0),
        "int_least": (int, -(2**63)),
        "int_most": (int, 2**63 - 1),
        "float": (float, 3.25),
        "float_whole": (float, 2.0),
        "float_infinite": (float, -math.inf),
        "bool_true": (bool, True),
        "bool_false": (bool, False),
        "str": (str, "Grüße, 世界 \U0001f600"),
        "str_empty": (str, ""),
        "datetime": (dt.datetime, MOMENT),
        "datetime_before_epoch": (dt.datetime, dt.datetime(1900, 1, 1, 0, 0, 0, 5, tzinfo=UTC)),
        "date": (dt.date, dt.date(2024, 2, 29)),
        "timedelta": (dt.timedelta, dt.timedelta(days=400, seconds=3, microseconds=7)),
        "timedelta_negative": (dt.timedelta, dt.timedelta(seconds=-1.5)),
        "none": (type(None), None),
        "enum": (Color, Color.GREEN),
        "enum_of_str": (Tone, Tone.LOUD),
        "literal_str": (typing.Literal["a", "b"], "b"),
        "literal_int": (typing.Literal[1, 2], 2),
        "list": (list[int], [1, 2, 3]),
        "list_empty": (list[str], []),
        "list_nested": (list[list[float]], [[1.5], []]),
        "list_of_optional": (list[int | None], [1, None]),
        "dict": (dict[str, int], {"b": 1, "a": 2}),
        "dict_empty": (dict[str, str], {}),
        "dict_nested": (dict[str, list[dict[str, bool]]], {"k": [{"t": True}]}),
        "dict_of_int_keys": (dict[int, str], {1: "one", 200: "many"}),
        "dict_untyped": (dict, {"a": [1, 2.5, None, True, "x", {"b": b"raw"}], "long": "y" * 300}),
        "dict_untyped_empty": (dict, {}),
        "optional_value": (typing.Optional[int], 5),  # noqa: UP045
        "optional_none": (int | None, None),
        "union_int": (int | str | bool, 1),
        "union_str": (int | str | bool, "1"),
        "union_bool": (int | str | bool, True),
        "union_list": (list[int] | int, [4]),
        "union_date": (dt.date | dt.datetime, dt.date(2024, 2, 29)),
        "union_dataclass": (Point | None, Point(1)),
        "union_str_and_enum": (Color | str, "red"),
        "annotated": (typing.Annotated[int, "metadata"], 9),
        "dataclass": (Point, Point(3, 0.25, "p")),
        "dataclass_int_for_float": (Point, Point(3, 1)),
        "dataclass_empty": (Empty, Empty()),
        "dataclass_frozen": (Frozen, Frozen(1)),
        "dataclass_nested": (Track, track),
        "dataclass_list": (list[Point], [Point(1), Point(2)]),
        "dataclass_dict": (dict[str, Point], {"a": Point(1)}),
        "dataclass_path": (Placed, Placed(pathlib.PurePosixPath("/a/b"))),
        "dataclass_everything": (Everything, everything()),
        "pydantic": (Person, person),
        "pydantic_list": (list[Address], [Address(street="S")]),
        "pydantic_optional": (Address | None, Address(street="S")),
        "file": (file, file("s3://bucket/a/b.csv")),
        "file_optional": (file | None, file("s3://bucket/a/b.csv")),
        "dataclass_files": (report, report(file("s3://bucket/a.csv"), directory("s3://bucket/d/"))),
        "dataclass_files_absent": (report, report(file("s3://bucket/a.csv"))),
        "directory": (directory, directory("s3://bucket/a/")),
        "pickle_bytes": (bytes, b"\x00raw\xff"),
        "pickle_set": (set[int], {1, 2}),
        "pickle_any": (Any, {"a": (1, 2)}),
        "pickle_in_list": (list[complex], [1 + 2j]),
    }
    made = {name: Sample(annotation, value, value) for name, (annotation, value) in plain.items()}
    made["datetime_zoned"] = Sample(dt.datetime, ZONED, ZONED.astimezone(UTC))
    made["datetime_naive"] = Sample(dt.datetime, MOMENT.replace(tzinfo=None), MOMENT)
    made["date_in_union"] = Sample(dt.date | str, "text", "text")
    return made
