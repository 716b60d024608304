"""What passes between the kit and a process that it will kill: pickled messages, each with its length before it.

Both ends are this program's own, on one machine and of one release; nothing else ever connects.
"""

import asyncio
import pickle
import struct
from typing import Any, Final

import msgspec

from elevon.testing.conformance.calls import Call
from elevon.testing.conformance.promises import Promise
from elevon.testing.conformance.stories import What

_LENGTH: Final = struct.Struct("!I")


class Hello(msgspec.Struct, frozen=True):
    """The process is there.

    Attributes:
        pid: Whom to kill.
    """

    pid: int


class Told(msgspec.Struct, frozen=True):
    """Something for the story."""

    what: What
    text: str
    attempt: int | None
    name: str


class Complained(msgspec.Struct, frozen=True):
    """The process saw a promise broken."""

    promise: Promise
    sentence: str


class Reached(msgspec.Struct, frozen=True):
    """A moment has come; the answer says what goes wrong there."""

    number: int
    moment: str


class Called(msgspec.Struct, frozen=True):
    """The executor calls its service; the answer is what came of it."""

    number: int
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    call: Call | None


class Answered(msgspec.Struct, frozen=True):
    """The answer to a moment or a call.

    Attributes:
        number: Of what it answers.
        result: What goes wrong, or what the service returned.
        error: What the service raised; None for nothing.
        is_disturbed: Whether something went wrong on the way.
    """

    number: int
    result: Any = None
    error: Exception | None = None
    is_disturbed: bool = False


class Parked(msgspec.Struct, frozen=True):
    """An attempt waits for a person: nothing more will happen."""


def write(writer: asyncio.StreamWriter, message: object) -> None:
    """Send a message; it is on its way when this returns, even if the process dies at once."""
    content = pickle.dumps(message)
    writer.write(_LENGTH.pack(len(content)) + content)


async def read(reader: asyncio.StreamReader) -> Any:
    """The next message.

    Raises:
        EOFError: The other end is gone.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - of this program's own process
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error
