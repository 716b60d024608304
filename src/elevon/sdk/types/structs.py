"""Structs: dataclasses, pydantic models and dicts without declared values, each one msgpack literal.

It owns the literal around the plain form that `packing` and `models` make, and reads the older JSON form too, which
consoles send.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from elevon.errors import UserError
from elevon.idl import literal_types, literals
from elevon.idl.messages import Literal, LiteralType
from elevon.sdk.types import models, schemas
from elevon.sdk.types.packing import field_types, packer_for, unpacker_for
from elevon.sdk.types.transformers import FileSink, FileSource, Transformer, packed, type_name, wrong_literal

_encoder = msgspec.msgpack.Encoder()


def dataclass_of(cls: type[Any], literal_type_of: Callable[[Any], LiteralType]) -> Transformer:
    """The transformer of a dataclass.

    Raises:
        UserError: A field has a type that no struct can hold.
    """
    try:
        schema = schemas.schema_of(cls)
    except RecursionError as error:
        raise UserError(
            f"{type_name(cls)} holds itself: a type on the wire is finite, so use dict for the inner one"
        ) from error
    hints = field_types(cls)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return _struct(cls, "Object-Dataclass-Transformer", _struct_type(schema, fields, literal_type_of))


def model_of(cls: type, literal_type_of: Callable[[Any], LiteralType]) -> Transformer:
    """The transformer of a pydantic model."""
    literal_type = _struct_type(models.schema_of(cls), models.fields_of(cls), literal_type_of)
    return _struct(cls, "Pydantic Transformer", literal_type)


def untyped(annotation: Any) -> Transformer:
    """The transformer of a dict or list whose values have no literal type of their own."""
    tag = "Typed List" if annotation is list else "Typed Dict"
    return _struct(annotation, tag, literal_types.msgpack_struct(None, None))


def _struct_type(
    schema: dict[str, Any], fields: Mapping[str, Any], literal_type_of: Callable[[Any], LiteralType]
) -> LiteralType:
    known: dict[str, LiteralType] = {}
    for name, annotation in fields.items():
        try:
            known[name] = literal_type_of(annotation)
        except UserError:  # such a field travels, but can't be bound on its own
            continue
    return literal_types.msgpack_struct(schema, known)


def _struct(annotation: Any, tag: str, literal_type: LiteralType) -> Transformer:
    spelled = type_name(annotation)
    pack, unpack = packer_for(annotation), unpacker_for(annotation)
    python_type: type = annotation if isinstance(annotation, type) else dict

    def encode(value: Any, files: FileSink) -> Literal:
        plain = pack(value, files)
        try:
            return literals.msgpack(_encoder.encode(plain))
        except (TypeError, OverflowError, ValueError) as error:
            raise UserError(f"{spelled} can't be written: {error}") from error

    def decode(literal: Literal, files: FileSource) -> Any:
        match literals.kind_of(literal):
            case "binary":
                return unpack(packed(literal), files)
            case "generic":
                return unpack(literals.plain_of(literal.scalar.generic), files)
            case "union":
                return decode(literal.scalar.union.value, files)
            case _:
                raise wrong_literal(literal, spelled)

    return Transformer(tag, literal_type, "binary", lambda value: type(value) is python_type, encode, decode)
