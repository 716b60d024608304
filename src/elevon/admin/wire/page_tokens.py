"""Tokens of pages: where a list goes on, as text that a client hands back and nobody else reads.

A token holds the place behind which the next page begins, and a digest of what is listed, so that it means something
for that list alone. The server remembers none: one that was begun anew goes on with what an earlier one gave out.
"""

import base64
import binascii
from typing import Any, Final, TypeVar

import msgspec

from elevon import errors
from elevon.primitives import ids

P = TypeVar("P")
_VERSION: Final = 1
_DIGEST_LENGTH: Final = 16


class Listing(msgspec.Struct, frozen=True):
    """What is listed: pages of the same listing belong together.

    Attributes:
        kind: `executions`, `nodes` or `attempts`.
        of: What they are of, and which of them are wanted.
    """

    kind: str
    of: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What tells it from others."""
        return ids.digest(msgspec.msgpack.encode(self))[:_DIGEST_LENGTH]


def make(listing: Listing, place: Any) -> str:
    """The token of the page behind a place.

    Args:
        listing: What is listed.
        place: Anything that msgspec writes.
    """
    content = msgspec.msgpack.encode((_VERSION, listing.digest, place))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def place(token: str, listing: Listing, kind: type[P]) -> P | None:
    """The place behind which a page begins; None for the first one, which needs no token.

    Raises:
        UserError: That is no token, or one of another list.
    """
    if not token:
        return None
    try:
        content = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        version, digest, found = msgspec.msgpack.decode(content, type=tuple[int, str, msgspec.Raw])
        is_of_listing = (version, digest) == (_VERSION, listing.digest)
        made = msgspec.msgpack.decode(found, type=kind) if is_of_listing else None
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise errors.UserError(
            f"token {token!r:.40} is none of elevon's: leave it out for the first page"
        ) from error
    if made is None:
        raise errors.UserError(
            f"token {token!r:.40} is of another list: give it with the filters and the order of the page that it came "
            "with, or leave it out for the first page"
        )
    return made
