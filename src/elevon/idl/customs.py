"""The `custom` of a task: any protobuf message inside a `Struct`.

It owns the JSON form that crosses the wire and the errors of whoever fills it in by hand: a field is named by its
path, such as ``SleepJob.duration``. It must never know a particular message.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from elevon.errors import UserError
from elevon.idl import literals
from elevon.idl.messages import Message, Struct
from elevon.primitives import suggestions

_log = logging.getLogger(__name__)
_M = TypeVar("_M", bound=Message)
# Messages whose JSON is no object of their fields: json_format knows each of them.
_OWN_JSON = "google.protobuf."


def pack(message: Message) -> Struct:
    """The message as a struct: fields in lowerCamelCase, 64-bit integers as text, bytes as base64.

    Raises:
        UserError: The JSON form of the message is no object, as that of a Duration.
    """
    fields = cast("object", json_format.MessageToDict(message))  # typed as a dict, which a Duration's is not
    if not isinstance(fields, dict):
        raise UserError(
            f"{message.DESCRIPTOR.full_name} can't be the message of a task, its JSON form is no object: "
            "make it a field of a message of your own"
        )
    made = Struct()
    made.update(cast("dict[str, Any]", fields))
    return made


def unpack(custom: Struct, message_class: type[_M]) -> _M:
    """The message that a struct holds.

    Both JSON spellings of a field are read, and numbers as text. A field that the message does not know is logged
    and dropped: it may come from a newer SDK.

    Raises:
        UserError: A field has the wrong type; the text names its path.
    """
    descriptor = _descriptor_of(message_class)
    plain = cast("dict[str, Any]", literals.plain_of(custom))
    known = _without_unknown(plain, descriptor, descriptor.name)
    made = message_class()
    try:
        json_format.ParseDict(known, made)
    except json_format.ParseError as error:
        failure = _failure(known, message_class, descriptor.name)
        raise failure or UserError(f"{descriptor.name} can't be read: {error}") from error
    return made


def parse(plain: Any, message_class: type[_M]) -> _M:
    """The message that JSON data is, to the last field.

    Raises:
        UserError: It is no object, or a field has the wrong type or is unknown; the text names its path.
    """
    descriptor = _descriptor_of(message_class)
    if not isinstance(plain, dict):
        raise UserError(f"{descriptor.name} must be an object, got {plain!r:.80}")
    held = cast("dict[str, Any]", plain)
    made = message_class()
    try:
        json_format.ParseDict(held, made)
    except json_format.ParseError as error:
        failure = _stranger(held, descriptor, descriptor.name) or _failure(
            held, message_class, descriptor.name
        )
        raise failure or UserError(f"{descriptor.name} can't be read: {error}") from error
    return made


def _stranger(plain: Mapping[str, Any], descriptor: Descriptor, path: str) -> UserError | None:
    """The first field that there is not."""
    for key, value in plain.items():
        field = _field_of(descriptor, key)
        if field is None:
            known = suggestions.hint(key, descriptor.fields_by_camelcase_name)
            return UserError(f"{path} has no field {key!r}: {known}")
        for place, item, inner in _members(value, field, f"{path}.{field.name}"):
            if isinstance(item, dict) and inner is not None and not inner.full_name.startswith(_OWN_JSON):
                failure = _stranger(cast("dict[str, Any]", item), inner, place)
                if failure is not None:
                    return failure
    return None


def _without_unknown(plain: Mapping[str, Any], descriptor: Descriptor, path: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for key, value in plain.items():
        field = _field_of(descriptor, key)
        if field is None:
            _log.warning("%s has no field %s: its value is not used", path, key)
        else:
            known[key] = _cleaned(value, field, f"{path}.{field.name}")
    return known


def _cleaned(value: Any, field: FieldDescriptor, path: str) -> Any:
    """Drops unknown fields from the messages below a field; what is malformed is left for the parser to refuse."""
    held = _map_value_of(field)
    if held is not None:
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {key: _cleaned(item, held, f"{path}[{key!r}]") for key, item in items}
        return value
    if field.message_type is None or field.message_type.full_name.startswith(_OWN_JSON):
        return value
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_cleaned(item, field, f"{path}[{index}]") for index, item in enumerate(items)]
    if isinstance(value, dict):
        return _without_unknown(cast("dict[str, Any]", value), field.message_type, path)
    return value


def _failure(plain: Mapping[str, Any], message_class: type[Message], path: str) -> UserError | None:
    """The innermost field that can't be parsed even on its own."""
    for key, value in plain.items():
        try:
            json_format.ParseDict({key: value}, message_class())
        except json_format.ParseError as error:
            field = _field_of(_descriptor_of(message_class), key)
            if field is None:
                return UserError(f"{path} can't be read: {error}")
            place = f"{path}.{field.name}"
            return _inner_failure(value, field, place) or UserError(
                f"{place} must be {_expected(field, message_class)}, got {value!r:.80}"
            )
    return None


def _inner_failure(value: Any, field: FieldDescriptor, path: str) -> UserError | None:
    for place, item, descriptor in _members(value, field, path):
        if (
            isinstance(item, dict)
            and descriptor is not None
            and not descriptor.full_name.startswith(_OWN_JSON)
        ):
            inner = message_factory.GetMessageClass(descriptor)
            failure = _failure(cast("dict[str, Any]", item), inner, place)
            if failure is not None:
                return failure
    return None


def _members(value: Any, field: FieldDescriptor, path: str) -> Iterator[tuple[str, Any, Descriptor | None]]:
    """What stands below a field: the values of a map, the items of a list, or the value itself."""
    held = _map_value_of(field)
    if held is not None and isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield f"{path}[{key!r}]", item, held.message_type
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield f"{path}[{index}]", item, field.message_type
    else:
        yield path, value, field.message_type


def _expected(field: FieldDescriptor, message_class: type[Message]) -> str:
    if _map_value_of(field) is not None:
        return "an object"
    if field.enum_type is not None:
        word = f"one of {', '.join(field.enum_type.values_by_name)}"
    elif field.message_type is not None:
        name = field.message_type.name
        word = f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    else:
        word = _WORDS[field.cpp_type]
    # Only newer releases of protobuf let a descriptor say whether it is repeated.
    return f"a list, each {word}" if hasattr(getattr(message_class(), field.name), "extend") else word


def _field_of(descriptor: Descriptor, key: str) -> FieldDescriptor | None:
    return descriptor.fields_by_name.get(key) or descriptor.fields_by_camelcase_name.get(key)


def _map_value_of(field: FieldDescriptor) -> FieldDescriptor | None:
    """The field that holds the values of a map; None for every other field."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else None


def _descriptor_of(message_class: type[Message]) -> Descriptor:
    # The typing stubs name the implementation's own class as well, which has the same members.
    return cast("Descriptor", message_class.DESCRIPTOR)


_WORDS = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number of 32 bits, not negative",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number of 64 bits, not negative",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "text",
}
