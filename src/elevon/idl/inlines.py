"""Bytes that a uri holds itself, as ``data:`` uris of RFC 2397: for values that are stored nowhere yet.

They travel with the literal, so that a constant or an input needs no place for files on the author's machine.
"""

import base64
import binascii

from elevon.errors import UserError

LIMIT_BYTES = 32 * 1024 * 1024  # in base64, twice, it still fits into a request to a server
_HEAD = "data:application/octet-stream;base64,"


def to_uri(content: bytes) -> str:
    """The uri that holds the bytes.

    Raises:
        UserError: There are more than `LIMIT_BYTES`.
    """
    if len(content) > LIMIT_BYTES:
        raise UserError(
            f"a constant or an input of {len(content)} bytes can't travel with its workflow, the limit is "
            f"{LIMIT_BYTES}: write it to a file, and pass a File"
        )
    return _HEAD + base64.b64encode(content).decode()


def content_of(uri: str) -> bytes | None:
    """The bytes that a uri holds; None for one that names a place.

    Raises:
        UserError: It is damaged.
    """
    if not uri.startswith(_HEAD):
        return None
    try:
        return base64.b64decode(uri[len(_HEAD) :], validate=True)
    except binascii.Error as error:
        raise UserError(f"the data in {uri[:60]!r}... can't be read: {error}") from error
