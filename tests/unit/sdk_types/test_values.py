"""Values and literals: what is accepted, and what is said about the rest."""

import datetime as dt
import enum
import logging
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest
import typing_extensions

from elevon.errors import UserError
from elevon.idl import literals
from elevon.idl.messages import Literal as WireLiteral
from elevon.idl.messages import SimpleType
from elevon.sdk import types
from tests.unit.sdk_types.stores import Kept, Untouched

NO_FILES = Untouched()


Count = typing.NewType("Count", int)
Names = typing_extensions.TypeAliasType("Names", list[str])


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Number(enum.Enum):
    ONE = 1


class Pair(NamedTuple):
    left: int
    right: int


@dataclass
class Inner:
    x: int


@dataclass
class Outer:
    inner: Inner
    many: list[Inner] = field(default_factory=list)
    by_name: dict[str, Inner] = field(default_factory=dict)
    maybe: int | str | None = None
    made: str = field(init=False, default="made")


@dataclass
class Wider(Inner):
    y: str = ""


@dataclass
class Holder:
    held: Inner | Wider


@dataclass
class Selfish:
    children: "list[Selfish]"


@dataclass
class Unknowing:
    other: "Nowhere"  # noqa: F821  # pyright: ignore[reportUndefinedVariable] - what the test is about


class Model(pydantic.BaseModel):
    count: int
    at: dt.datetime | None = None


def encoded(value: Any, annotation: Any) -> WireLiteral:
    return types.to_literal(value, annotation, NO_FILES)


def decoded(literal: WireLiteral, annotation: Any) -> Any:
    return types.to_python(literal, annotation, NO_FILES)


def test_an_int_stands_where_a_float_is_declared():
    assert encoded(3, float) == literals.floating(3.0)
    assert decoded(encoded(3, float | None), float | None) == 3.0
    assert isinstance(decoded(literals.integer(3), float), float)


def test_a_whole_number_of_a_console_is_read_as_an_int():
    assert decoded(literals.floating(3.0), int) == 3
    with pytest.raises(UserError, match="expected int"):
        decoded(literals.floating(3.5), int)


def test_the_text_of_an_enum_is_accepted_as_flytekit_accepts_it():
    assert encoded("red", Color) == encoded(Color.RED, Color)


