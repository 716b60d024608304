"""Values inside a struct: what a dataclass or an untyped dict holds, as msgpack and JSON can carry it.

It owns the plain form of every annotation (times as ISO 8601 text, spans as seconds, enums as their value), which is
the form that flytekit writes through mashumaro. Both directions are strict, so that a wrong value is named where it
is made. It must never make a literal: a struct is one literal, and its fields are none.
"""

import base64
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import types
import typing
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from elevon.errors import UserError
from elevon.sdk.types import models
from elevon.sdk.types.files import Directory, File
from elevon.sdk.types.transformers import FileSink, FileSource, Packer, Unpacker, bare, mismatch, type_name

_SEQUENCES: dict[Any, type[Any]] = {
    list: list,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    set: set,
    frozenset: frozenset,
}
_ALSO_ACCEPTED: dict[type[Any], tuple[type[Any], ...]] = {list: (tuple,)}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (typing.Union, types.UnionType)
_MOST_INTEGER = 2**64 - 1
_LEAST_INTEGER = -(2**63)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plain:
    """Both directions of one annotation, and the test that chooses it among the variants of a union."""

    is_instance: Callable[[Any], bool]
    pack: Packer
    unpack: Unpacker


def packer_for(annotation: Any) -> Packer:
    """How values of the annotation become plain.

    Raises:
        UserError: The annotation has no plain form.
    """
    return _plain_for(annotation).pack


def unpacker_for(annotation: Any) -> Unpacker:
    """How plain values, out of msgpack or JSON, become values of the annotation.

    Raises:
        UserError: The annotation has no plain form.
    """
    return _plain_for(annotation).unpack


def _plain_for(annotation: Any) -> _Plain:
    # int | str equals str | int, but the order of the variants matters: the spelling is part of the key.
    return _cached_plain(annotation, repr(annotation))


@lru_cache(maxsize=2048)
def _cached_plain(annotation: Any, spelling: str) -> _Plain:
    annotation = bare(annotation)
    if annotation in _ATOMS:
        return _ATOMS[annotation]
    if annotation in _SEQUENCES or annotation in _MAPPINGS or annotation is tuple:
        return _container(annotation, ())
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _container(origin, typing.get_args(annotation))
    if isinstance(annotation, type):
        return _class(annotation)
    raise UserError(f"a field can't have the type {type_name(annotation)}: {_MEND}")


_MEND = "use numbers, text, times, enums, lists, dicts or dataclasses of those"


def _container(origin: Any, args: tuple[Any, ...]) -> _Plain:
    if origin in _UNIONS:
        return _union(args)
    if origin is typing.Literal:
        return _choice(args)
    if origin in _SEQUENCES:
        return _sequence(_SEQUENCES[origin], args[0] if args else Any)
    if origin in _MAPPINGS:
        return _mapping(*(args or (Any, Any)))
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:  # noqa: PLR2004 - the two parts of tuple[X, ...]
            return _sequence(tuple, args[0])
        return _tuple(args) if args else _sequence(tuple, Any)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return _dataclass(origin)
    raise UserError(f"a field can't have the type {type_name(origin)}: {_MEND}")


def _class(cls: type[Any]) -> _Plain:
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls)
    if models.is_model(cls):
        return _of(cls, lambda value: models.dump(value, cls), lambda value: models.load(value, cls))
    if issubclass(cls, File | Directory):
        return _reference(cls)
    if issubclass(cls, pathlib.PurePath):
        return _text(cls, str, cls)
    raise UserError(f"a field can't have the type {type_name(cls)}: {_MEND}")


