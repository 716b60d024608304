"""Names that no field has are found wherever they stand."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pytest

from elevon.primitives.misfits import Stray, strays


class Leaf(msgspec.Struct, frozen=True):
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind: str = msgspec.field(name="type", default="")


class Red(msgspec.Struct, frozen=True, tag="red"):
    depth: int = 0


class Tree(msgspec.Struct, frozen=True):
    leaf: Leaf = Leaf()
    perhaps: Leaf | None = None
    bound: Annotated[Leaf | None, msgspec.Meta()] = None
    leaves: tuple[Leaf, ...] = ()
    named: Mapping[str, Leaf] = {}
    words: Mapping[str, str] = {}
    tagged: Red | None = None
    anything: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"leef": {}}, "leef"),
        ({"leaf": {"siz": 1}}, "leaf.siz"),
        ({"leaf": {"kind": "fir"}}, "leaf.kind"),
        ({"perhaps": {"siz": 1}}, "perhaps.siz"),
        ({"bound": {"siz": 1}}, "bound.siz"),
        ({"leaves": [{"size": 1}, {"siz": 1}]}, "leaves.siz"),
        ({"named": {"oak": {"siz": 1}}}, "named.oak.siz"),
    ],
)
def test_a_name_without_a_field_is_a_stray(data: Any, place: str) -> None:
    known = ("size", "type") if "." in place else Tree.__struct_fields__
    assert list(strays(data, Tree)) == [Stray(place, place.rpartition(".")[2], known)]


@pytest.mark.parametrize(
    "data",
    [
        {"leaf": {"size": 0, "type": "fir"}, "leaves": [{"size": 2}], "perhaps": None},
        {"words": {"any": "name"}, "anything": {"any": {"name": 1}}},
        {"tagged": {"type": "red", "depth": 1}},
        {"leaf": 3, "leaves": 3, "named": 3, "words": 3},
        [],
    ],
)
def test_what_has_a_field_or_is_wrong_otherwise_is_none(data: Any) -> None:
    assert list(strays(data, Tree)) == []
