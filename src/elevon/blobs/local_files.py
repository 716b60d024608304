"""Blobs as files of this machine: the adapter of `ports.BlobStore` for plain paths and `file://` URIs.

It owns what a URI means here. It must never leave a part of a file under a name that was asked for.
"""

import asyncio
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from elevon import errors
from elevon.primitives import files


class LocalBlobStore:
    """Reads and writes files in threads, so that a slow disk never holds the loop."""

    async def put(self, uri: str, content: bytes) -> None:
        path = path_of(uri)
        try:
            await asyncio.to_thread(files.write, path, content)
        except OSError as error:
            raise errors.UnavailableError(f"{uri} can't be written: {error}") from error

    async def get(self, uri: str) -> bytes:
        path = path_of(uri)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except (FileNotFoundError, NotADirectoryError):
            raise errors.NotFoundError(
                f"there is no file {uri}: it was never written, or was deleted since"
            ) from None
        except OSError as error:
            raise errors.UnavailableError(f"{uri} can't be read: {error}") from error

    async def delete_prefix(self, uri: str) -> None:
        path = path_of(uri)
        try:
            await asyncio.to_thread(_delete, path)
        except OSError as error:
            raise errors.UnavailableError(f"{uri} can't be deleted: {error}") from error


def path_of(uri: str) -> Path:
    """The absolute path that a plain path or a `file://` URI names.

    Raises:
        UserError: It is no absolute path, or names another place than this machine.
    """
    parts = urlsplit(uri)
    if "://" not in uri:
        path = Path(uri)
    elif parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(unquote(parts.path))
    else:
        raise errors.UserError(f"{uri} is not on this machine: use a path or a file:/// URI")
    if not path.is_absolute():
        raise errors.UserError(f"{uri!r} is no absolute path: begin it with /")
    return path


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