def _of(cls: type, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> _Plain:
    """An atom: packed when it is an instance, unpacked with every failure told as a mismatch."""
    name = type_name(cls)

    def is_instance(value: Any) -> bool:
        # A datetime is a date to Python, but it would lose its time here.
        return isinstance(value, cls) and not (cls is dt.date and isinstance(value, dt.datetime))

    def checked(value: Any, files: FileSink) -> Any:
        if not is_instance(value):
            raise mismatch(value, name)
        return pack(value)

    return _Plain(is_instance, checked, lambda value, files: unpack(value))


def _text(cls: type, pack: Callable[[Any], str], parse: Callable[[str], Any]) -> _Plain:
    """A type that travels as text."""

    def unpack(value: Any) -> Any:
        if not isinstance(value, str):
            raise mismatch(value, type_name(cls))
        try:
            return parse(value)
        except (ValueError, ArithmeticError) as error:
            raise mismatch(value, type_name(cls)) from error

    return _of(cls, pack, unpack)


def _exact(cls: type) -> _Plain:
    """A type that msgpack and JSON hold as it is."""

    def same(value: Any) -> Any:
        if type(value) is not cls:
            raise mismatch(value, type_name(cls))
        return value

    return _of(cls, lambda value: value, same)


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


def _integer() -> _Plain:
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

    return _Plain(lambda value: type(value) is int, pack, unpack)


def _float() -> _Plain:
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

    return _Plain(lambda value: type(value) is float, pack, unpack)


def _none() -> _Plain:
    def same(value: Any, files: Any) -> None:
        if value is not None:
            raise mismatch(value, "None")

    return _Plain(lambda value: value is None, same, same)


def _span() -> _Plain:
    def unpack(value: Any) -> dt.timedelta:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise mismatch(value, "timedelta (in seconds)")
        return dt.timedelta(seconds=value)

    return _of(dt.timedelta, dt.timedelta.total_seconds, unpack)


def _anything() -> _Plain:
    return _Plain(lambda value: True, _pack_anything, lambda value, files: value)


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


def _enum(cls: type[enum.Enum]) -> _Plain:
    spelled = f"{type_name(cls)} (one of {', '.join(repr(member.value) for member in cls)})"

    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, cls):
            raise mismatch(value, spelled)
        return value.value

    def unpack(value: Any, files: FileSource | None) -> Any:
        try:
            return cls(value)
        except ValueError as error:
            raise mismatch(value, spelled) from error

    return _Plain(lambda value: isinstance(value, cls), pack, unpack)


def _choice(allowed: tuple[Any, ...]) -> _Plain:
    def same(value: Any, files: Any) -> Any:
        for choice in allowed:
            if type(choice) is type(value) and choice == value:
                return value
        raise mismatch(value, f"one of {', '.join(repr(choice) for choice in allowed)}")

    return _Plain(lambda value: value in allowed, same, same)


def _reference(cls: type[File] | type[Directory]) -> _Plain:
    """A file inside a struct travels as flytekit's files do: a dict that holds the uri as its path."""

    def pack(value: Any, files: FileSink) -> Any:
        return {"path": cls.of(value).stored(files)}

    def unpack(value: Any, files: FileSource | None) -> Any:
        if isinstance(value, str):
            return cls.at(value, files)
        if isinstance(value, dict) and "path" in value:
            return cls.at(str(typing.cast("dict[str, Any]", value)["path"]), files)
        raise mismatch(value, type_name(cls))

    return _Plain(lambda value: isinstance(value, cls), pack, unpack)


def _sequence(build: type[Any], item_type: Any) -> _Plain:
    item = _plain_for(item_type)
    name = f"{build.__name__}[{type_name(item_type)}]"
    accepted = (build, *_ALSO_ACCEPTED.get(build, ()))

    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, accepted):
            raise mismatch(value, name)
        members = typing.cast("typing.Iterable[Any]", value)
        return [_at(f"item {index}", item.pack, member, files) for index, member in enumerate(members)]

    def unpack(value: Any, files: FileSource | None) -> Any:
        if not isinstance(value, list | tuple):
            raise mismatch(value, name)
        members = typing.cast("typing.Iterable[Any]", value)
        return build(_at(f"item {index}", item.unpack, member, files) for index, member in enumerate(members))

    return _Plain(lambda value: isinstance(value, accepted), pack, unpack)


