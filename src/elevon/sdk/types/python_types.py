"""Python types for literal types, where no annotation is at hand.

It owns the guess that a terminal or a console shows. A guess is no declaration: a struct becomes a dict, because its
class lives in somebody's code.
"""

import datetime as dt
from typing import Any, Literal, Union

from elevon.errors import UserError
from elevon.idl import literal_types
from elevon.idl.messages import BlobType, LiteralType, SimpleType
from elevon.sdk.types.files import Directory, File

_SIMPLE: dict[int, Any] = {
    SimpleType.NONE: type(None),
    SimpleType.INTEGER: int,
    SimpleType.FLOAT: float,
    SimpleType.STRING: str,
    SimpleType.BOOLEAN: bool,
    SimpleType.DATETIME: dt.datetime,
    SimpleType.DURATION: dt.timedelta,
    SimpleType.STRUCT: dict,
}


def python_type_of(literal_type: LiteralType) -> Any:
    """An annotation that reads literals of the type; a pickle is a File, so that showing it runs no code.

    Raises:
        UserError: No Python type of elevon reads such literals.
    """
    match literal_type.WhichOneof("type"):
        case "simple" if literal_types.literal_values(literal_type):
            guess: Any = Literal[tuple(literal_types.literal_values(literal_type))]
        case "simple" if literal_type.simple in _SIMPLE:
            guess = _SIMPLE[literal_type.simple]
        case "collection_type":
            guess = list[python_type_of(literal_type.collection_type)]
        case "map_value_type":
            guess = dict[str, python_type_of(literal_type.map_value_type)]
        case "enum_type":
            guess = Literal[tuple(literal_type.enum_type.values)]
        case "union_type":
            guess = Union[tuple(python_type_of(variant) for variant in literal_type.union_type.variants)]  # noqa: UP007 - the variants are data
        case "blob":
            is_multipart = literal_type.blob.dimensionality == BlobType.BlobDimensionality.MULTIPART
            guess = Directory if is_multipart else File
        case _:
            raise UserError(f"a {literal_types.describe(literal_type)} has no Python type here")
    return guess
