"""What turns the values of one annotation into literals and back, and what every such thing has in common.

It owns the shape of a transformer, the ports to file storage and the wording of type errors. It must never know a
particular type: those are in the neighbouring modules, and `resolution` finds the one for an annotation.
"""

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, get_args, get_origin

import msgspec

from elevon.errors import UserError
from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralType

_REPR_LIMIT = 80


class FileSink(Protocol):
    """Where files of outputs go."""

    def upload(self, local_path: Path, /) -> str:
        """Stores a file or a directory for good.

        Returns:
            The uri under which `FileSource` finds it, on any machine that runs a task of the workflow.
        """
        ...

    def keep(self, content: bytes, /) -> str:
        """Stores bytes for good that are in no file.

        Returns:
            A uri as of `upload`, or one that holds the bytes itself: see `elevon.idl.inlines`.
        """
        ...


class FileSource(Protocol):
    """Where files of inputs come from."""

    def download(self, uri: str, /) -> Path:
        """A local path at which the file or directory of the uri can be read."""
        ...


class Packer(Protocol):
    """Turns a Python value into what msgpack can hold."""

    def __call__(self, value: Any, files: FileSink, /) -> Any: ...


class Unpacker(Protocol):
    """Turns what msgpack or JSON held into a Python value; without a source, its files are local paths."""

    def __call__(self, value: Any, files: FileSource | None, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Transformer:
    """How the values of one annotation travel.

    Attributes:
        tag: flytekit's name of the transformer; it marks the variants of a union on the wire.
        literal_type: The declared type. Messages are mutable: whoever changes one copies it first.
        kind: What `literals.kind_of` says of a literal made here.
        is_instance: Whether a value is of the type without any conversion.
        encode: Value to literal; raises UserError.
        decode: Literal to value; raises UserError.
    """

    tag: str
    literal_type: LiteralType
    kind: str
    is_instance: Callable[[Any], bool]
    encode: Callable[[Any, FileSink], Literal]
    decode: Callable[[Literal, FileSource], Any]


def bare(annotation: Any) -> Any:
    """The annotation behind the metadata of ``Annotated`` and behind names given by ``NewType`` and ``type``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # typing has it from Python 3.12 on
            annotation = annotation.__value__
        else:
            return annotation


def type_name(annotation: Any) -> str:
    """An annotation as it is spelled in a message to a person: without the modules its classes live in."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(args[0])
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(value) for value in args)}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_name(variant) for variant in args)
    if origin is not None:
        return f"{type_name(origin)}[{', '.join(type_name(part) for part in args)}]"
    for known, name in _PLAIN_NAMES:
        if annotation is known:
            return name
    return _class_name(annotation)


def _class_name(annotation: Any) -> str:
    if isinstance(annotation, type):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return str(annotation).removeprefix("typing.")


_PLAIN_NAMES = ((None, "None"), (type(None), "None"), (Any, "Any"), (..., "..."))


def mismatch(value: Any, expected: str) -> UserError:
    """The error for a value that is not of its type."""
    if value is None:
        return UserError(f"expected {expected}, got None")
    shown = repr(value)
    if len(shown) > _REPR_LIMIT:
        shown = f"{shown[:_REPR_LIMIT]}..."
    return UserError(f"expected {expected}, got {shown} ({type_name(type(value))})")


def wrong_literal(literal: Literal, expected: str) -> UserError:
    """The error for a literal that can't become a value of the type."""
    return UserError(f"expected {expected}, got a literal of kind {literals.kind_of(literal) or 'nothing'}")


def packed(literal: Literal) -> Any:
    """The content of a msgpack literal, without Python types.

    Raises:
        UserError: The bytes are damaged or in another format.
    """
    binary = literal.scalar.binary
    if binary.tag != literals.MSGPACK_TAG:
        raise UserError(
            f"a binary literal has the format {binary.tag!r}; only {literals.MSGPACK_TAG!r} can be read"
        )
    try:
        return msgspec.msgpack.decode(binary.value, strict=False)
    except msgspec.DecodeError as error:
        raise UserError(f"a binary literal is no msgpack: {error}") from error
