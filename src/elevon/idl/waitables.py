"""Waitables: references to executions, flyteidl's `plugins.Waitable`, wherever they stand in literals.

The message travels as JSON in a struct, as flytekit's transformer of messages writes it: a literal of its own, an item
of a list, a value of a dict, or a field of a dataclass. This module owns how it is recognised there, read and replaced.
It must never know who waits for what.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec
from flyteidl.plugins.waitable_pb2 import Waitable
from google.protobuf import json_format

from elevon.errors import UserError
from elevon.idl import customs, literal_types, literals
from elevon.idl.messages import Literal, LiteralMap, LiteralType, SimpleType, Struct, WorkflowExecution

__all__ = [
    "Waitable",
    "has_ended",
    "is_waitable",
    "literal_type",
    "may_hold",
    "of_json",
    "of_plain",
    "to_literal",
    "to_plain",
    "visited",
]

Visit: TypeAlias = Callable[[str, Waitable], Waitable | None]
"""What is called with the place and the message of each, and returns what takes its place; None for the same."""

TYPE_NAME: Final = "flyteidl.plugins.waitable_pb2.Waitable"
"""How flytekit names the class in the metadata of a literal type."""
_ID_KEYS: Final = ("wfExecId", "wf_exec_id")
_PART_COUNT: Final = 3
_KEYS: Final = frozenset({*_ID_KEYS, "phase", "workflowId", "workflow_id"})
_ENDED: Final = frozenset(
    {
        WorkflowExecution.SUCCEEDED,
        WorkflowExecution.FAILED,
        WorkflowExecution.ABORTED,
        WorkflowExecution.TIMED_OUT,
    }
)


def literal_type() -> LiteralType:
    """The type of a waitable: a struct, with the name of the message as flytekit puts it there."""
    made = LiteralType(simple=SimpleType.STRUCT)
    made.metadata.update({literal_types.MESSAGE_KEY: TYPE_NAME})
    return made


def is_waitable(kind: LiteralType) -> bool:
    """Whether it is that type."""
    is_message = literal_types.names_message(kind)
    return is_message and kind.metadata.fields[literal_types.MESSAGE_KEY].string_value == TYPE_NAME


def may_hold(kind: LiteralType) -> bool:
    """Whether values of a type may hold waitables; a struct whose fields are not known may hold anything."""
    match kind.WhichOneof("type"):
        case "simple":
            if kind.simple != SimpleType.STRUCT:
                return False
            if literal_types.names_message(kind):
                return is_waitable(kind)
            return _may_have(kind.structure.dataclass_type)
        case "collection_type":
            return may_hold(kind.collection_type)
        case "map_value_type":
            return may_hold(kind.map_value_type)
        case "union_type":
            return any(may_hold(variant) for variant in kind.union_type.variants)
        case _:
            return False


def _may_have(fields: Mapping[str, LiteralType]) -> bool:
    return not fields or any(may_hold(field) for field in fields.values())


def has_ended(waitable: Waitable) -> bool:
    """Whether its phase says that the execution is over."""
    return waitable.phase in _ENDED


def to_literal(waitable: Waitable) -> Literal:
    """The message as a literal of its own."""
    made = Literal()
    made.scalar.generic.update(to_plain(waitable))
    return made


def to_plain(waitable: Waitable) -> dict[str, Any]:
    """The message as JSON data."""
    return json_format.MessageToDict(waitable)


def of_json(value: Any) -> Waitable:
    """What a person writes for one: `NAME`, `PROJECT:DOMAIN:NAME`, or the message as JSON data.

    Raises:
        UserError: It is neither.
    """
    if isinstance(value, str):
        parts = value.strip().split(":")
        if len(parts) not in (1, _PART_COUNT) or any(part.split() != [part] for part in parts):
            raise UserError(f"{value!r} is no id of an execution: write NAME, or PROJECT:DOMAIN:NAME")
        made = Waitable()
        made.wf_exec_id.name = parts[-1]
        made.wf_exec_id.project, made.wf_exec_id.domain = parts[:-1] or ("", "")
        return made
    found = of_plain(value)
    if found is None:
        raise UserError(f"expected Waitable (the id of an execution), got {value!r:.80}")
    return found


def of_plain(plain: Any) -> Waitable | None:
    """The message that JSON data is; None for what is something else.

    Both JSON spellings of a field are read. Data with a field that the message does not have is something else.

    Raises:
        UserError: It is one, but a field is wrong; the text names it.
    """
    if not isinstance(plain, dict):
        return None
    held = cast("dict[str, Any]", plain)
    if not (any(key in held for key in _ID_KEYS) and held.keys() <= _KEYS):
        return None
    try:
        made = json_format.ParseDict(held, Waitable())
    except json_format.ParseError:
        made = customs.unpack(
            _struct(held), Waitable
        )  # says which field it is; passes over inner unknown ones
    if not made.wf_exec_id.name:
        raise UserError("Waitable.wf_exec_id.name is empty: name the execution")
    return made


def visited(inputs: LiteralMap, visit: Visit) -> LiteralMap:
    """A copy of literals in which each waitable is replaced by what `visit` returns for it.

    They are visited in an order that depends on the literals alone. A place is spelled as in `runs[2].upstream`.

    Raises:
        UserError: One of them has a wrong field; the text names the place.
    """
    made = LiteralMap()
    made.CopyFrom(inputs)
    for name in sorted(made.literals):
        _visit(made.literals[name], name, visit)
    return made


def _visit(literal: Literal, place: str, visit: Visit) -> None:
    match literals.kind_of(literal):
        case "collection":
            for index, item in enumerate(literal.collection.literals):
                _visit(item, f"{place}[{index}]", visit)
        case "map":
            for key in sorted(literal.map.literals):
                _visit(literal.map.literals[key], f"{place}[{key!r}]", visit)
        case "union":
            _visit(literal.scalar.union.value, place, visit)
        case "generic":
            plain = literals.plain_of(literal.scalar.generic)
            replaced = _replaced(plain, place, visit)
            if replaced is not plain:
                literal.scalar.generic.CopyFrom(_struct(replaced))
        case "binary" if literal.scalar.binary.tag == literals.MSGPACK_TAG:
            _visit_packed(literal, place, visit)
        case _:
            return


def _visit_packed(literal: Literal, place: str, visit: Visit) -> None:
    content = literal.scalar.binary.value
    if not any(
        key.encode() in content for key in _ID_KEYS
    ):  # most structs hold none, and need not be decoded
        return
    try:
        plain = msgspec.msgpack.decode(content, strict=False)
    except msgspec.DecodeError:
        return  # whoever reads it will say so
    replaced = _replaced(plain, place, visit)
    if replaced is not plain:
        literal.scalar.binary.value = msgspec.msgpack.encode(replaced)


def _replaced(plain: Any, place: str, visit: Visit) -> Any:
    """JSON data with its waitables replaced; the same object if none was."""
    if isinstance(plain, list):
        items = cast("list[Any]", plain)
        made = [_replaced(item, f"{place}[{index}]", visit) for index, item in enumerate(items)]
        return items if all(new is old for new, old in zip(made, items, strict=True)) else made
    if not isinstance(plain, dict):
        return plain
    held = cast("dict[Any, Any]", plain)
    try:
        waitable = of_plain(held)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    if waitable is not None:
        new = visit(place, waitable)
        return held if new is None else to_plain(new)
    fields = {key: _replaced(item, f"{place}.{key}", visit) for key, item in held.items()}
    return held if all(fields[key] is item for key, item in held.items()) else fields


def _struct(plain: Mapping[str, Any]) -> Struct:
    made = Struct()
    made.update(plain)
    return made