def _tuple(item_types: tuple[Any, ...]) -> _Plain:
    items = [_plain_for(item_type) for item_type in item_types]
    name = f"tuple[{', '.join(type_name(item_type) for item_type in item_types)}]"

    def members(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(typing.cast("list[Any]", value)) != len(items):
            raise mismatch(value, name)
        return zip(items, typing.cast("list[Any]", value), strict=True)

    def pack(value: Any, files: FileSink) -> Any:
        return [item.pack(member, files) for item, member in members(value)]

    def unpack(value: Any, files: FileSource | None) -> Any:
        return tuple(item.unpack(member, files) for item, member in members(value))

    return _Plain(lambda value: isinstance(value, tuple), pack, unpack)


def _mapping(key_type: Any, value_type: Any) -> _Plain:
    key, item = _plain_for(key_type), _plain_for(value_type)
    name = f"dict[{type_name(key_type)}, {type_name(value_type)}]"
    key_of = _key_reader(key_type, key)

    def pairs(value: Any) -> Any:
        if not isinstance(value, collections.abc.Mapping):
            raise mismatch(value, name)
        return typing.cast("collections.abc.Mapping[Any, Any]", value).items()

    def pack(value: Any, files: FileSink) -> Any:
        return {
            key.pack(name, files): _at(f"[{name!r}]", item.pack, held, files) for name, held in pairs(value)
        }

    def unpack(value: Any, files: FileSource | None) -> Any:
        return {
            key_of(name, files): _at(f"[{name!r}]", item.unpack, held, files) for name, held in pairs(value)
        }

    return _Plain(lambda value: isinstance(value, dict), pack, unpack)


def _key_reader(key_type: Any, key: _Plain) -> Unpacker:
    """JSON has no keys but text: a number that came as text is read back as a number."""
    if bare(key_type) not in (int, float):
        return key.unpack

    def unpack(value: Any, files: FileSource | None) -> Any:
        if isinstance(value, str):
            try:
                return key_type(value)
            except ValueError as error:
                raise mismatch(value, type_name(key_type)) from error
        return key.unpack(value, files)

    return unpack


def _union(variant_types: tuple[Any, ...]) -> _Plain:
    variants = [_plain_for(variant_type) for variant_type in variant_types]
    name = " | ".join(type_name(variant_type) for variant_type in variant_types)

    def pack(value: Any, files: FileSink) -> Any:
        exact = [variant for variant in variants if variant.is_instance(value)]
        return _first([variant.pack for variant in exact or variants], value, files, name)

    def unpack(value: Any, files: FileSource | None) -> Any:
        """Plain values are taken as they are before text is parsed: '3' stays text in int | str."""
        exact = [
            variant for variant in variants if variant in _TAKEN_AS_THEY_ARE and variant.is_instance(value)
        ]
        return _first([variant.unpack for variant in exact or variants], value, files, name)

    return _Plain(lambda value: any(variant.is_instance(value) for variant in variants), pack, unpack)


def _first(attempts: list[Any], value: Any, files: Any, name: str) -> Any:
    failure: UserError | None = None
    for attempt in attempts:
        try:
            return attempt(value, files)
        except UserError as error:
            failure = error
    if failure is not None and len(attempts) == 1:
        raise failure
    raise mismatch(value, name) from failure


def _dataclass(cls: type[Any]) -> _Plain:
    fields = tuple(dataclasses.fields(cls))
    hints = field_types(cls)
    plains: dict[str, _Plain] = {}

    def plain(name: str) -> _Plain:
        # Found at the first use: a class may hold itself.
        if name not in plains:
            plains[name] = _plain_for(hints[name])
        return plains[name]

    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, cls):
            raise mismatch(value, type_name(cls))
        return {
            field.name: _at(f"field {field.name}", plain(field.name).pack, getattr(value, field.name), files)
            for field in fields
        }

    def unpack(value: Any, files: FileSource | None) -> Any:
        if not isinstance(value, dict):
            raise mismatch(value, type_name(cls))
        held = typing.cast("dict[str, Any]", value)
        taken: dict[str, Any] = {}
        for field in fields:
            if field.init and field.name in held:
                taken[field.name] = _at(
                    f"field {field.name}", plain(field.name).unpack, held[field.name], files
                )
            elif (
                field.init
                and field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            ):
                raise UserError(f"{type_name(cls)} needs a value for its field {field.name}")
        return cls(**taken)

    return _Plain(lambda value: isinstance(value, cls), pack, unpack)


def field_types(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a dataclass with every name looked up.

    Raises:
        UserError: A name in an annotation means nothing where the class was defined.
    """
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise UserError(
            f"an annotation of {type_name(cls)} names something unknown ({error}): define it at the top of the module"
        ) from error


def _at(place: str, convert: Any, value: Any, files: Any) -> Any:
    try:
        return convert(value, files)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error


_FLOAT_NAMES = ("NaN", "Infinity", "-Infinity")
_ATOMS: dict[Any, _Plain] = {
    int: _integer(),
    float: _float(),
    str: _exact(str),
    bool: _exact(bool),
    bytes: _of(bytes, lambda value: value, _bytes_of),
    type(None): _none(),
    None: _none(),
    Any: _anything(),
    object: _anything(),
    dt.datetime: _text(dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    dt.date: _text(dt.date, dt.date.isoformat, dt.date.fromisoformat),
    dt.time: _text(dt.time, dt.time.isoformat, dt.time.fromisoformat),
    dt.timedelta: _span(),
    decimal.Decimal: _text(decimal.Decimal, str, decimal.Decimal),
    uuid.UUID: _text(uuid.UUID, str, uuid.UUID),
}
_TAKEN_AS_THEY_ARE = tuple(_ATOMS[atom] for atom in (int, float, bool, bytes, type(None)))
