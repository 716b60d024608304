"""Values inside a struct: what a dataclass or an untyped dict holds, as msgpack and JSON can carry it.

It owns the plain form of every annotation (times as ISO 8601 text, spans as seconds, enums as their value), which is
the form that flytekit writes through mashumaro. Both directions are strict, so that a wrong value is named where it
is made. It must never make a literal: a struct is one literal, and its fields are none.
"""

import collections.abc
import dataclasses
import enum
import pathlib
import types
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from elevon.errors import UserError
from elevon.idl import literals
from elevon.idl.messages import Literal
from elevon.primitives import suggestions
from elevon.sdk.types import atoms, models
from elevon.sdk.types.files import Directory, File
from elevon.sdk.types.transformers import (
    FileSink,
    FileSource,
    Packer,
    Unpacker,
    bare,
    mismatch,
    packed,
    type_name,
    wrong_literal,
)
from elevon.sdk.types.waitables import Waitable

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


def decode_other(
    literal: Literal,
    files: FileSource,
    annotation: Any,
    decode: Callable[[Literal, FileSource], Any],
    spelled: str = "",
) -> Any:
    """The value in a literal that is not of the kind that the annotation's own literals are of.

    Args:
        literal: It may be msgpack that holds the plain form, or a union around a literal of whichever kind.
        files: Where files of it come from.
        annotation: Of the value.
        decode: Its transformer's; for what is in a union.
        spelled: The annotation, in a message to a person; empty for how it is spelled in code.

    Raises:
        UserError: It is of another kind, or what it holds is of another type.
    """
    match literals.kind_of(literal):
        case "binary":
            return unpacker_for(annotation)(packed(literal), files)
        case "union":
            return decode(literal.scalar.union.value, files)
        case _:
            raise wrong_literal(literal, spelled or type_name(annotation))


def _plain_for(annotation: Any) -> atoms.Plain:
    # int | str equals str | int, but the order of the variants matters: the spelling is part of the key.
    return _cached_plain(annotation, repr(annotation))


@lru_cache(maxsize=2048)
def _cached_plain(annotation: Any, spelling: str) -> atoms.Plain:
    annotation = bare(annotation)
    if annotation in atoms.ATOMS:
        return atoms.ATOMS[annotation]
    if annotation in _SEQUENCES or annotation in _MAPPINGS or annotation is tuple:
        return _container(annotation, ())
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _container(origin, typing.get_args(annotation))
    if isinstance(annotation, type):
        return _class(annotation)
    raise UserError(f"a field can't have the type {type_name(annotation)}: {_MEND}")


_MEND = "use numbers, text, times, enums, lists, dicts or dataclasses of those"


def _container(origin: Any, args: tuple[Any, ...]) -> atoms.Plain:
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


def _class(cls: type[Any]) -> atoms.Plain:
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    if issubclass(cls, Waitable):
        from elevon.sdk.types import waitable_forms

        return waitable_forms.PLAIN
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls)
    if models.is_model(cls):
        return atoms.atom(cls, lambda value: models.dump(value, cls), lambda value: models.load(value, cls))
    if issubclass(cls, File | Directory):
        return _reference(cls)
    if issubclass(cls, pathlib.PurePath):
        return atoms.text(cls, str, cls)
    raise UserError(f"a field can't have the type {type_name(cls)}: {_MEND}")


def _enum(cls: type[enum.Enum]) -> atoms.Plain:
    spelled = f"{type_name(cls)} (one of {', '.join(repr(member.value) for member in cls)})"
    names, held = cls.__members__, [member.value for member in cls]

    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, cls):
            raise mismatch(value, spelled)
        return value.value

    def unpack(value: Any, files: FileSource | None) -> Any:
        is_written_by_a_person = files is None
        if is_written_by_a_person and isinstance(value, str) and value in names and value not in held:
            return cls[value]
        try:
            return cls(value)
        except ValueError as error:
            raise mismatch(value, spelled) from error

    return atoms.Plain(lambda value: isinstance(value, cls), pack, unpack)


def _choice(allowed: tuple[Any, ...]) -> atoms.Plain:
    def same(value: Any, files: Any) -> Any:
        for choice in allowed:
            if type(choice) is type(value) and choice == value:
                return value
        raise mismatch(value, f"one of {', '.join(repr(choice) for choice in allowed)}")

    return atoms.Plain(lambda value: value in allowed, same, same)


