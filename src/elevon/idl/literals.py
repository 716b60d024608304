"""Literals: how the values of the wire are made and read, kind by kind.

It owns the shape of each kind as flytekit 1.16 writes it (time zones, tags, which oneof). It must never know Python
annotations: those are the bridge's, `elevon.sdk.types`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from elevon.idl import literal_types
from elevon.idl.messages import BlobMetadata, ListValue, Literal, LiteralMap, LiteralType, Struct, Value

MSGPACK_TAG = "msgpack"


def integer(value: int) -> Literal:
    """A signed 64-bit integer.

    Raises:
        ValueError: The value needs more than 64 bits.
    """
    made = Literal()
    made.scalar.primitive.integer = value
    return made


def floating(value: float) -> Literal:
    """A double."""
    made = Literal()
    made.scalar.primitive.float_value = value
    return made


def boolean(value: bool) -> Literal:
    """True or false."""
    made = Literal()
    made.scalar.primitive.boolean = value
    return made


def string(value: str) -> Literal:
    """Text, also the value of an enum."""
    made = Literal()
    made.scalar.primitive.string_value = value
    return made


def instant(value: datetime) -> Literal:
    """A point in time; a datetime without a zone is taken as UTC, as flytekit takes it."""
    made = Literal()
    moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value
    made.scalar.primitive.datetime.FromDatetime(moment)
    return made


def duration(value: timedelta) -> Literal:
    """A span of time."""
    made = Literal()
    made.scalar.primitive.duration.FromTimedelta(value)
    return made


def none() -> Literal:
    """The absent value."""
    made = Literal()
    made.scalar.none_type.SetInParent()
    return made


def msgpack(value: bytes) -> Literal:
    """A struct that is already encoded as msgpack."""
    made = Literal()
    made.scalar.binary.value = value
    made.scalar.binary.tag = MSGPACK_TAG
    return made


def blob(uri: str, *, is_multipart: bool = False, file_format: str = "") -> Literal:
    """A file, or a directory when it is multipart, by reference."""
    made = Literal()
    made.scalar.blob.uri = uri
    kind = literal_types.blob_type(is_multipart=is_multipart, file_format=file_format)
    made.scalar.blob.metadata.CopyFrom(BlobMetadata(type=kind))
    return made


def collection(items: Iterable[Literal]) -> Literal:
    """A list."""
    made = Literal()
    made.collection.SetInParent()
    made.collection.literals.extend(items)
    return made


def mapping(items: Mapping[str, Literal]) -> Literal:
    """A mapping from str."""
    made = Literal()
    made.map.SetInParent()
    for key, item in items.items():
        made.map.literals[key].CopyFrom(item)
    return made


def union(value: Literal, variant: LiteralType) -> Literal:
    """A value of a union with the variant, tagged, that it is stored as."""
    made = Literal()
    made.scalar.union.value.CopyFrom(value)
    made.scalar.union.type.CopyFrom(variant)
    return made


def literal_map(items: Mapping[str, Literal]) -> LiteralMap:
    """The inputs or outputs of a node."""
    made = LiteralMap()
    for key, item in items.items():
        made.literals[key].CopyFrom(item)
    return made


def plain_of(value: Struct | ListValue | Value) -> Any:
    """The JSON data of a struct; a whole number comes as an int, because JSON has one kind of number."""
    if isinstance(value, Struct):
        return {key: plain_of(item) for key, item in value.fields.items()}
    if isinstance(value, ListValue):
        return [plain_of(item) for item in value.values]
    match value.WhichOneof("kind"):
        case "struct_value":
            plain = plain_of(value.struct_value)
        case "list_value":
            plain = plain_of(value.list_value)
        case "number_value":
            number = value.number_value
            plain = int(number) if number.is_integer() else number
        case "string_value":
            plain = value.string_value
        case "bool_value":
            plain = value.bool_value
        case _:
            plain = None
    return plain


def kind_of(literal: Literal) -> str:
    """Which of the wire's kinds the literal is.

    Returns:
        One of ``collection``, ``map``, ``offloaded_metadata``, the kinds of a scalar (``blob``, ``binary``,
        ``none_type``, ``generic``, ``union``, ...), the kinds of a primitive (``integer``, ``float_value``, ...), or
        an empty string for a literal without a value.
    """
    kind = literal.WhichOneof("value")
    if kind != "scalar":
        return kind or ""
    kind = literal.scalar.WhichOneof("value")
    if kind != "primitive":
        return kind or ""
    return literal.scalar.primitive.WhichOneof("value") or ""


def instant_of(literal: Literal) -> datetime:
    """The point in time of a datetime literal, in UTC."""
    return literal.scalar.primitive.datetime.ToDatetime(tzinfo=UTC)


def duration_of(literal: Literal) -> timedelta:
    """The span of a duration literal."""
    return literal.scalar.primitive.duration.ToTimedelta()
