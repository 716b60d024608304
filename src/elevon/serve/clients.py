"""The client of a server's API, for commands that work on a server as they do on a home.

It is the standard library's HTTP client in a thread, because a command makes a handful of requests, one after the
other, and what would make them at once takes longer to import than they take. Every request can be sent again: a start
has a name that the client chose, everything else says how things are to be. So a server that is begun anew in the
middle of a wait is waited for.
"""

import asyncio
import contextlib
import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from google.protobuf.message import DecodeError, Message

from elevon import errors
from elevon.admin.attempts import OrderStanding
from elevon.admin.executions import DOMAIN, PROJECT, Pruned
from elevon.admin.rosters import Drained, ExecutorDetails, ExecutorList
from elevon.admin.snapshots import Snapshot
from elevon.admin.wire.extensions import Registration, Streams, Update
from elevon.admin.wire.operations import AttemptOrder, Draining, Pruning, Recovery
from elevon.idl.admin_messages import (
    ExecutionCreateRequest,
    ExecutionCreateResponse,
    ExecutionList,
    ExecutionTerminateRequest,
    LaunchPlan,
)
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId

_BINARY: Final = "application/octet-stream"
_JSON: Final = "application/json"
_CONNECT_TIMEOUT_S: Final = 5.0
_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.3
# A first one may be a connection that was closed because it was idle.
_FAILED_TO_SAY: Final = 2
_PAGE_COUNT: Final = 1000
M = TypeVar("M", bound=Message)


