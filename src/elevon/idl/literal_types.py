"""Literal types: how they are made, how they are spelled for people, and which may flow into which.

It owns every judgement about a `LiteralType` that needs no Python annotation: the compiler checks bindings with
`is_assignable` and every message to a person spells a type with `describe`. It must never look at a value.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from elevon.idl.messages import BlobType, EnumType, LiteralType, SimpleType, UnionType

MSGPACK_FORMAT = "msgpack"
PICKLE_FORMAT = "PythonPickle"
DATE_TAG = "date"
MESSAGE_KEY = "pb_type"
_MSGPACK_ANNOTATION: dict[str, Any] = {"cache-key-metadata": {"serialization-format": MSGPACK_FORMAT}}
_SIMPLE_NAMES = {
    SimpleType.NONE: "None",
    SimpleType.INTEGER: "int",
    SimpleType.FLOAT: "float",
    SimpleType.STRING: "str",
    SimpleType.BOOLEAN: "bool",
    SimpleType.DATETIME: "datetime",
    SimpleType.DURATION: "timedelta",
    SimpleType.BINARY: "bytes",
    SimpleType.ERROR: "Error",
    SimpleType.STRUCT: "dict",
}


def simple(kind: SimpleType) -> LiteralType:
    """A type without parts."""
    return LiteralType(simple=kind)


def date() -> LiteralType:
    """The type of a day: for the wire an instant, with the tag that a day has among the variants of a union."""
    made = simple(SimpleType.DATETIME)
    made.structure.tag = DATE_TAG
    return made


def is_date(literal_type: LiteralType) -> bool:
    """Whether it is the type of a day; where flytekit declared it, only a union tells."""
    return literal_type.simple == SimpleType.DATETIME and literal_type.structure.tag == DATE_TAG


def collection_of(element: LiteralType) -> LiteralType:
    """The type of a list."""
    return LiteralType(collection_type=element)


def map_of(value: LiteralType) -> LiteralType:
    """The type of a mapping from str."""
    return LiteralType(map_value_type=value)


def union_of(variants: Iterable[LiteralType]) -> LiteralType:
    """The type of a value that is one of the variants, which carry their tag in `structure.tag`."""
    return LiteralType(union_type=UnionType(variants=list(variants)))


def enum_of(values: Iterable[str]) -> LiteralType:
    """The type of a string out of a closed set."""
    return LiteralType(enum_type=EnumType(values=list(values)))


def blob(*, is_multipart: bool = False, file_format: str = "") -> LiteralType:
    """The type of a file, or of a directory when it is multipart."""
    return LiteralType(blob=blob_type(is_multipart=is_multipart, file_format=file_format))


def blob_type(*, is_multipart: bool = False, file_format: str = "") -> BlobType:
    """What `blob` wraps; the same message stands in the metadata of a blob's literal."""
    dimensionality = (
        BlobType.BlobDimensionality.MULTIPART if is_multipart else BlobType.BlobDimensionality.SINGLE
    )
    return BlobType(format=file_format, dimensionality=dimensionality)


def msgpack_struct(schema: dict[str, Any] | None, fields: Mapping[str, LiteralType] | None) -> LiteralType:
    """The type of a value that travels as msgpack in a Binary scalar.

    Args:
        schema: JSON schema of the value; None for an untyped dict.
        fields: Literal type of each field that has one, for the access of single fields; None for an untyped dict.
    """
    made = LiteralType(simple=SimpleType.STRUCT)
    made.annotation.annotations.update(_MSGPACK_ANNOTATION)
    if schema is not None:
        made.metadata.update(schema)
    if fields is not None:
        made.structure.SetInParent()
        for name, field_type in fields.items():
            made.structure.dataclass_type[name].CopyFrom(field_type)
    return made


def tagged(variant: LiteralType, tag: str) -> LiteralType:
    """A copy of the type as it stands inside a union: its structure holds the tag alone."""
    made = LiteralType()
    made.CopyFrom(variant)
    made.structure.Clear()
    made.structure.tag = tag
    return made


def describe(literal_type: LiteralType) -> str:
    """The type spelled as Python spells it, for example ``dict[str, int | None]``."""
    match literal_type.WhichOneof("type"):
        case "simple":
            spelled = _describe_simple(literal_type)
        case "collection_type":
            spelled = f"list[{describe(literal_type.collection_type)}]"
        case "map_value_type":
            spelled = f"dict[str, {describe(literal_type.map_value_type)}]"
        case "union_type":
            variants = literal_type.union_type.variants
            spelled = " | ".join(dict.fromkeys(describe(variant) for variant in variants))
        case "enum_type":
            spelled = f"Literal[{', '.join(repr(value) for value in literal_type.enum_type.values)}]"
        case "blob":
            spelled = _describe_blob(literal_type)
        case "schema":
            spelled = "Schema"
        case "structured_dataset_type":
            spelled = "StructuredDataset"
        case _:
            spelled = "an unknown type"
    return spelled


