"""A client of the Qubole Data Service: commands of its REST interface, version 1.2.

It owns paths, headers and the names of fields. Whatever the service or the network does wrong is a transport error; it
must never repeat a call.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import aiohttp
import msgspec

from elevon.plugin.transports import TransportError, classify, parse_retry_after

T = TypeVar("T")
_TEXT_LIMIT: Final = 500
PAGE_LIMIT: Final = 100
"""The most commands that one call lists."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command, as the service tells of it.

    Attributes:
        id: The service's number.
        status: `waiting`, `running`, `done`, `error` or `cancelled`, or another word while it is between two of these.
        name: As it was submitted.
        progress: In percent.
    """

    id: int
    status: str
    name: str | None = None
    progress: float | None = None


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is made of.

    Attributes:
        query: The text.
        name: For people, and to find it by.
        label: Of the cluster.
        tags: For people.
        timeout: After which the service ends it, in seconds.
        command_type: Which kind of command.
    """

    query: str
    name: str
    label: str | None = None
    tags: Sequence[str] = ()
    timeout: int | None = None
    command_type: str = "HiveCommand"


class _Page(msgspec.Struct, frozen=True):
    commands: list[Command]


class _Problem(msgspec.Struct, frozen=True):
    error_message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: Annotated[_Problem | str, msgspec.Meta()] = ""
    message: str = ""


class QdsClient:
    """The service at one address.

    Args:
        base_url: With the version of its interface.
        token: Gives the API token.
        token_name: What to mend when that is refused.
        connections: At the same time.
    """

    def __init__(
        self, base_url: str, token: Callable[[], Awaitable[str]], token_name: str, connections: int
    ) -> None:
        self._url = base_url.rstrip("/")
        self._token = token
        self._token_name = token_name
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections), headers={"Accept": "application/json"}
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def submit(self, submission: Submission) -> Command:
        """Make a command."""
        body = {
            name: value
            for name, value in msgspec.to_builtins(submission).items()
            if value not in (None, [], ())
        }
        return await self._asked(Command, "POST", "/commands", json=body)

    async def show(self, command_id: int) -> Command | None:
        """A command; None if the service does not know it."""
        try:
            return await self._asked(Command, "GET", f"/commands/{command_id}")
        except TransportError as error:
            if error.is_missing:
                return None
            raise

    async def list(self, name: str, page: int) -> Sequence[Command]:
        """A page of commands of that name, newest first; from a service that can't filter, of any name."""
        params = {"name": name, "page": str(page), "per_page": str(PAGE_LIMIT)}
        return (await self._asked(_Page, "GET", "/commands", params=params)).commands

    async def kill(self, command_id: int) -> None:
        """Ask for the end of a command; one that has ended, or is unknown, is fine."""
        try:
            await self._text("PUT", f"/commands/{command_id}", json={"status": "kill"})
        except TransportError as error:
            if not error.is_missing:
                raise

    async def log(self, command_id: int) -> str:
        """What a command has written to its log."""
        return await self._text("GET", f"/commands/{command_id}/logs")

    async def _asked(self, wanted: type[T], method: str, path: str, **options: Any) -> T:
        text = await self._text(method, path, **options)
        try:
            return msgspec.json.decode(text, type=wanted)
        except msgspec.DecodeError as error:
            raise TransportError(
                f"{method} {path} was answered with something else than QDS answers: {error}"
            ) from None

    async def _text(self, method: str, path: str, **options: Any) -> str:
        headers = {"X-AUTH-TOKEN": await self._token()}
        try:
            async with self._session.request(
                method, f"{self._url}{path}", headers=headers, **options
            ) as response:
                text = await response.text()
                if response.status >= HTTPStatus.BAD_REQUEST:
                    mend = f": mend {self._token_name}" if response.status == HTTPStatus.UNAUTHORIZED else ""
                    raise _refusal(response.status, response.headers, text, mend)
                return text
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            known = classify(error)
            raise known or TransportError(
                f"{self._url} can't be reached: {error or type(error).__name__}"
            ) from error


def _refusal(status: int, headers: Mapping[str, str], text: str, mend: str) -> TransportError:
    """What an answer that is none means."""
    try:
        answer = msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError:
        said = text[:_TEXT_LIMIT]
    else:
        problem = answer.error
        said = (problem if isinstance(problem, str) else problem.error_message) or answer.message
    sentence = f"QDS answered {status}" + (f": {said}" if said else "") + mend
    retry_after = parse_retry_after(headers.get("Retry-After"), datetime.now(UTC))
    return TransportError(sentence, status=status, retry_after=retry_after)
