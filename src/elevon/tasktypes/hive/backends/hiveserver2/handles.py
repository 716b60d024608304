"""What names sessions and operations of a HiveServer2, as it survives in a state: plain strings.

A handle of the protocol is a pair of 16 bytes, a public one and a secret one; whoever has both may use it from any
connection, also after this engine is gone.
"""

import base64
from datetime import datetime
from typing import NamedTuple

import msgspec

from elevon.plugin.contexts import Json


class Handle(NamedTuple):
    """A session or an operation.

    Attributes:
        guid: Its name.
        secret: What proves that one may use it.
    """

    guid: bytes
    secret: bytes

    def to_text(self) -> str:
        """The form that is stored."""
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in self)

    @classmethod
    def from_text(cls, text: str) -> "Handle":
        """What `to_text` wrote."""
        guid, secret = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split("."))
        return cls(guid, secret)

    @property
    def name(self) -> str:
        """The name as the server's logs and pages spell it."""
        digits = self.guid.hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class PreparedSession(msgspec.Struct, frozen=True):
    """A session that waits for its one query.

    Attributes:
        session: Its handle, as text.
        book: Where what becomes of the query is noted.
        is_repeatable: Whether the query that is meant for it may run twice and leave the same as once.
    """

    session: str
    book: str
    is_repeatable: bool


class QueryHandle(msgspec.Struct, frozen=True):
    """A query that has been begun.

    Attributes:
        session: Handle of the session that it runs in, as text.
        operation: Its own handle, as text.
        begun_at: When it was begun.
    """

    session: str
    operation: str
    begun_at: datetime


def prepared_of(stored: Json) -> PreparedSession:
    """The session that a state holds."""
    return msgspec.convert(stored, PreparedSession)


def query_of(stored: Json) -> QueryHandle:
    """The query that a state holds."""
    return msgspec.convert(stored, QueryHandle)
