"""Types without parts: numbers, text, booleans, times and None.

It owns which Python values they accept: flytekit's choice to the letter (a bool is no int, a datetime no date), and
one kindness that Python itself has everywhere, an int where a float is declared.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from elevon.errors import UserError
from elevon.idl import literal_types, literals
from elevon.idl.messages import Literal, SimpleType
from elevon.sdk.types.packing import unpacker_for
from elevon.sdk.types.transformers import FileSink, FileSource, Transformer, mismatch, packed, wrong_literal


def _simple(
    python_type: type,
    simple_type: SimpleType,
    kind: str,
    make: Callable[[Any], Literal],
    read: Callable[[Literal], Any],
) -> Transformer:
    name = "None" if python_type is type(None) else python_type.__name__

    def encode(value: Any, files: FileSink) -> Literal:
        if type(value) is not python_type:
            raise mismatch(value, name)
        try:
            return make(value)
        except ValueError as error:
            raise UserError(f"{value!r:.80} does not fit into the wire's {name}: {error}") from error

    def decode(literal: Literal, files: FileSource) -> Any:
        # Asking the primitive alone is enough, and three times as fast as kind_of: an unset one holds nothing.
        if literal.scalar.primitive.WhichOneof("value") == kind or literals.kind_of(literal) == kind:
            return read(literal)
        return _from_other_kind(literal, python_type, files)

    return Transformer(
        tag="none" if python_type is type(None) else name,
        literal_type=literal_types.simple(simple_type),
        kind=kind,
        is_instance=lambda value: type(value) is python_type,
        encode=encode,
        decode=decode,
    )


def _from_other_kind(literal: Literal, python_type: type, files: FileSource) -> Any:
    """Reads what is not written here but still arrives: a field out of a struct, a console's number, a union."""
    primitive = literal.scalar.primitive
    match literals.kind_of(literal):
        case "binary":
            return unpacker_for(python_type)(packed(literal), files)
        case "integer" if python_type is float:
            return float(primitive.integer)
        case "float_value" if python_type is int and primitive.float_value.is_integer():
            return int(primitive.float_value)
        case "union":
            return SCALARS[python_type].decode(literal.scalar.union.value, files)
        case _:
            raise wrong_literal(literal, python_type.__name__)


def _float(exact: Transformer) -> Transformer:
    def encode(value: Any, files: FileSink) -> Literal:
        return exact.encode(float(value) if type(value) is int else value, files)

    return dataclasses.replace(exact, encode=encode)


def _midnight(value: dt.date) -> Literal:
    return literals.instant(dt.datetime.combine(value, dt.time.min, tzinfo=dt.UTC))


SCALARS: Mapping[Any, Transformer] = {
    int: _simple(
        int, SimpleType.INTEGER, "integer", literals.integer, lambda literal: literal.scalar.primitive.integer
    ),
    float: _float(
        _simple(
            float,
            SimpleType.FLOAT,
            "float_value",
            literals.floating,
            lambda literal: literal.scalar.primitive.float_value,
        )
    ),
    bool: _simple(
        bool,
        SimpleType.BOOLEAN,
        "boolean",
        literals.boolean,
        lambda literal: literal.scalar.primitive.boolean,
    ),
    str: _simple(
        str,
        SimpleType.STRING,
        "string_value",
        literals.string,
        lambda literal: literal.scalar.primitive.string_value,
    ),
    dt.datetime: _simple(dt.datetime, SimpleType.DATETIME, "datetime", literals.instant, literals.instant_of),
    dt.date: _simple(
        dt.date,
        SimpleType.DATETIME,
        "datetime",
        _midnight,
        lambda literal: literals.instant_of(literal).date(),
    ),
    dt.timedelta: _simple(
        dt.timedelta, SimpleType.DURATION, "duration", literals.duration, literals.duration_of
    ),
    type(None): _simple(type(None), SimpleType.NONE, "none_type", lambda _: literals.none(), lambda _: None),
}
