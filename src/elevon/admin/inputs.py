"""Whether inputs fit a workflow, judged on literals alone.

It owns the completion of inputs by their defaults, and one error that lists everything that is wrong with them. The
rules are those of Flyte's admin: unknown inputs are refused, and so is a literal that is not of the declared type.
"""

from collections.abc import Iterator, Mapping

from elevon import errors
from elevon.idl import literal_types, literals, workflow_names
from elevon.idl.messages import Literal, LiteralMap, LiteralType, ParameterMap, SimpleType
from elevon.primitives import suggestions

_KINDS = {
    SimpleType.INTEGER: {"integer"},
    SimpleType.FLOAT: {"float_value", "integer"},
    SimpleType.STRING: {"string_value"},
    SimpleType.BOOLEAN: {"boolean"},
    SimpleType.DATETIME: {"datetime"},
    SimpleType.DURATION: {"duration"},
    SimpleType.NONE: {"none_type"},
    SimpleType.BINARY: {"binary"},
    SimpleType.STRUCT: {"binary", "generic"},
    SimpleType.ERROR: {"error"},
}


def complete(
    workflow: str,
    parameters: ParameterMap,
    given: Mapping[str, Literal],
    unreadable: Mapping[str, str] | None = None,
) -> LiteralMap:
    """All inputs of an execution: what was given, and the defaults for what was not.

    Args:
        workflow: Its name, for the error.
        parameters: What it takes, with defaults.
        given: Literals by name.
        unreadable: What was given but could not be made a literal, and why, so that one error tells everything.

    Raises:
        UserError: Inputs are missing, unknown or of a wrong type; it lists all of them.
    """
    problems = list(_problems(parameters, given, unreadable or {}))
    if problems:
        raise errors.UserError(f"{workflow_names.spelled(workflow)} can't start: {'; '.join(problems)}")
    defaults = {
        name: parameter.default
        for name, parameter in parameters.parameters.items()
        if parameter.HasField("default")
    }
    return literals.literal_map({**defaults, **given})


def _problems(
    parameters: ParameterMap, given: Mapping[str, Literal], unreadable: Mapping[str, str]
) -> Iterator[str]:
    known = parameters.parameters
    for name in sorted(given.keys() | unreadable.keys()):
        if name not in known:
            yield f"there is no input {name!r}: {suggestions.hint(name, known)}"
        elif name in unreadable:
            yield f"input {name!r}: {unreadable[name]}"
        elif not is_fitting(given[name], known[name].var.type):
            found = literals.kind_of(given[name]) or "nothing"
            yield f"input {name!r}: expected {literal_types.describe(known[name].var.type)}, got {found}"
    for name in sorted(known.keys() - given.keys() - unreadable.keys()):
        if known[name].WhichOneof("behavior") in ("required", None):
            yield f"input {name!r} ({literal_types.describe(known[name].var.type)}) is missing"


def is_fitting(literal: Literal, literal_type: LiteralType) -> bool:
    """Whether a literal is a value of a type, as far as its shape tells; elements are looked at, struct fields not."""
    match literal_type.WhichOneof("type"):
        case "simple":
            return literals.kind_of(literal) in _KINDS.get(literal_type.simple, set())
        case "collection_type":
            element = literal_type.collection_type
            return literal.HasField("collection") and all(
                is_fitting(item, element) for item in literal.collection.literals
            )
        case "map_value_type":
            value = literal_type.map_value_type
            return literal.HasField("map") and all(
                is_fitting(item, value) for item in literal.map.literals.values()
            )
        case "enum_type":
            return (
                literals.kind_of(literal) == "string_value"
                and literal.scalar.primitive.string_value in literal_type.enum_type.values
            )
        case "union_type":
            value = literal.scalar.union.value if literals.kind_of(literal) == "union" else literal
            return any(is_fitting(value, variant) for variant in literal_type.union_type.variants)
        case "blob":
            kind = literal.scalar.blob.metadata.type
            return (
                literals.kind_of(literal) == "blob"
                and kind.dimensionality == literal_type.blob.dimensionality
                and (not literal_type.blob.format or kind.format in ("", literal_type.blob.format))
            )
        case _:
            return literals.kind_of(literal) in ("schema", "structured_dataset")
