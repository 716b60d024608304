"""The types of bindings: what flows into a variable, and whether it may.

It owns the walk along attribute paths through types, and the judgement of constants. Which type may flow into which
is the judgement of `elevon.idl.literal_types`. It must never report: it answers with the text of what is wrong.
"""

from collections.abc import Callable, Iterator

from elevon import errors
from elevon.idl import literal_types, literals
from elevon.idl.messages import (
    BindingData,
    Literal,
    LiteralType,
    OutputReference,
    PromiseAttribute,
    Scalar,
    SimpleType,
)
from elevon.primitives import suggestions

TypeOfPromise = Callable[[OutputReference], LiteralType | None]

_SIMPLE_KINDS = {
    "integer": SimpleType.INTEGER,
    "float_value": SimpleType.FLOAT,
    "string_value": SimpleType.STRING,
    "boolean": SimpleType.BOOLEAN,
    "datetime": SimpleType.DATETIME,
    "duration": SimpleType.DURATION,
    "none_type": SimpleType.NONE,
    "generic": SimpleType.STRUCT,
    "error": SimpleType.ERROR,
}


def mismatch(data: BindingData, target: LiteralType, type_of: TypeOfPromise) -> str:
    """Why the binding can't fill a variable of the type; empty when it can.

    Args:
        data: What is bound.
        target: The variable's type.
        type_of: The type of a promise, attribute path walked; None when it is not known, which fits everything.
    """
    kind = data.WhichOneof("value")
    if kind in {"collection", "map"} and target.HasField("union_type"):
        variants = target.union_type.variants
        reasons = [mismatch(data, variant, type_of) for variant in variants]
        return "" if "" in reasons else _takes(target, "a list" if kind == "collection" else "a dict")
    match kind:
        case "promise":
            source = type_of(data.promise)
            if source is None or literal_types.is_assignable(source, target):
                return ""
            return _takes(target, f"{spell(data.promise)}, which is {literal_types.describe(source)}")
        case "scalar":
            return _scalar_mismatch(data.scalar, target)
        case "collection":
            if not target.HasField("collection_type"):
                return _takes(target, "a list")
            items = ((f"[{position}]", item) for position, item in enumerate(data.collection.bindings))
            return _first_mismatch(items, target.collection_type, type_of)
        case "map":
            if not target.HasField("map_value_type"):
                return _takes(target, "a dict")
            items = ((f"[{key!r}]", item) for key, item in data.map.bindings.items())
            return _first_mismatch(items, target.map_value_type, type_of)
        case _:
            return _takes(target, "nothing")


def spell(promise: OutputReference) -> str:
    """The promise in words."""
    source = f" of node {promise.node_id!r}" if promise.node_id else ""
    return f"{'output' if source else 'workflow input'} {promise.var!r}{spell_path(promise)}{source}"


def spell_path(promise: OutputReference) -> str:
    """The attribute path of a promise as one would write it in Python."""
    return "".join(f"[{_key_of(step)!r}]" for step in promise.attr_path)


def attribute_type(source: LiteralType, path: list[PromiseAttribute]) -> LiteralType | None:
    """The type at an attribute path; None when only the value can tell.

    Raises:
        UserError: The type has nothing at that path.
    """
    current = source
    for step in path:
        found = _step(_without_none(current), _key_of(step))
        if found is None:
            return None
        current = found
    return current


def constant_type(scalar: Scalar) -> LiteralType | None:
    """The type of a constant; None when only its reader can tell."""
    kind = literals.kind_of(Literal(scalar=scalar))
    if kind in _SIMPLE_KINDS:
        return literal_types.simple(_SIMPLE_KINDS[kind])
    match kind:
        case "union":
            return scalar.union.type
        case "blob":
            return LiteralType(blob=scalar.blob.metadata.type)
        case "structured_dataset":
            return LiteralType(
                structured_dataset_type=scalar.structured_dataset.metadata.structured_dataset_type
            )
        case "schema":
            return LiteralType(schema=scalar.schema.type)
        case "binary" if scalar.binary.tag != literals.MSGPACK_TAG:
            return literal_types.simple(SimpleType.BINARY)
        case _:
            return None


def _scalar_mismatch(scalar: Scalar, target: LiteralType) -> str:
    if not literals.kind_of(Literal(scalar=scalar)):
        return _takes(target, "nothing")
    source = constant_type(scalar)
    if source is None:
        return ""
    if not literal_types.is_assignable(source, target):
        return _takes(target, f"a constant, which is {literal_types.describe(source)}")
    allowed = [*target.enum_type.values, *literal_types.literal_values(target)]
    if allowed and scalar.HasField("primitive"):
        value = getattr(scalar.primitive, scalar.primitive.WhichOneof("value") or "string_value")
        if value not in allowed:
            return _takes(target, f"the constant {value!r}")
    return ""


def _first_mismatch(
    items: Iterator[tuple[str, BindingData]], target: LiteralType, type_of: TypeOfPromise
) -> str:
    for place, item in items:
        reason = mismatch(item, target, type_of)
        if reason:
            return f"at {place} {reason}"
    return ""


def _takes(target: LiteralType, given: str) -> str:
    return f"takes {literal_types.describe(target)}, but is bound to {given}"


def _key_of(step: PromiseAttribute) -> str | int:
    return step.int_value if step.WhichOneof("value") == "int_value" else step.string_value


def _without_none(source: LiteralType) -> LiteralType:
    """What an optional type holds; a path into None fails when the value is there to be seen."""
    if not source.HasField("union_type"):
        return source
    variants = [each for each in source.union_type.variants if not _is_none(each)]
    return variants[0] if len(variants) == 1 else source


def _is_none(source: LiteralType) -> bool:
    return source.WhichOneof("type") == "simple" and source.simple == SimpleType.NONE


def _step(source: LiteralType, key: str | int) -> LiteralType | None:
    match source.WhichOneof("type"):
        case "union_type":
            return None
        case "map_value_type":
            return source.map_value_type
        case "collection_type":
            if isinstance(key, int):
                return source.collection_type
            raise errors.UserError(f"{literal_types.describe(source)} is indexed by numbers, not by {key!r}")
        case "simple" if source.simple == SimpleType.STRUCT:
            fields = source.structure.dataclass_type
            if not fields or isinstance(key, int):
                return None
            if key in fields:
                return fields[key]
            raise errors.UserError(
                f"{literal_types.describe(source)} has no field {key!r}: {suggestions.hint(key, fields)}"
            )
        case _:
            raise errors.UserError(
                f"{literal_types.describe(source)} has no parts, so that [{key!r}] names nothing"
            )