def _reference(cls: type[File] | type[Directory]) -> atoms.Plain:
    """A file inside a struct travels as flytekit's files do: a dict that holds the uri as its path."""

    def pack(value: Any, files: FileSink) -> Any:
        return {"path": cls.of(value).stored(files)}

    def unpack(value: Any, files: FileSource | None) -> Any:
        if isinstance(value, str):
            return cls.at(value, files)
        if isinstance(value, dict) and "path" in value:
            return cls.at(str(typing.cast("dict[str, Any]", value)["path"]), files)
        raise mismatch(value, type_name(cls))

    return atoms.Plain(lambda value: isinstance(value, cls), pack, unpack)


def _sequence(build: type[Any], item_type: Any) -> atoms.Plain:
    item = _plain_for(item_type)
    name = f"{build.__name__}[{type_name(item_type)}]"
    accepted = (build, *_ALSO_ACCEPTED.get(build, ()))

    def pack(value: Any, files: FileSink) -> Any:
        if not isinstance(value, accepted):
            raise mismatch(value, name)
        members = typing.cast("typing.Iterable[Any]", value)
        packed = [_at(f"item {index}", item.pack, member, files) for index, member in enumerate(members)]
        # A set comes in the order of this process's hashes: equal sets must be equal bytes.
        return sorted(packed, key=msgspec.msgpack.encode) if build in (set, frozenset) else packed

    def unpack(value: Any, files: FileSource | None) -> Any:
        if not isinstance(value, list | tuple):
            raise mismatch(value, name)
        members = typing.cast("typing.Iterable[Any]", value)
        return build(_at(f"item {index}", item.unpack, member, files) for index, member in enumerate(members))

    return atoms.Plain(lambda value: isinstance(value, accepted), pack, unpack)


def _tuple(item_types: tuple[Any, ...]) -> atoms.Plain:
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

    return atoms.Plain(lambda value: isinstance(value, tuple), pack, unpack)


def _mapping(key_type: Any, value_type: Any) -> atoms.Plain:
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

    return atoms.Plain(lambda value: isinstance(value, dict), pack, unpack)


def _key_reader(key_type: Any, key: atoms.Plain) -> Unpacker:
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


def _union(variant_types: tuple[Any, ...]) -> atoms.Plain:
    variants = [_plain_for(variant_type) for variant_type in variant_types]
    name = " | ".join(type_name(variant_type) for variant_type in variant_types)

    def pack(value: Any, files: FileSink) -> Any:
        exact = [variant for variant in variants if variant.is_instance(value)]
        return _first([variant.pack for variant in exact or variants], value, files, name)

    def unpack(value: Any, files: FileSource | None) -> Any:
        """Plain values are taken as they are before text is parsed: '3' stays text in int | str."""
        exact = [
            variant
            for variant in variants
            if variant in atoms.TAKEN_AS_THEY_ARE and variant.is_instance(value)
        ]
        if isinstance(value, dict):
            held = frozenset(typing.cast("dict[str, Any]", value))
            exact = sorted(variants, key=lambda variant: len(variant.fields ^ held))
        return _first([variant.unpack for variant in exact or variants], value, files, name)

    return atoms.Plain(lambda value: any(variant.is_instance(value) for variant in variants), pack, unpack)


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


def _dataclass(cls: type[Any]) -> atoms.Plain:
    fields = tuple(dataclasses.fields(cls))
    names = frozenset(field.name for field in fields)
    hints = field_types(cls)
    plains: dict[str, atoms.Plain] = {}

    def plain(name: str) -> atoms.Plain:
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
        _ensure_known(cls, names, held, files)
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

    return atoms.Plain(lambda value: type(value) is cls, pack, unpack, names)


def _ensure_known(
    cls: type[Any], names: frozenset[str], held: collections.abc.Iterable[str], files: FileSource | None
) -> None:
    """Refuse names that no field has in what a person has written; on the wire they may be of a newer class."""
    for name in held if files is None else ():
        if name not in names:
            raise UserError(f"{type_name(cls)} has no field {name!r}: {suggestions.hint(name, names)}")


def field_types(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a dataclass with every name looked up.

    Raises:
        UserError: A name in an annotation means nothing where the class was defined.
    """
    try:
        return typing.get_type_hints(cls)
    except NameError as error:
        raise UserError(
            f"an annotation of {type_name(cls)} names something unknown ({error}): define it at the top of the module"
        ) from error


def _at(place: str, convert: Any, value: Any, files: Any) -> Any:
    try:
        return convert(value, files)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
