"""Files and directories that travel by reference.

It owns the two classes that user code holds. A file that is stored already is never copied: only a local path that a
task hands out goes through the sink. Where sinks put things is none of its business.
"""

import os
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import unquote, urlsplit

from elevon.errors import NotFoundError, UserError
from elevon.idl import literal_types, literals
from elevon.idl.messages import BlobType, Literal
from elevon.sdk.types.transformers import FileSink, FileSource, Transformer, mismatch, wrong_literal


class _Reference:
    """What a file and a directory have in common: a uri, and a local path once somebody asks for it."""

    __slots__ = ("_files", "_path", "uri")

    is_multipart = False
    spelled = ""

    def __init__(self, path_or_uri: str | os.PathLike[str], source: FileSource | None = None) -> None:
        text = os.fspath(path_or_uri)
        is_stored = source is not None or _is_remote(text)
        self._files = source
        self._path = None if is_stored else local_path(text)
        self.uri = text if is_stored else ""

    @classmethod
    def at(cls, uri: str, files: FileSource | None) -> Self:
        """The stored thing under a uri, fetched when its path is first asked for; a local path without a source."""
        return cls(uri, files)

    @classmethod
    def of(cls, value: Any) -> Self:
        """The value itself, or what a path or uri names.

        Raises:
            UserError: It is neither.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str | os.PathLike):
            return cls(value)  # pyright: ignore[reportUnknownArgumentType] - a PathLike of bytes fails in fspath
        raise mismatch(value, f"{cls.spelled} or a path")

    @property
    def path(self) -> Path:
        """Where it can be read on this machine.

        Raises:
            UserError: It is remote and was not handed in by a task's inputs.
        """
        if self._path is None:
            if self._files is None:
                raise UserError(f"{self.uri} is remote: give it to a task, whose parameter has a local path")
            self._path = self._files.download(self.uri)
        return self._path

    def stored(self, files: FileSink) -> str:
        """The uri, after a local path was stored.

        Raises:
            NotFoundError: Nothing, or the other kind of thing, is at the local path.
        """
        if not self.uri:
            path = self.path
            if path.is_dir() != self.is_multipart or not path.exists():
                what = f": it is a {'directory' if path.is_dir() else 'file'}" if path.exists() else ""
                raise NotFoundError(f"there is no {self.spelled.lower()} at {path}{what}")
            self.uri = files.upload(path)
        return self.uri

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and repr(other) == repr(self)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{self.spelled}({self.uri or str(self._path)!r})"


class File(_Reference):
    """A file by reference: built from a local path or a uri, and handed to tasks without its content.

    Attributes:
        uri: Where it is stored; empty for a local file that no task has handed out yet.
    """

    __slots__ = ()
    spelled = "File"

    def open(self, mode: str = "r", encoding: str | None = None) -> IO[Any]:
        """Opens the local copy, as `open` does."""
        if encoding is None and "b" not in mode:
            encoding = "utf-8"
        return self.path.open(mode, encoding=encoding)


class Directory(_Reference):
    """A directory by reference; otherwise as `File`.

    Attributes:
        uri: Where it is stored; empty for a local directory that no task has handed out yet.
    """

    __slots__ = ()
    is_multipart = True
    spelled = "Directory"


def _is_remote(text: str) -> bool:
    return "://" in text and not text.startswith("file://")


def local_path(text: str) -> Path:
    """A path or a file uri as a path."""
    return Path(unquote(urlsplit(text).path)) if text.startswith("file://") else Path(text).expanduser()


def reference(cls: type[File] | type[Directory]) -> Transformer:
    """The transformer of File or Directory."""

    def encode(value: Any, files: FileSink) -> Literal:
        return literals.blob(cls.of(value).stored(files), is_multipart=cls.is_multipart)

    def decode(literal: Literal, files: FileSource) -> Any:
        kind = literals.kind_of(literal)
        if kind == "union":
            return decode(literal.scalar.union.value, files)
        if kind == "string_value":
            return cls.at(literal.scalar.primitive.string_value, files)
        blob = literal.scalar.blob
        is_multipart = blob.metadata.type.dimensionality == BlobType.BlobDimensionality.MULTIPART
        if kind != "blob" or is_multipart != cls.is_multipart:
            raise wrong_literal(literal, cls.spelled)
        return cls.at(blob.uri, files)

    return Transformer(
        tag="FlyteDirectory" if cls.is_multipart else "FlyteFilePath",
        literal_type=literal_types.blob(is_multipart=cls.is_multipart),
        kind="blob",
        is_instance=lambda value: isinstance(value, cls),
        encode=encode,
        decode=decode,
    )
