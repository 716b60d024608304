"""From what is written in a workflow (promises, constants, lists and dicts of both) to the wire's bindings.

It owns `BindingData` in both directions that tracing needs: making it, and finding or renaming the promises in it.
It must never create nodes.
"""

import types as python_types
import typing
from collections.abc import Callable, Mapping
from typing import Any, cast

from elevon import errors
from elevon.idl import messages
from elevon.idl.promises import promises_of
from elevon.sdk import files, promises, types


def to_binding(
    value: object, annotation: Any, literal_type: messages.LiteralType, sink: types.FileSink = files.IN_PLACE
) -> messages.BindingData:
    """The binding of one input or output.

    Args:
        value: A promise, a constant, or a list or dict that holds promises.
        annotation: The Python type of the variable.
        literal_type: The same on the wire.
        sink: Where files of constants go.

    Raises:
        UserError: A constant is not of the type, or promises stand where they can't be bound.
    """
    if promises.is_promise(value):
        return _of_promise(promises.reference(value))
    if isinstance(value, promises.Condition):
        raise errors.UserError(f"the condition {value} can't be passed on: only if_ takes one")
    if not _holds_promise(value):
        literal = types.to_literal(value, annotation, sink)
        return _of_literal(literal)
    annotation, literal_type = _without_none(annotation, literal_type)
    if isinstance(value, list) and literal_type.HasField("collection_type"):
        item_type = _argument(annotation, -1)
        items = [
            to_binding(item, item_type, literal_type.collection_type, sink)
            for item in cast("list[Any]", value)
        ]
        return messages.BindingData(collection=messages.BindingDataCollection(bindings=items))
    if isinstance(value, dict) and literal_type.HasField("map_value_type"):
        entries = cast("dict[str, Any]", value)
        item_type = _argument(annotation, -1)
        bound = {
            key: to_binding(item, item_type, literal_type.map_value_type, sink)
            for key, item in entries.items()
        }
        return messages.BindingData(map=messages.BindingDataMap(bindings=bound))
    raise errors.UserError(
        f"results of calls can stand in a list or a dict, but not here, for {annotation}: build the value in a task"
    )


def renamed(
    binding: messages.BindingData, rename: Callable[[messages.OutputReference], messages.OutputReference]
) -> messages.BindingData:
    """A binding with each of its promises replaced."""
    copy = messages.BindingData()
    copy.CopyFrom(binding)
    for origin in promises_of(copy):
        origin.CopyFrom(rename(origin))
    return copy


def upstream_of(bindings: Mapping[str, messages.BindingData]) -> tuple[str, ...]:
    """Ids of the nodes that bindings read, each once, in flytekit's order; the workflow's inputs are no node."""
    found: dict[str, None] = {}
    for name in sorted(bindings):
        found |= dict.fromkeys(origin.node_id for origin in promises_of(bindings[name]) if origin.node_id)
    return tuple(found)


def to_reference(origin: promises.Reference) -> messages.OutputReference:
    """A promise as the wire carries it."""
    path = [
        messages.PromiseAttribute(int_value=step)
        if isinstance(step, int)
        else messages.PromiseAttribute(string_value=step)
        for step in origin.path
    ]
    return messages.OutputReference(node_id=origin.node_id, var=origin.var, attr_path=path)


def _of_promise(origin: promises.Reference) -> messages.BindingData:
    if not origin.var:
        raise errors.UserError(
            f"node {origin.node_id} yields nothing that could be passed on: use after=[...] for order"
        )
    return messages.BindingData(promise=to_reference(origin))


def _of_literal(literal: messages.Literal) -> messages.BindingData:
    match literal.WhichOneof("value"):
        case "collection":
            items = [_of_literal(item) for item in literal.collection.literals]
            return messages.BindingData(collection=messages.BindingDataCollection(bindings=items))
        case "map":
            bound = {key: _of_literal(item) for key, item in literal.map.literals.items()}
            return messages.BindingData(map=messages.BindingDataMap(bindings=bound))
        case _:
            return messages.BindingData(scalar=literal.scalar)


def _holds_promise(value: object) -> bool:
    if promises.is_promise(value):
        return True
    if isinstance(value, list | tuple | set):
        return any(_holds_promise(item) for item in cast("list[object]", value))
    if isinstance(value, dict):
        return any(_holds_promise(item) for item in cast("dict[object, object]", value).values())
    fields = getattr(value, "__dict__", None)
    return isinstance(fields, dict) and any(
        promises.is_promise(item) for item in cast("dict[str, object]", fields).values()
    )


def _without_none(annotation: Any, literal_type: messages.LiteralType) -> tuple[Any, messages.LiteralType]:
    """The one member of an optional type that is not None; any other type as it is."""
    if typing.get_origin(annotation) not in (typing.Union, python_types.UnionType):
        return annotation, literal_type
    members = [member for member in typing.get_args(annotation) if member is not type(None)]
    variants = [
        variant
        for variant in literal_type.union_type.variants
        if variant.simple != messages.SimpleType.NONE or variant.WhichOneof("type") != "simple"
    ]
    return (members[0], variants[0]) if len(members) == len(variants) == 1 else (annotation, literal_type)


def _argument(annotation: Any, index: int) -> Any:
    arguments = typing.get_args(annotation)
    return arguments[index] if arguments else Any
