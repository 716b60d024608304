"""Where the files behind `File` and `Directory` values are kept while a task runs on this machine.

It owns the copying of outputs below a prefix on a local path. It must never talk to an object store: another
adapter of the same two ports does.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from elevon import errors
from elevon.idl import inlines
from elevon.primitives import files as durable_files


def local_path(uri: str) -> Path:
    """The path that a file URI or a plain path stands for.

    Raises:
        UserError: It is on another machine.
    """
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    if "://" in uri:
        raise errors.UserError(f"{uri} is not on this machine: only file:// and plain paths can be used here")
    return Path(uri)


class InPlaceFiles:
    """Files stay where they are; for constants and arguments, whose files are on the author's machine."""

    def upload(self, local_path: Path) -> str:
        """The absolute URI of the path."""
        return local_path.absolute().as_uri()

    def keep(self, content: bytes) -> str:
        """A uri that holds the bytes: they go wherever the constant or argument goes.

        Raises:
            UserError: They are too many for that.
        """
        return inlines.to_uri(content)

    def download(self, uri: str) -> Path:
        """The path itself."""
        return _existing(uri)


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files of outputs are copied below a prefix, each into a folder of its own; inputs are read in place.

    Attributes:
        prefix: URI or path of a local directory; made when first used.
    """

    prefix: str

    def upload(self, local_path: Path) -> str:
        """Copy a file or a directory, durably.

        Returns:
            Its new URI.

        Raises:
            UserError: The prefix is not on this machine.
        """
        target = _folder(self.prefix) / uuid.uuid4().hex / local_path.name
        target.parent.mkdir(parents=True)
        if local_path.is_dir():
            shutil.copytree(local_path, target, copy_function=_copy)
        else:
            _copy(local_path, target)
        return target.as_uri()

    def keep(self, content: bytes) -> str:
        """Write a file, durably.

        Returns:
            Its URI.

        Raises:
            UserError: The prefix is not on this machine.
        """
        target = _folder(self.prefix) / uuid.uuid4().hex / "content"
        durable_files.write(target, content)
        return target.as_uri()

    def download(self, uri: str) -> Path:
        """The path itself."""
        return _existing(uri)


IN_PLACE = InPlaceFiles()


def _folder(prefix: str) -> Path:
    return local_path(prefix).absolute()


def _existing(uri: str) -> Path:
    path = local_path(uri)
    if not path.exists():
        raise errors.NotFoundError(f"there is no file or directory at {path}")
    return path


def _copy(source: str | Path, target: str | Path) -> None:
    shutil.copy2(source, target)
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
