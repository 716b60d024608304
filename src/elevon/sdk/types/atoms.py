"""Values without parts inside a struct: numbers, text, times and what has no declared type.

It owns their plain form. Whatever holds other values is `packing`'s.
"""

import base64
import datetime as dt
import decimal
import typing
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elevon.errors import UserError
from elevon.sdk.types.transformers import FileSink, FileSource, Packer, Unpacker, mismatch, type_name

_MOST_INTEGER = 2**64 - 1
_LEAST_INTEGER = -(2**63)


@dataclass(frozen=True, slots=True)
class Plain:
    """Both directions of one annotation, and what chooses it among the variants of a union.

    Attributes:
        is_instance: Whether a value is of the very type; a subclass has fields that its parent would lose.
        pack: Value to plain form.
        unpack: Plain form to value.
        fields: The names in the plain form of a dataclass; empty for every other type.
    """

    is_instance: Callable[[Any], bool]
    pack: Packer
    unpack: Unpacker
    fields: frozenset[str] = frozenset()


def atom(cls: type, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Plain:
    """An atom: packed when it is an instance, unpacked with every failure told as a mismatch."""
    name = type_name(cls)

    def checked(value: Any, files: FileSink) -> Any:
        # A datetime is a date to Python, but it would lose its time here.
        if not isinstance(value, cls) or (cls is dt.date and isinstance(value, dt.datetime)):
            raise mismatch(value, name)
        return pack(value)

    return Plain(lambda value: type(value) is cls, checked, lambda value, files: unpack(value))


def text(cls: type, pack: Callable[[Any], str], parse: Callable[[str], Any]) -> Plain:
    """A type that travels as text."""

    def unpack(value: Any) -> Any:
        if not isinstance(value, str):
            raise mismatch(value, type_name(cls))
        try:
            return parse(value)
        except (ValueError, ArithmeticError) as error:
            raise mismatch(value, type_name(cls)) from error

    return atom(cls, pack, unpack)


def exact(cls: type) -> Plain:
    """A type that msgpack and JSON hold as it is."""

    def same(value: Any) -> Any:
        if type(value) is not cls:
            raise mismatch(value, type_name(cls))
        return value

    return atom(cls, lambda value: value, same)


def _bytes_of(value: Any) -> bytes:
    """Bytes from msgpack, or as base64 from JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError as error:
            raise mismatch(value, "bytes as base64") from error
    raise mismatch(value, "bytes as base64")


def _integer() -> Plain:
    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, int):
            raise mismatch(value, "int")
        if not _LEAST_INTEGER <= value <= _MOST_INTEGER:
            raise UserError(f"{value!r:.80} does not fit into 64 bits")
        return value

    def unpack(value: Any, files: FileSource | None) -> Any:
        if type(value) is int:
            return value
        if isinstance(value, float) and value.is_integer():  # a console, or JSON, knows one kind of number
            return int(value)
        raise mismatch(value, "int")

    return Plain(lambda value: type(value) is int, pack, unpack)


def _float() -> Plain:
    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise mismatch(value, "float")
        return value

    def unpack(value: Any, files: FileSource | None) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if value in _FLOAT_NAMES:
            return float(value)
        raise mismatch(value, "float")

    return Plain(lambda value: type(value) is float, pack, unpack)


def _none() -> Plain:
    def same(value: Any, files: Any) -> None:
        if value is not None:
            raise mismatch(value, "None")

    return Plain(lambda value: value is None, same, same)


def _span() -> Plain:
    def unpack(value: Any) -> dt.timedelta:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise mismatch(value, "timedelta (in seconds)")
        return dt.timedelta(seconds=value)

    return atom(dt.timedelta, dt.timedelta.total_seconds, unpack)


def _anything() -> Plain:
    return Plain(lambda value: True, _pack_anything, lambda value, files: value)


def _pack_anything(value: Any, files: FileSink) -> Any:
    """What has no declared type is written as it is, so it must be plain already."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, list | tuple):
        items = typing.cast("typing.Iterable[Any]", value)
        return [_pack_anything(item, files) for item in items]
    if isinstance(value, dict):
        pairs = typing.cast("dict[Any, Any]", value)
        return {_pack_anything(key, files): _pack_anything(item, files) for key, item in pairs.items()}
    raise mismatch(value, "numbers, text, bytes, lists and dicts, where no type is declared")


_FLOAT_NAMES = ("NaN", "Infinity", "-Infinity")
ATOMS: dict[Any, Plain] = {
    int: _integer(),
    float: _float(),
    str: exact(str),
    bool: exact(bool),
    bytes: atom(bytes, lambda value: value, _bytes_of),
    type(None): _none(),
    None: _none(),
    Any: _anything(),
    object: _anything(),
    dt.datetime: text(dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    dt.date: text(dt.date, dt.date.isoformat, dt.date.fromisoformat),
    dt.time: text(dt.time, dt.time.isoformat, dt.time.fromisoformat),
    dt.timedelta: _span(),
    decimal.Decimal: text(decimal.Decimal, str, decimal.Decimal),
    uuid.UUID: text(uuid.UUID, str, uuid.UUID),
}
TAKEN_AS_THEY_ARE = tuple(ATOMS[atom] for atom in (int, float, bool, bytes, type(None)))