@pytest.mark.parametrize(
    ("value", "annotation", "told"),
    [
        (True, int, "expected int, got True (bool)"),
        (1.0, int, "expected int, got 1.0 (float)"),
        (2**63, int, "does not fit into the wire's int"),
        ("x", float, "expected float, got 'x' (str)"),
        (True, float, "expected float, got True (bool)"),
        (1, bool, "expected bool, got 1 (int)"),
        (b"x", str, "expected str, got b'x' (bytes)"),
        (None, str, "expected str, got None"),
        (0, None, "expected None, got 0 (int)"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.date, "expected date, got datetime.datetime"),
        ("blue", Color, "expected Color (one of 'red', 'green'), got 'blue' (str)"),
        (Number.ONE, Color, "expected Color"),
        ("c", Literal["a", "b"], "expected one of 'a', 'b', got 'c' (str)"),
        (True, Literal[1, 2], "expected one of 1, 2, got True (bool)"),
        ((1,), list[int], "expected list[int], got (1,) (tuple)"),
        ([1, "x"], list[int], "item 1: expected int, got 'x' (str)"),
        ({"k": [None]}, dict[str, list[int]], "['k']: item 0: expected int, got None"),
        ({1: 1}, dict[str, int], "expected only text as keys of dict[str, int], got 1 (int)"),
        ([], dict[str, int], "expected dict[str, int], got [] (list)"),
        ("x", int | None, "expected int | None, got 'x' (str)"),
        ([1, "x"], list[int] | None, "item 1: expected int, got 'x' (str)"),
        (Inner("x"), Inner, "field x: expected int, got 'x' (str)"),  # pyright: ignore[reportArgumentType]
        ({"x": 1}, Inner, "expected Inner, got {'x': 1} (dict)"),
        (Outer(Inner(1), [Inner(None)]), Outer, "field many: item 0: field x: expected int, got None"),  # pyright: ignore[reportArgumentType]
        (Outer(Inner(2**70)), Outer, "field inner: field x: 1180591620717411303424 does not fit into 64 bits"),
        (Outer(Inner(1), maybe=1.5), Outer, "field maybe: expected int | str | None, got 1.5 (float)"),  # pyright: ignore[reportArgumentType]
        ({"a": {1}}, dict, "['a']: expected numbers, text, bytes, lists and dicts"),
        ({1: "x", 2: 3}, dict[int, str], "[2]: expected str, got 3 (int)"),
        (3, list[Inner | None], "expected list[Inner | None], got 3 (int)"),
        (3, dict[str, Annotated[Literal["a"], 1]], "expected dict[str, Literal['a']], got 3 (int)"),
        ({"count": 1}, Model, "expected Model, got {'count': 1} (dict)"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_both_types_and_the_place(
    value: Any, annotation: Any, told: str
):
    with pytest.raises(UserError) as caught:
        encoded(value, annotation)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("literal", "annotation", "told"),
    [
        (literals.string("x"), int, "expected int, got a literal of kind string_value"),
        (WireLiteral(), str, "expected str, got a literal of kind nothing"),
        (literals.integer(1), list[int], "expected list[int], got a literal of kind integer"),
        (literals.string("blue"), Color, "expected Color (one of 'red', 'green'), got 'blue'"),
        (literals.integer(1), Color, "expected Color"),
        (literals.string("c"), Literal["a"], "expected one of 'a', got 'c'"),
        (literals.string("x"), int | bool, "expected int | bool, got a literal of kind string_value"),
        (literals.integer(1), Inner, "expected Inner, got a literal of kind integer"),
        (literals.msgpack(b"\xc1"), Inner, "a binary literal is no msgpack"),
        (literals.msgpack(b"\x80"), Inner, "Inner needs a value for its field x"),
        (literals.msgpack(b"\x81\xa1x\xa1a"), Inner, "field x: expected int, got 'a' (str)"),
        (literals.msgpack(b"\x93\x01\x02\x03"), Inner, "expected Inner, got [1, 2, 3] (list)"),
        (literals.msgpack(b"\x81\xa5count\xa1a"), Model, "the data is no Model: count; Input should be a valid"),
        (literals.blob("x"), bytes, "expected bytes, got a literal of kind blob"),
        (literals.blob("x", is_multipart=True), types.File, "expected File, got a literal of kind blob"),
        (literals.integer(1), types.Directory, "expected Directory, got a literal of kind integer"),
    ],
)  # fmt: skip
def test_a_literal_of_another_kind_is_refused(literal: WireLiteral, annotation: Any, told: str):
    with pytest.raises(UserError) as caught:
        decoded(literal, annotation)
    assert told in str(caught.value)


def test_a_binary_of_an_unknown_format_is_refused():
    literal = literals.msgpack(b"\x80")
    literal.scalar.binary.tag = "cbor"
    with pytest.raises(UserError, match="'cbor'; only 'msgpack' can be read"):
        decoded(literal, Inner)


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (tuple[int, str], "use list"),
        (Pair, "Pair can't be a single value"),
        (Number, "give every member of the enum a str as its value"),
        (Literal[1, "a"], "use values of one type"),
        (Literal[b"x"], "use values of one type"),
        ("int", "is still text"),
        ([int], "is no type"),
        (list["int"], "is still text"),
        (3, "3 is no type"),
        (typing.TypeVar("T"), "name the type"),
        (Selfish, "Selfish holds itself"),
        (Unknowing, "name 'Nowhere' is not defined"),
    ],
)
def test_a_type_that_no_literal_holds_is_refused_with_the_mend(annotation: Any, told: str):
    with pytest.raises(UserError) as caught:
        types.literal_type_of(annotation)
    assert told in str(caught.value)


def test_a_dataclass_with_a_field_that_no_struct_holds_is_refused():
    @dataclass
    class Odd:
        handle: complex

    with pytest.raises(UserError, match="a field can't have the type complex"):
        types.literal_type_of(Odd)


def test_equal_sets_are_equal_bytes_whatever_the_order_they_come_in():
    @dataclass
    class Tagged:
        tags: set[int]

    forwards, backwards = Tagged(set(range(0, 9, 8))), Tagged(set(range(8, -1, -8)))
    assert list(forwards.tags) != list(backwards.tags)
    assert encoded(forwards, Tagged) == encoded(backwards, Tagged)


def test_fields_that_are_computed_are_written_and_not_read():
    value = decoded(encoded(Outer(Inner(1)), Outer), Outer)
    assert value == Outer(Inner(1))


def test_unknown_fields_of_a_struct_are_left_out():
    newer = encoded({"x": 1, "y": 2}, dict)
    assert decoded(newer, Inner) == Inner(1)


