"""Closed sets of values: enums, and `typing.Literal`.

It owns how their members travel: an enum as its text, a `Literal` as the type of its values.
"""

import enum
from typing import Any, cast, get_args

from elevon.errors import UserError
from elevon.idl import literal_types, literals
from elevon.idl.messages import Literal, LiteralType
from elevon.sdk.types.packing import decode_other
from elevon.sdk.types.scalars import SCALARS
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Transformer,
    mismatch,
    type_name,
)


def enum_of(cls: type[enum.Enum]) -> Transformer:
    """The transformer of an enum.

    Raises:
        UserError: A member's value is no text; the wire knows no other enums.
    """
    values = [member.value for member in cls]
    if not values or not all(isinstance(value, str) for value in values):
        raise UserError(
            f"{type_name(cls)} can't be a parameter: give every member of the enum a str as its value"
        )
    spelled = f"{type_name(cls)} (one of {', '.join(repr(value) for value in values)})"

    def encode(value: Any, files: FileSink) -> Literal:
        held = value.value if isinstance(value, cls) else value
        if isinstance(value, enum.Enum) and not isinstance(value, cls):
            raise mismatch(value, spelled)
        if held not in values:
            raise mismatch(value, spelled)
        return literals.string(held)

    def decode(literal: Literal, files: FileSource) -> Any:
        if literals.kind_of(literal) != "string_value":
            return decode_other(literal, files, cls, decode, spelled)
        try:
            return cls(literal.scalar.primitive.string_value)
        except ValueError as error:
            raise mismatch(literal.scalar.primitive.string_value, spelled) from error

    return Transformer(
        tag="DefaultEnumTransformer",
        literal_type=literal_types.enum_of(values),
        kind="string_value",
        is_instance=lambda value: isinstance(value, cls),
        encode=encode,
        decode=decode,
    )


def literal_of(annotation: Any) -> Transformer:
    """The transformer of a `typing.Literal`.

    Raises:
        UserError: Its values are of several types, or of one that has no literal.
    """
    allowed = get_args(annotation)
    value_type = cast("type[Any]", type(allowed[0]))
    if any(type(value) is not value_type for value in allowed) or value_type not in _LITERAL_VALUES:
        raise UserError(
            f"{type_name(annotation)} can't be a parameter: use values of one type, str, int, float or bool"
        )
    values = SCALARS[value_type]
    spelled = f"one of {', '.join(repr(value) for value in allowed)}"

    def is_allowed(value: Any) -> bool:
        return type(value) is value_type and value in allowed

    def encode(value: Any, files: FileSink) -> Literal:
        if not is_allowed(value):
            raise mismatch(value, spelled)
        return values.encode(value, files)

    def decode(literal: Literal, files: FileSource) -> Any:
        value = values.decode(literal, files)
        if value not in allowed:
            raise mismatch(value, spelled)
        return value

    literal_type = LiteralType(simple=values.literal_type.simple)
    literal_type.annotation.annotations.update({"literal_values": list(allowed)})
    return Transformer("LiteralTypeTransformer", literal_type, values.kind, is_allowed, encode, decode)


_LITERAL_VALUES = (str, int, float, bool)
