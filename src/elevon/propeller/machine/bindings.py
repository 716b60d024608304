"""Bindings become literals: how the inputs of a node and the outputs of a workflow are put together.

It owns attribute paths into lists, maps and structs. It must never fetch anything: it reads the outputs that its
caller looks up, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import Binding, BindingData, Literal, LiteralMap, OutputReference, PromiseAttribute

START_NODE_ID = "start-node"

OutputsOf = Callable[[str], LiteralMap]


def resolve(bindings: Sequence[Binding], outputs_of: OutputsOf) -> LiteralMap:
    """The literals that the bindings stand for.

    Args:
        bindings: Of a node's inputs or of a workflow's outputs.
        outputs_of: The outputs of a node of the same workflow by its id, and the workflow's inputs by an empty id. It
            is called once for every promise.

    Returns:
        One literal for each binding, by variable. An attribute of a msgpack struct is msgpack too, as in Flyte: what
        takes it knows its type.

    Raises:
        UserError: An output that is promised is not there, or has nothing at the attribute path.
    """
    made = LiteralMap()
    for binding in bindings:
        _fill(made.literals[binding.var], binding.binding, outputs_of, binding.var)
    return made


def _fill(target: Literal, data: BindingData, outputs_of: OutputsOf, variable: str) -> None:
    """Write what the binding data stands for into the target, which may hold copies only once."""
    match data.WhichOneof("value"):
        case "scalar":
            target.scalar.CopyFrom(data.scalar)
        case "promise":
            target.CopyFrom(_promised(data.promise, outputs_of, variable))
        case "collection":
            target.collection.SetInParent()
            for item in data.collection.bindings:
                _fill(target.collection.literals.add(), item, outputs_of, variable)
        case "map":
            target.map.SetInParent()
            for key, item in data.map.bindings.items():
                _fill(target.map.literals[key], item, outputs_of, variable)
        case _:
            raise errors.UserError(
                f"the binding of {variable!r} is empty: bind a value or an output of a node"
            )


def _promised(promise: OutputReference, outputs_of: OutputsOf, variable: str) -> Literal:
    is_input = promise.node_id in {"", START_NODE_ID}
    outputs = outputs_of("" if is_input else promise.node_id).literals
    source = (
        f"workflow input {promise.var!r}"
        if is_input
        else f"output {promise.var!r} of node {promise.node_id!r}"
    )
    if promise.var not in outputs:
        raise errors.UserError(f"{source}, to which {variable!r} is bound, is missing")
    literal = outputs[promise.var]
    if not promise.attr_path:
        return literal
    try:
        return attribute(literal, promise.attr_path)
    except errors.UserError as error:
        raise errors.UserError(f"{source}, to which {variable!r} is bound, {error}") from error


def attribute(literal: Literal, path: Sequence[PromiseAttribute]) -> Literal:
    """What stands at a path of indexes and names inside a literal.

    Indexes below zero count from the end, as in Python.

    Raises:
        UserError: There is nothing at that path; the sentence starts with the verb.
    """
    keys = [_key_of(step) for step in path]
    for used, key in enumerate(keys):
        while literals.kind_of(literal) == "union":
            literal = literal.scalar.union.value
        kind = literals.kind_of(literal)
        if kind in {"binary", "generic"}:
            return _inside(literal, keys[used:], spell(keys[:used]))
        if kind == "collection":
            literal = cast(Literal, _step(literal.collection.literals, key, spell(keys[:used])))
        elif kind == "map":
            literal = cast(Literal, _step(literal.map.literals, str(key), spell(keys[:used])))
        else:
            raise _nothing(spell(keys[: used + 1]), f"a literal of kind {kind or 'none'} has no parts")
    return literal


def spell(keys: Sequence[str | int]) -> str:
    """The path as one would write it in Python."""
    return "".join(f"[{key!r}]" for key in keys)


def _key_of(step: PromiseAttribute) -> str | int:
    return step.int_value if step.WhichOneof("value") == "int_value" else step.string_value


def _inside(literal: Literal, keys: Sequence[str | int], place: str) -> Literal:
    """What stands at the keys of a struct, encoded as the struct is."""
    is_binary = literals.kind_of(literal) == "binary"
    if not is_binary:
        value: Any = literals.plain_of(literal.scalar.generic)
    elif literal.scalar.binary.tag == literals.MSGPACK_TAG:
        try:
            value = msgspec.msgpack.decode(literal.scalar.binary.value)
        except msgspec.MsgspecError as error:
            raise errors.UserError(f"holds no valid msgpack{place and f' at {place}'}") from error
    else:
        raise _nothing(place + spell(keys[:1]), f"bytes tagged {literal.scalar.binary.tag!r} have no parts")
    for used, key in enumerate(keys):
        value = _step(value, key, place + spell(keys[:used]))
    return literals.msgpack(msgspec.msgpack.encode(value))


def _step(value: Any, key: str | int, place: str) -> Any:
    """One step into a list or a mapping; a mapping of protobuf makes what it is asked for, so `in` comes first."""
    here = place + spell([key])
    if isinstance(value, Mapping):
        mapping = cast(Mapping[Any, Any], value)
        if isinstance(key, int) and key not in mapping:
            key = str(key)
        if key not in mapping:
            raise _nothing(here, f"there are {_names(mapping)}")
        return mapping[key]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = cast(Sequence[Any], value)
        if isinstance(key, str):
            raise _nothing(here, "a list is indexed by numbers")
        if not -len(items) <= key < len(items):
            raise _nothing(here, f"the list has {len(items)} items")
        return items[key]
    raise _nothing(here, f"a value of type {type(value).__name__} has no parts")


def _names(value: Mapping[Any, Any]) -> str:
    shown = sorted(str(name) for name in value)
    if not shown:
        return "no keys"
    return ", ".join(repr(name) for name in shown[:10]) + (", ..." if len(shown) > 10 else "")  # noqa: PLR2004


def _nothing(place: str, reason: str) -> errors.UserError:
    return errors.UserError(f"has nothing at {place}: {reason}")
