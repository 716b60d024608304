"""How literal types are spelled, and which may flow into which."""

import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from elevon.idl import literal_types
from elevon.idl.messages import LiteralType, SimpleType
from elevon.sdk import types


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Small:
    x: int


@dataclass
class Large:
    x: int
    y: str


@dataclass
class Defaulted:
    x: int
    y: str = ""


@dataclass
class Renamed:
    x: str


@pytest.mark.parametrize(
    ("annotation", "spelled"),
    [
        (int, "int"),
        (float, "float"),
        (None, "None"),
        (dict, "dict"),
        (list[int], "list[int]"),
        (dict[str, list[float]], "dict[str, list[float]]"),
        (int | None, "int | None"),
        (list[int | str], "list[int | str]"),
        (Color, "Literal['red', 'green']"),
        (Literal[1, 2], "Literal[1, 2]"),
        (Literal["a"], "Literal['a']"),
        (Small, "Small"),
        (Small | None, "Small | None"),
        (types.File, "File"),
        (types.Directory, "Directory"),
        (bytes, "bytes"),
        (set[int], "pickle of set[int]"),
    ],
)
def test_types_are_spelled_as_python_spells_them(annotation: Any, spelled: str):
    assert literal_types.describe(types.literal_type_of(annotation)) == spelled


def test_a_format_is_part_of_the_spelling_of_a_file():
    assert literal_types.describe(literal_types.blob(file_format="csv")) == "File['csv']"


def test_a_type_that_says_nothing_is_spelled_too():
    assert literal_types.describe(LiteralType()) == "an unknown type"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (int, int),
        (int, int | None),
        (None, int | None),
        (int | str, str | int | None),
        (list[int], list[int | str]),
        (dict[str, int], dict[str, int | None]),
        (Color, str),
        (str, Color),
        (Literal["red"], Literal["red", "green"]),
        (Literal["red"], str),
        (str, Literal["red"]),
        (Large, Small),
        (Small, Defaulted),
        (Small, dict),
        (dict, Small),
        (types.File, types.File),
        (int, float),
        (list[int], list[float]),
    ],
)
def test_a_value_may_flow_where_every_value_of_its_type_fits(source: Any, target: Any):
    assert literal_types.is_assignable(types.literal_type_of(source), types.literal_type_of(target))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (float, int),
        (int, str),
        (int | None, int),
        (list[int], list[str]),
        (list[int], int),
        (int, list[int]),
        (dict[str, int], dict[str, str]),
        (Color, int),
        (Color, Literal["red"]),
        (Literal["red", "blue"], Literal["red"]),
        (Small, Large),
        (Small, Renamed),
        (types.File, types.Directory),
        (types.File, bytes),
        (bytes, types.File),
        (types.File, str),
    ],
)
def test_a_value_may_not_flow_where_it_does_not_fit(source: Any, target: Any):
    assert not literal_types.is_assignable(types.literal_type_of(source), types.literal_type_of(target))


def test_a_file_of_an_open_format_fits_a_declared_one_and_two_formats_do_not_fit():
    csv, text = literal_types.blob(file_format="csv"), literal_types.blob(file_format="txt")
    assert literal_types.is_assignable(csv, literal_types.blob())
    assert literal_types.is_assignable(literal_types.blob(), csv)
    assert not literal_types.is_assignable(csv, text)


def test_an_enum_fits_only_an_enum_that_has_all_its_members():
    small, large = literal_types.enum_of(["a"]), literal_types.enum_of(["a", "b"])
    assert literal_types.is_assignable(small, large)
    assert not literal_types.is_assignable(large, small)


def test_a_tagged_variant_is_a_copy():
    plain = literal_types.simple(SimpleType.INTEGER)
    assert literal_types.tagged(plain, "int").structure.tag == "int"
    assert not plain.structure.tag