class Client:
    """Asks one server; a request at a time.

    Args:
        url: Where it is.
        principal: Who asks, for the record.
        say: Is told when the server is waited for, and when it is there again.

    Raises:
        UserError: That is no URL of a server.
    """

    def __init__(self, url: str, principal: str, say: Callable[[str], None] = lambda _sentence: None) -> None:
        self.url = url.rstrip("/")
        self._connection, self._prefix = _connection_to(url)
        self._principal = principal.encode("ascii", "replace").decode()
        self._say = say
        self._has_answered = False
        self._lock = asyncio.Lock()

    def close(self) -> None:
        """Let the connection go; a request that waits for its answer ends, one that connects within seconds."""
        opened: socket.socket | None = self._connection.sock
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    async def register(self, registration: Registration) -> LaunchPlan:
        """Keep a workflow with its code at the server."""
        content = msgspec.json.encode(registration)
        return _message(await self._post("/elevon/v1/launch_plans", content, _JSON), LaunchPlan)

    async def create(self, request: ExecutionCreateRequest) -> ExecutionCreateResponse:
        """Start an execution."""
        content = request.SerializeToString()
        return _message(await self._post("/api/v1/executions", content, _BINARY), ExecutionCreateResponse)

    async def list_page(self, filters: str, limit: int, token: str) -> ExecutionList:
        """A page of executions, newest first; of all that there are at once for a limit of 0."""
        query = {"limit": min(limit or _PAGE_COUNT, _PAGE_COUNT), "filters": filters, "token": token}
        path = _path("api", "v1", "executions", PROJECT, DOMAIN, **query)
        return _message(await self._ask("GET", path), ExecutionList)

    async def snapshot(self, text: str, *, is_history_wanted: bool) -> Snapshot:
        """All rows of the execution of that name, or of the only one whose name begins so."""
        history = "true" if is_history_wanted else "false"
        content = await self._ask("GET", _path("elevon", "v1", "executions", text, history=history))
        return _struct(content, Snapshot)

    async def update(self, name: str, after: int, patience_s: float) -> Update:
        """What has changed of an execution since an update; the server waits for it."""
        path = _path("elevon", "v1", "executions", name, "updates", after=after, wait=patience_s)
        return _struct(await self._ask("GET", path), Update)

    async def terminate(self, name: str, cause: str) -> None:
        """Ask for the end of an execution."""
        content = ExecutionTerminateRequest(cause=cause).SerializeToString()
        await self._ask("DELETE", _path("api", "v1", "executions", PROJECT, DOMAIN, name), content, _BINARY)

    async def streams(self, name: str, node_id: str, attempt: int) -> tuple[str, ...]:
        """What an attempt may have written, by the names that `read_log` takes."""
        path = _own("executions", name, "streams", node=node_id, attempt=attempt)
        return _struct(await self._ask("GET", path), Streams).streams

    async def read_log(self, name: str, node_id: str, attempt: int, stream: str, offset: int) -> bytes:
        """What an attempt has written, from a byte on, a piece of it."""
        query = {"node": node_id, "attempt": attempt, "stream": stream, "offset": offset}
        return await self._ask("GET", _own("executions", name, "logs", **query))

    async def find(self, text: str) -> ExecutionRecord:
        """The record of the execution of that name, or of the only one whose name begins so."""
        return _struct(await self._ask("GET", _own("executions", text, "record")), ExecutionRecord)

    async def resume(self, name: str) -> ExecutionRecord:
        """Have the server go on with an execution; its record."""
        return _struct(await self._ask("PUT", _own("executions", name, "resumption")), ExecutionRecord)

    async def recover(self, name: str, recovery: Recovery) -> ExecutionRecord:
        """Run a failed execution again; the record of the new one."""
        path = _own("executions", name, "recoveries")
        return _struct(await self._post(path, msgspec.json.encode(recovery), _JSON), ExecutionRecord)

    async def delete(self, name: str) -> None:
        """Remove an ended execution."""
        await self._ask("DELETE", _own("executions", name))

    async def prune(self, pruning: Pruning) -> Pruned:
        """Remove what is old."""
        return _struct(await self._post(_own("prunings"), msgspec.json.encode(pruning), _JSON), Pruned)

    async def order(self, name: str, order: AttemptOrder) -> AttemptId:
        """Ask something of an attempt; which one it is."""
        path = _own("executions", name, "orders")
        return _struct(await self._post(path, msgspec.json.encode(order), _JSON), AttemptId)

    async def standing(self, attempt: AttemptId) -> OrderStanding:
        """What has come of what was asked of an attempt."""
        name = attempt.execution.name
        path = _own("executions", name, "orders", node=attempt.node_id, attempt=attempt.attempt)
        return _struct(await self._ask("GET", path), OrderStanding)

    async def list_executors(self) -> ExecutorList:
        """The executors that the server has."""
        return _struct(await self._ask("GET", _own("executors")), ExecutorList)

    async def show_executor(self, name: str) -> ExecutorDetails:
        """One of them, by its id or by a task type."""
        return _struct(await self._ask("GET", _own("executors", name)), ExecutorDetails)

    async def drain(self, task_type: str, draining: Draining) -> Drained:
        """Have nothing of a task type started."""
        path = _own("drains", task_type)
        return _struct(await self._ask("PUT", path, msgspec.json.encode(draining), _JSON), Drained)

    async def undrain(self, task_type: str) -> None:
        """Have attempts of a task type started again."""
        await self._ask("DELETE", _own("drains", task_type))

    async def _post(self, path: str, content: bytes, media_type: str) -> bytes:
        return await self._ask("POST", path, content, media_type)

    async def _ask(self, method: str, path: str, content: bytes = b"", media_type: str = "") -> bytes:
        """Send a request, and again if nobody answers who answered before.

        Raises:
            ElevonError: What the server says.
            UnavailableError: Nobody answers.
        """
        headers = {"Accept": _BINARY, "Elevon-By": self._principal}
        if media_type:
            headers["Content-Type"] = media_type
        async with self._lock:
            status, answer = await self._send_until_answered(method, path, content, headers)
            self._has_answered = True
        if status != http.client.OK:
            raise self._refusal(status, answer)
        return answer

    async def _send_until_answered(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        deadline: float | None = None
        failed_count = 0
        while True:
            try:
                answer = await asyncio.to_thread(self._send, method, path, content, headers)
                break
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                deadline = deadline or time.monotonic() + _PATIENCE_S
                if not self._has_answered or time.monotonic() > deadline:
                    raise self._unreached(error) from error
            failed_count += 1
            if failed_count == _FAILED_TO_SAY:
                self._say(
                    f"the server at {self.url} does not answer; it is waited for, for {_PATIENCE_S:.0f} s"
                )
            await asyncio.sleep(_PAUSE_S)
        if failed_count >= _FAILED_TO_SAY:
            self._say(f"the server at {self.url} answers again")
        return answer

    def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection.sock is None:
            self._connect()
        self._connection.request(method, f"{self._prefix}{path}", content or None, dict(headers))
        response = self._connection.getresponse()
        return response.status, response.read()

    def _connect(self) -> None:
        """Connect, or fail soon: nothing ends a thread that tries to."""
        self._connection.timeout = _CONNECT_TIMEOUT_S
        self._connection.connect()
        opened: socket.socket = self._connection.sock
        opened.settimeout(_TIMEOUT_S)

    def _unreached(self, error: Exception) -> errors.UnavailableError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return errors.UnavailableError(
            f"no server answers at {self.url} ({reason or type(error).__name__}): start one with `elevon serve`, or "
            "name another by --remote or ELEVON_REMOTE"
        )

    def _refusal(self, status: int, answer: bytes) -> errors.ElevonError:
        try:
            said: dict[str, str] = json.loads(answer)
            return errors.from_code(said["code"], said["message"])
        except (ValueError, KeyError, TypeError):
            return errors.UnavailableError(
                f"what answers at {self.url} is no server of elevon: it answered {status} without a reason"
            )


def _connection_to(url: str) -> tuple[http.client.HTTPConnection, str]:
    """What will be connected to the server of a URL, and the path below which its paths are."""
    refused = f"{url!r} is no URL of a server"
    try:
        found = urllib.parse.urlsplit(url)
        host, port = (found.hostname or "").encode("idna").decode(), found.port
        kind = http.client.HTTPSConnection if found.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port)
    except (ValueError, http.client.InvalidURL) as error:
        raise errors.UserError(f"{refused}: {error}") from error
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if found.scheme not in ("http", "https") or not host or found.query or found.fragment or not is_plain:
        raise errors.UserError(f"{refused}: write it as http://127.0.0.1:7380")
    if found.username is not None:
        raise errors.UserError(f"{refused}: leave out the user, as no server of elevon asks for one")
    return connection, found.path.rstrip("/")


def _own(*steps: str, **query: Any) -> str:
    """A path that Flyte does not have."""
    return _path("elevon", "v1", *steps, **query)


def _path(*steps: str, **query: Any) -> str:
    path = "/".join(urllib.parse.quote(step, safe="") for step in steps)
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return f"/{path}?{urllib.parse.urlencode(given)}" if given else f"/{path}"


S = TypeVar("S", bound=msgspec.Struct)


def _message(content: bytes, wanted: type[M]) -> M:
    try:
        return wanted.FromString(content)
    except DecodeError as error:
        raise _strange(error) from error


def _struct(content: bytes, wanted: type[S]) -> S:
    try:
        return msgspec.json.decode(content, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _strange(error) from error


def _strange(error: Exception) -> errors.CorruptStateError:
    return errors.CorruptStateError(
        f"the server's answer can't be understood ({error}): is it another release of elevon?"
    )
