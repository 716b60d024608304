"""Literals as JSON and back, by literal type alone.

It serves whoever has no Python annotations at hand: files of inputs, outputs on a terminal, the HTTP door. It owns
the JSON form of each kind: times as ISO 8601 text, spans as seconds, files as their uri, bytes as base64, structs as
objects. It must never fetch what a uri names.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from elevon.errors import UserError
from elevon.idl import inlines, literal_types, literals
from elevon.idl.messages import Blob, BlobType, Literal, LiteralType, SimpleType

_KILOBYTE = 1000
_NUMBER = r"\d+(?:\.\d+)?"
_SPAN = re.compile(
    rf"(?P<sign>-)?(?:(?P<days>{_NUMBER})d)?\s*(?:(?P<hours>{_NUMBER})h)?\s*(?:(?P<minutes>{_NUMBER})m(?!s))?\s*"
    rf"(?:(?P<seconds>{_NUMBER})s)?\s*(?:(?P<milliseconds>{_NUMBER})ms)?"
)
_FLOAT_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


_NO_TYPE = LiteralType()


def to_json(literal: Literal, literal_type: LiteralType = _NO_TYPE, *, is_shortened: bool = False) -> Any:
    """The literal as data that `json.dumps` writes.

    Args:
        literal: What to write.
        literal_type: What it is declared as, if that is known: it tells a day from an instant.
        is_shortened: Whether it is for people, who are told the size of a file that its uri holds itself; otherwise
            nothing is lost.
    """
    match literals.kind_of(literal):
        case "datetime":
            moment = literals.instant_of(literal)
            return (moment.date() if literal_types.is_date(literal_type) else moment).isoformat()
        case "blob" if is_shortened:
            return _short_blob(literal.scalar.blob)
        case "union":
            union = literal.scalar.union
            return to_json(union.value, union.type, is_shortened=is_shortened)
        case "collection":
            element = literal_type.collection_type
            return [to_json(item, element, is_shortened=is_shortened) for item in literal.collection.literals]
        case "map":
            value = literal_type.map_value_type
            return {
                key: to_json(item, value, is_shortened=is_shortened)
                for key, item in literal.map.literals.items()
            }
        case kind:
            return _TO_JSON[kind](literal)


def _short_blob(blob: Blob) -> str:
    content = inlines.content_of(blob.uri)
    if content is None:
        return blob.uri
    kind = "pickle" if blob.metadata.type.format == literal_types.PICKLE_FORMAT else "file"
    size = len(content)
    return f"{kind}, {size} bytes" if size < _KILOBYTE else f"{kind}, {size / _KILOBYTE:.1f} kB"


def _float_to_json(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _binary_to_json(literal: Literal) -> Any:
    binary = literal.scalar.binary
    if binary.tag != literals.MSGPACK_TAG:
        return base64.b64encode(binary.value).decode()
    return _plain_to_json(msgspec.msgpack.decode(binary.value, strict=False))


def _plain_to_json(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float():
            return _float_to_json(value)
        case list():
            return [_plain_to_json(item) for item in cast("list[Any]", value)]
        case dict():
            return {
                _key_to_json(key): _plain_to_json(item) for key, item in cast("dict[Any, Any]", value).items()
            }
        case _:
            return value


def _key_to_json(key: Any) -> str:
    """As `json.dumps` writes keys."""
    if isinstance(key, str):
        return key
    plain = _plain_to_json(key)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


_TO_JSON: Mapping[str, Callable[[Literal], Any]] = {
    "": lambda literal: None,
    "integer": lambda literal: literal.scalar.primitive.integer,
    "float_value": lambda literal: _float_to_json(literal.scalar.primitive.float_value),
    "string_value": lambda literal: literal.scalar.primitive.string_value,
    "boolean": lambda literal: literal.scalar.primitive.boolean,
    "duration": lambda literal: literals.duration_of(literal).total_seconds(),
    "none_type": lambda literal: None,
    "blob": lambda literal: literal.scalar.blob.uri,
    "schema": lambda literal: literal.scalar.schema.uri,
    "structured_dataset": lambda literal: literal.scalar.structured_dataset.uri,
    "offloaded_metadata": lambda literal: literal.offloaded_metadata.uri,
    "error": lambda literal: literal.scalar.error.message,
    "generic": lambda literal: literals.plain_of(literal.scalar.generic),
    "binary": _binary_to_json,
}


def from_json(value: Any, literal_type: LiteralType) -> Literal:
    """JSON data as a literal of the type.

    Raises:
        UserError: The data is not of the type; the text spells the type and the place inside lists and objects.
    """
    make = _FROM_JSON.get(literal_type.WhichOneof("type") or "")
    if make is None:
        raise UserError(f"{literal_types.describe(literal_type)} can't be given as JSON")
    return make(value, literal_type)


def _mismatch(value: Any, literal_type: LiteralType) -> UserError:
    return UserError(f"expected {literal_types.describe(literal_type)}, got {value!r:.80}")


def _simple_from_json(value: Any, literal_type: LiteralType) -> Literal:
    if literal_types.names_message(literal_type):
        from elevon.idl import waitables

        if waitables.is_waitable(literal_type):
            return waitables.to_literal(waitables.of_json(value))
    allowed = literal_types.literal_values(literal_type)
    make = _SIMPLE_FROM_JSON.get(literal_type.simple)
    try:
        made = make(value) if make is not None else None
    except ValueError as error:
        raise UserError(f"{_mismatch(value, literal_type)}: {error}") from error
    if made is None or (allowed and value not in allowed):
        raise _mismatch(value, literal_type)
    return made


def _integer_from_json(value: Any) -> Literal | None:
    return literals.integer(value) if type(value) is int else None


def _float_from_json(value: Any) -> Literal | None:
    if isinstance(value, str):
        return literals.floating(_FLOAT_NAMES[value]) if value in _FLOAT_NAMES else None
    return (
        literals.floating(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    )


def _string_from_json(value: Any) -> Literal | None:
    return literals.string(value) if isinstance(value, str) else None


def _boolean_from_json(value: Any) -> Literal | None:
    return literals.boolean(value) if isinstance(value, bool) else None


def _instant_from_json(value: Any) -> Literal | None:
    return literals.instant(parse_instant(value)) if isinstance(value, str) else None


def _duration_from_json(value: Any) -> Literal | None:
    if isinstance(value, str):
        return literals.duration(parse_span(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return literals.duration(timedelta(seconds=value))
    return None


def _binary_from_json(value: Any) -> Literal | None:
    if not isinstance(value, str):
        return None
    made = Literal()
    try:
        made.scalar.binary.value = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("it is no base64") from error
    return made


def _struct_from_json(value: Any) -> Literal | None:
    return literals.msgpack(msgspec.msgpack.encode(value)) if isinstance(value, dict | list) else None


_SIMPLE_FROM_JSON: Mapping[int, Callable[[Any], Literal | None]] = {
    SimpleType.NONE: lambda value: literals.none() if value is None else None,
    SimpleType.INTEGER: _integer_from_json,
    SimpleType.FLOAT: _float_from_json,
    SimpleType.STRING: _string_from_json,
    SimpleType.BOOLEAN: _boolean_from_json,
    SimpleType.DATETIME: _instant_from_json,
    SimpleType.DURATION: _duration_from_json,
    SimpleType.BINARY: _binary_from_json,
    SimpleType.STRUCT: _struct_from_json,
}


def _collection_from_json(value: Any, literal_type: LiteralType) -> Literal:
    if not isinstance(value, list):
        raise _mismatch(value, literal_type)
    items: list[Literal] = []
    for index, item in enumerate(cast("list[Any]", value)):
        try:
            items.append(from_json(item, literal_type.collection_type))
        except UserError as error:
            raise UserError(f"item {index}: {error}") from error
    return literals.collection(items)


def _map_from_json(value: Any, literal_type: LiteralType) -> Literal:
    if not isinstance(value, dict):
        raise _mismatch(value, literal_type)
    items: dict[str, Literal] = {}
    for key, item in cast("dict[str, Any]", value).items():
        try:
            items[key] = from_json(item, literal_type.map_value_type)
        except UserError as error:
            raise UserError(f"[{key!r}]: {error}") from error
    return literals.mapping(items)


def _union_from_json(value: Any, literal_type: LiteralType) -> Literal:
    for variant in literal_type.union_type.variants:
        try:
            return literals.union(from_json(value, variant), variant)
        except UserError:
            continue
    raise _mismatch(value, literal_type)


def _enum_from_json(value: Any, literal_type: LiteralType) -> Literal:
    if value not in literal_type.enum_type.values:
        raise _mismatch(value, literal_type)
    return literals.string(value)


def _blob_from_json(value: Any, literal_type: LiteralType) -> Literal:
    kind = literal_type.blob
    if kind.format == literal_types.PICKLE_FORMAT:
        raise UserError(f"a {literal_types.describe(literal_type)} can't be given as JSON")
    if not isinstance(value, str):
        raise UserError(f"{_mismatch(value, literal_type)}; give its path or uri")
    is_multipart = kind.dimensionality == BlobType.BlobDimensionality.MULTIPART
    return literals.blob(value, is_multipart=is_multipart, file_format=kind.format)


_FROM_JSON: Mapping[str, Callable[[Any, LiteralType], Literal]] = {
    "simple": _simple_from_json,
    "collection_type": _collection_from_json,
    "map_value_type": _map_from_json,
    "union_type": _union_from_json,
    "enum_type": _enum_from_json,
    "blob": _blob_from_json,
}


def parse_instant(text: str) -> datetime:
    """A point in time from ISO 8601 text; UTC where the text names no zone.

    Raises:
        ValueError: The text is no ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_span(text: str) -> timedelta:
    """A span of time from text such as ``90``, ``1.5s``, ``1h30m`` or ``2d``; a bare number is in seconds.

    Raises:
        ValueError: The text is no span.
    """
    text = text.strip()
    if re.fullmatch(rf"-?{_NUMBER}", text):
        return timedelta(seconds=float(text))
    found = _SPAN.fullmatch(text)
    parts = (
        {name: float(part) for name, part in found.groupdict().items() if name != "sign" and part}
        if found
        else {}
    )
    if found is None or not parts:
        raise ValueError(f"{text!r} is no span of time: write it like 90s, 1h30m or 2d")
    span = timedelta(**parts)
    return -span if found["sign"] else span