def _describe_simple(literal_type: LiteralType) -> str:
    if is_date(literal_type):
        return "date"
    allowed = literal_values(literal_type)
    if allowed:
        return f"Literal[{', '.join(repr(value) for value in allowed)}]"
    if literal_type.simple == SimpleType.STRUCT and "title" in literal_type.metadata.fields:
        return literal_type.metadata.fields["title"].string_value
    if names_message(literal_type):
        return literal_type.metadata.fields[MESSAGE_KEY].string_value.rpartition(".")[2]
    return _SIMPLE_NAMES.get(literal_type.simple, "an unknown type")


def _describe_blob(literal_type: LiteralType) -> str:
    kind = literal_type.blob
    if kind.format == PICKLE_FORMAT:
        name = (
            literal_type.metadata.fields["python_class_name"].string_value
            if literal_type.metadata.fields
            else ""
        )
        if name == str(bytes):
            return "bytes"
        return f"pickle of {name}" if name else "pickle"
    name = "Directory" if kind.dimensionality == BlobType.BlobDimensionality.MULTIPART else "File"
    return f"{name}[{kind.format!r}]" if kind.format else name


def names_message(literal_type: LiteralType) -> bool:
    """Whether it is the type of a protobuf message, whose class its metadata name as flytekit does."""
    return literal_type.simple == SimpleType.STRUCT and MESSAGE_KEY in literal_type.metadata.fields


def literal_values(literal_type: LiteralType) -> list[Any]:
    """The values that a ``typing.Literal`` allows, empty for every other type."""
    if "literal_values" not in literal_type.annotation.annotations.fields:
        return []
    held = literal_type.annotation.annotations.fields["literal_values"].list_value
    values = [getattr(value, value.WhichOneof("kind") or "null_value") for value in held.values]
    return [int(value) if literal_type.simple == SimpleType.INTEGER else value for value in values]


def is_assignable(source: LiteralType, target: LiteralType) -> bool:
    """Whether every value of the source type may be bound to a variable of the target type.

    The rules are those of Flyte's compiler: unions by their variants, enums and strings both ways, lists and maps by
    their elements, structs by their fields where both sides name them. Beyond them an int fits a float, as it does
    for a type checker.
    """
    if source.WhichOneof("type") == "union_type":
        return all(is_assignable(variant, target) for variant in source.union_type.variants)
    rule = _ASSIGNABLE.get(target.WhichOneof("type") or "")
    return rule is not None and rule(source, target)


def _to_union(source: LiteralType, target: LiteralType) -> bool:
    return any(is_assignable(source, variant) for variant in target.union_type.variants)


def _to_collection(source: LiteralType, target: LiteralType) -> bool:
    return source.HasField("collection_type") and is_assignable(
        source.collection_type, target.collection_type
    )


def _to_map(source: LiteralType, target: LiteralType) -> bool:
    return source.HasField("map_value_type") and is_assignable(source.map_value_type, target.map_value_type)


def _to_enum(source: LiteralType, target: LiteralType) -> bool:
    """A string may turn out to be one of the values: only its value can tell."""
    return _is_string(source) or (
        source.HasField("enum_type") and set(source.enum_type.values) <= set(target.enum_type.values)
    )


def _to_blob(source: LiteralType, target: LiteralType) -> bool:
    """A format left open, on either side, fits every format but pickle."""
    if not source.HasField("blob") or source.blob.dimensionality != target.blob.dimensionality:
        return False
    formats = {source.blob.format, target.blob.format}
    return len(formats) == 1 or ("" in formats and PICKLE_FORMAT not in formats)


def _to_table(source: LiteralType, target: LiteralType) -> bool:
    return source.HasField("structured_dataset_type") or source.HasField("schema")


def _to_simple(source: LiteralType, target: LiteralType) -> bool:
    if source.HasField("enum_type"):
        return _is_string(target) and not literal_values(target)
    if source.WhichOneof("type") != "simple":
        return False
    if (source.simple, target.simple) == (SimpleType.INTEGER, SimpleType.FLOAT):
        return not literal_values(target)
    if source.simple != target.simple:
        return False
    allowed, possible = literal_values(target), literal_values(source)
    if allowed and possible:
        return all(value in allowed for value in possible)
    return target.simple != SimpleType.STRUCT or _are_fields_assignable(source, target)


def _are_fields_assignable(source: LiteralType, target: LiteralType) -> bool:
    """Untyped dicts fit everywhere; two typed structs fit by name and type of field, defaults standing in."""
    offered, wanted = source.structure.dataclass_type, target.structure.dataclass_type
    if not offered or not wanted:
        return True
    required: set[str] = set()
    if "required" in target.metadata.fields:
        required = {item.string_value for item in target.metadata.fields["required"].list_value.values}
    return all(
        is_assignable(offered[name], field_type) if name in offered else name not in required
        for name, field_type in wanted.items()
    )


def _is_string(literal_type: LiteralType) -> bool:
    return literal_type.WhichOneof("type") == "simple" and literal_type.simple == SimpleType.STRING


_ASSIGNABLE: dict[str, Callable[[LiteralType, LiteralType], bool]] = {
    "simple": _to_simple,
    "collection_type": _to_collection,
    "map_value_type": _to_map,
    "union_type": _to_union,
    "enum_type": _to_enum,
    "blob": _to_blob,
    "schema": _to_table,
    "structured_dataset_type": _to_table,
}
