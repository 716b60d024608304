"""The `error.pb` of a process that was given secrets, before anybody reads it."""

from pathlib import Path
from typing import Final

from elevon.primitives.redaction import Redactor

ERROR: Final = "error.pb"


def mask(folder: Path, redactor: Redactor) -> None:
    """Mask secrets in the error that a process has left in a folder, if it has left one."""
    path = folder / ERROR
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if redactor.is_in(content):
        path.write_bytes(_masked(content, redactor))


def _masked(content: bytes, redactor: Redactor) -> bytes:
    from google.protobuf.message import DecodeError  # takes longer to load than all else that a keeper needs

    from elevon.idl.messages import ErrorDocument

    try:
        document = ErrorDocument.FromString(content)
    except DecodeError:
        return redactor.content(content)
    error = document.error
    error.code, error.message = redactor.text(error.code), redactor.text(error.message)
    return document.SerializeToString(deterministic=True)
