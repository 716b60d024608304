"""Values that people write: one parameter on a command line, or one value of a file of inputs.

It owns how a text becomes a value of an annotation. It must never guess beyond the annotation: a text that does not
fit is refused with the type spelled out.
"""

import base64
import builtins
import datetime as dt
import enum
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from elevon.errors import UserError
from elevon.idl import json_values
from elevon.sdk.types.files import Directory, File
from elevon.sdk.types.packing import unpacker_for
from elevon.sdk.types.transformers import bare, mismatch, type_name
from elevon.sdk.types.waitables import Waitable

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")


def from_text(text: str, annotation: Any) -> Any:
    """The value that a text means: JSON for lists, dicts and dataclasses, and the obvious spelling for the rest.

    Args:
        text: ``42``, ``true``, ``2024-05-01``, ``1h30m``, base64 for bytes, the name or value of an enum's member, a
            path for a file, ``null`` for None.
        annotation: The parameter's.

    Raises:
        UserError: The text means no such value.
    """
    annotation = bare(annotation)
    if annotation in _PARSERS:
        try:
            return _PARSERS[annotation](text)
        except ValueError as error:
            raise mismatch(text, f"{type_name(annotation)}{_HINTS.get(annotation, '')}") from error
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _from_variants(text, annotation)
    if origin is typing.Literal:
        return _from_choices(text, typing.get_args(annotation))
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return _from_members(text, annotation)
        if issubclass(annotation, File | Directory):
            return annotation(text)
        if issubclass(annotation, Waitable) and not text.lstrip().startswith("{"):
            return Waitable.parse(text)
    return _from_json_text(text, annotation)


def from_json(value: Any, annotation: Any) -> Any:
    """The value that JSON data means.

    Raises:
        UserError: The data is not of the type; the text names the place inside lists, objects and fields.
    """
    annotation = bare(annotation)
    if isinstance(value, str) and annotation is dt.timedelta:
        return from_text(value, annotation)
    return unpacker_for(annotation)(value, None)


def spelled(annotation: Any) -> str:
    """The type, as it is told to whoever is to write a value of it: of an enum, the names of its members too."""
    annotation = bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"{type_name(annotation)} ({', '.join(annotation.__members__)})"
    return type_name(annotation)


def shown(value: Any) -> str:
    """A value as `from_text` reads it where that is clearer than Python's spelling: dates, times and enums."""
    match value:
        case enum.Enum():
            return value.name
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return repr(value)


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in _TRUE + _FALSE:
        raise ValueError(text)
    return lowered in _TRUE


def _none(text: str) -> None:
    if text not in ("null", "None", "none", ""):
        raise ValueError(text)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_PARSERS: Mapping[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    bool: _boolean,
    str: str,
    bytes: _bytes,
    type(None): _none,
    None: _none,
    dt.datetime: json_values.parse_instant,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    dt.timedelta: json_values.parse_span,
}
_EXAMPLES: Mapping[Any, tuple[str, str]] = {
    int: ("1", "2"),
    float: ("1.5", "2.0"),
    bool: ("true", "false"),
    str: ('"a"', '"b"'),
    Waitable: ('"monday-42"', '"tuesday-42"'),
}
_HINTS: Mapping[Any, str] = {
    bool: " (true or false)",
    bytes: " as base64, such as aGVsbG8=",
    dt.datetime: " such as 2024-05-01T12:00:00+00:00",
    dt.date: " such as 2024-05-01",
    dt.timedelta: " such as 90s, 1h30m or 2d",
}


def _from_variants(text: str, annotation: Any) -> Any:
    """Text itself comes last: it would take everything."""
    variants = sorted(typing.get_args(annotation), key=lambda variant: variant in (str, bytes, Waitable))
    for variant in variants:
        if variant is type(None) and text == "":
            continue
        try:
            return from_text(text, variant)
        except UserError:
            continue
    raise mismatch(text, type_name(annotation))


def _from_choices(text: str, allowed: tuple[Any, ...]) -> Any:
    for choice in allowed:
        if str(choice) == text or (isinstance(choice, bool) and text.lower() == str(choice).lower()):
            return choice
    raise mismatch(text, f"one of {', '.join(str(choice) for choice in allowed)}")


def _from_members(text: str, cls: type[enum.Enum]) -> enum.Enum:
    for member in cls:
        if text == str(member.value):
            return member
    if text in cls.__members__:
        return cls[text]
    raise mismatch(text, f"{type_name(cls)}: one of {', '.join(str(member.value) for member in cls)}")


def _from_json_text(text: str, annotation: Any) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if annotation in (Any, object):
            return text
        raise UserError(
            f"expected {type_name(annotation)} as JSON, such as {_example(annotation)}, got {text!r:.80}: {error}"
        ) from error
    return from_json(value, annotation)


def _example(annotation: Any) -> str:
    """JSON of a type, to show how its quotes and brackets go."""
    items = typing.get_args(annotation)
    first, second = _EXAMPLES.get(bare(items[-1]) if items else Any, ("...", "..."))
    match typing.get_origin(annotation) or annotation:
        case builtins.list:
            return f"[{first}, {second}]"
        case builtins.dict:
            return f'{{"a": {first}, "b": {second}}}'
        case _:
            return "{...}"