def test_a_struct_of_a_console_is_read_too():
    older = WireLiteral()
    older.scalar.generic.update({"count": 2, "at": "2024-01-01T00:00:00Z"})
    assert decoded(older, Model) == Model(count=2, at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    older.scalar.generic.Clear()
    older.scalar.generic.update({"inner": {"x": 1.0}, "maybe": "3"})
    assert decoded(older, Outer) == Outer(Inner(1), maybe="3")


@pytest.mark.parametrize(
    ("held", "annotation", "value"),
    [
        (3, int, 3),
        (3, float, 3.0),
        ("red", Color, Color.RED),
        ([1], list[int], [1]),
        ({"a": {"x": 1}}, dict[str, Inner], {"a": Inner(1)}),
        ("2024-01-01", dt.date, dt.date(2024, 1, 1)),
        (1.5, dt.timedelta, dt.timedelta(seconds=1.5)),
        (None, int | None, None),
        (b"raw", bytes, b"raw"),
    ],
)
def test_a_field_out_of_a_struct_is_read_as_a_value_of_its_own(held: Any, annotation: Any, value: Any):
    field_literal = literals.msgpack(encoded({"f": held}, dict).scalar.binary.value[3:])
    assert decoded(field_literal, annotation) == value


def test_a_value_that_was_stored_as_a_variant_is_read_without_the_union():
    assert decoded(encoded(3, int | None), int) == 3
    assert decoded(encoded([1], list[int] | None), list[int]) == [1]
    assert decoded(encoded(Inner(1), Inner | None), Inner) == Inner(1)


def test_a_plain_literal_is_read_as_the_variant_of_its_kind():
    assert decoded(literals.integer(3), float | int) == 3
    assert decoded(literals.none(), int | None) is None


@pytest.mark.parametrize("value", [Inner(1), Wider(1, "y"), Wider(1)])
@pytest.mark.parametrize("annotation", [Inner | Wider, Wider | Inner])
def test_a_class_and_its_subclass_are_told_apart_in_a_union(value: Any, annotation: Any):
    assert decoded(encoded(value, annotation), annotation) == value
    assert decoded(encoded(Holder(value), Holder), Holder) == Holder(value)


def test_a_subclass_stands_for_its_parent():
    assert decoded(encoded(Wider(1, "y"), Inner | None), Inner | None) == Inner(1)


def test_the_order_of_variants_is_the_authors():
    one, other = types.literal_type_of(int | str), types.literal_type_of(str | int)
    assert [variant.simple for variant in one.union_type.variants] == [SimpleType.INTEGER, SimpleType.STRING]
    assert [variant.simple for variant in other.union_type.variants] == [
        SimpleType.STRING,
        SimpleType.INTEGER,
    ]


def test_bare_lists_hold_plain_data():
    assert decoded(encoded([1, "a", None, {"k": (1,)}], list), list) == [1, "a", None, {"k": [1]}]


def test_metadata_of_annotated_is_left_aside_even_without_a_hash():
    assert types.literal_type_of(Annotated[int, []]) == types.literal_type_of(int)
    assert decoded(encoded(1, Annotated[int, []]), Annotated[int, []]) == 1


def test_a_name_for_a_type_is_the_type():
    assert types.literal_type_of(Count) == types.literal_type_of(int)
    assert types.literal_type_of(dict[str, Names]) == types.literal_type_of(dict[str, list[str]])


def test_the_older_bare_generics_are_the_builtins():
    assert types.literal_type_of(typing.List) == types.literal_type_of(list)  # noqa: UP006
    assert types.literal_type_of(typing.Dict) == types.literal_type_of(dict)  # noqa: UP006


def test_a_literal_type_is_the_callers_own():
    types.literal_type_of(int).simple = SimpleType.STRING
    assert types.literal_type_of(int).simple == SimpleType.INTEGER


def test_a_pickle_is_the_last_resort_and_is_told_once(caplog: pytest.LogCaptureFixture, tmp_path: Any):
    class Handle:
        pass

    with caplog.at_level(logging.WARNING):
        for annotation in (list[Handle], Handle | None, bytes):
            types.warn_of_pickles(types.literal_type_of(annotation), "task flow.load, parameter 'handle'")
    assert [record.getMessage().partition(" travels")[0] for record in caplog.records] == [
        f"task flow.load, parameter 'handle': {Handle}"
    ]
    files = Kept(tmp_path)
    literal = types.to_literal({1, 2}, set[int], files)
    assert types.to_python(literal, set[int], files) == {1, 2}


def test_what_pickle_refuses_is_a_clear_error():
    with pytest.raises(UserError, match="a generator can't be pickled"):
        encoded((number for number in range(1)), Any)
