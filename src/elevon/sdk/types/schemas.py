"""JSON schemas of dataclasses, as flytekit declares them in a literal type.

It owns the schema dialect that mashumaro writes, because flytekit's remote client rebuilds a class from it. Values
are never checked against a schema here: that is `packing`'s.
"""

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import types
import typing
import uuid
from typing import Any

from elevon.errors import UserError
from elevon.sdk.types import models
from elevon.sdk.types.files import Directory, File
from elevon.sdk.types.packing import field_types, packer_for
from elevon.sdk.types.transformers import bare, type_name
from elevon.sdk.types.waitables import Waitable

_ATOMS: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "base64"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
    object: {},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array", "uniqueItems": True},
    frozenset: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
    dt.datetime: {"type": "string", "format": "date-time"},
    dt.date: {"type": "string", "format": "date"},
    dt.time: {"type": "string", "format": "time"},
    dt.timedelta: {"type": "number", "format": "time-delta"},
    decimal.Decimal: {"type": "string", "format": "decimal"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    Waitable: {"type": "object"},
}
_TEXT_MAP = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "propertyNames": {"type": "string"},
}


def schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON schema of a dataclass, and of whatever a field of one may be.

    Raises:
        UserError: A field has a type that no struct can hold, or the class holds itself.
    """
    annotation = bare(annotation)
    if annotation in _ATOMS:
        return dict(_ATOMS[annotation])
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is not None:
        return _generic(origin, args)
    if not isinstance(annotation, type):
        raise UserError(f"a field can't have the type {type_name(annotation)}")
    return _class(annotation)


def _generic(origin: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of(variant) for variant in args]}
    if origin is typing.Literal:
        return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
    if origin is tuple and args[-1] is not Ellipsis:
        parts = [schema_of(part) for part in args]
        return {"type": "array", "prefixItems": parts, "maxItems": len(parts), "minItems": len(parts)}
    if issubclass(origin, collections.abc.Mapping):
        key, value = args
        return {"type": "object", **_part("additionalProperties", value), **_part("propertyNames", key)}
    if issubclass(origin, collections.abc.Iterable):
        unique = {"uniqueItems": True} if issubclass(origin, collections.abc.Set) else {}
        return {"type": "array", **_part("items", args[0]), **unique}
    return _class(origin)


def _part(name: str, annotation: Any) -> dict[str, Any]:
    schema = schema_of(annotation)
    return {name: schema} if schema else {}


def _class(cls: type[Any]) -> dict[str, Any]:
    if issubclass(cls, enum.Enum):
        return {"enum": [member.value for member in cls]}
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls)
    if models.is_model(cls):
        return models.schema_of(cls)
    if issubclass(cls, File | Directory):
        return _reference(cls)
    if issubclass(cls, pathlib.PurePath):
        return {"type": "string", "format": "path"}
    raise UserError(f"a field can't have the type {type_name(cls)}")


def _reference(cls: type[File] | type[Directory]) -> dict[str, Any]:
    path = {"anyOf": [{"type": "string"}, {"type": "string", "format": "path"}], "default": None}
    properties: dict[str, Any] = {"path": path}
    if not cls.is_multipart:
        properties["metadata"] = {"anyOf": [_TEXT_MAP, {"type": "null"}], "default": None}
    return {
        "type": "object",
        "title": f"Flyte{cls.spelled}",
        "properties": properties,
        "additionalProperties": False,
    }


def _dataclass(cls: type[Any]) -> dict[str, Any]:
    hints = field_types(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        schema = schema_of(hints[field.name])
        if field.default is not dataclasses.MISSING:
            schema["default"] = packer_for(hints[field.name])(field.default, _NO_FILES)
        elif field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        properties[field.name] = schema
    made: dict[str, Any] = {"type": "object", "title": cls.__name__, "additionalProperties": False}
    if properties:
        made["properties"] = properties
    if required:
        made["required"] = required
    return made


class _NoFiles:
    """A default is written when the class is declared, where nothing can be stored."""

    def upload(self, local_path: pathlib.Path) -> str:
        raise UserError(f"the default {local_path} is a local file: use a uri, or give it with each value")

    def keep(self, content: bytes) -> str:
        raise UserError(f"a default of {len(content)} bytes can't be stored: give it with each value")


_NO_FILES = _NoFiles()
