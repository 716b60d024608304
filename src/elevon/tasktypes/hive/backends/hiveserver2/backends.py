"""The backend `hiveserver2`: each query an asynchronous operation in a session of its own.

The server knows no tokens, and gives a running operation away to nobody who lacks its handle. So a query is sent by a
courier, which outlives the engine until the handle is noted. And the session is opened first, to be known durably
before that, and made to outlive its connection: should a courier die as well, closing the session ends whatever runs
there, and nothing is ever begun beside it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from elevon import errors
from elevon.plugin import SetupContext
from elevon.plugin.contexts import Json
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.hiveserver2 import complaints, statements
from elevon.tasktypes.hive.backends.hiveserver2.books import Book, Note, Stage
from elevon.tasktypes.hive.backends.hiveserver2.clients import Connections
from elevon.tasktypes.hive.backends.hiveserver2.connections import Connection, OperationState, ServerKind
from elevon.tasktypes.hive.backends.hiveserver2.couriers import Courier, Order
from elevon.tasktypes.hive.backends.hiveserver2.endings import Endings
from elevon.tasktypes.hive.backends.hiveserver2.handles import (
    Handle,
    PreparedSession,
    QueryHandle,
    prepared_of,
    query_of,
)
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query, QueryPhase, QueryStatus
from elevon.tasktypes.hive.configurations import HiveConfig

_PHASES: Final = {
    "INITIALIZED_STATE": QueryPhase.QUEUED,
    "PENDING_STATE": QueryPhase.QUEUED,
    "RUNNING_STATE": QueryPhase.RUNNING,
    "FINISHED_STATE": QueryPhase.SUCCEEDED,
    "CANCELED_STATE": QueryPhase.CANCELLED,
    "CLOSED_STATE": QueryPhase.CANCELLED,
    "ERROR_STATE": QueryPhase.FAILED,
}


class HiveServer2Backend(HiveBackend):
    """Hive's own server, or Spark's.

    Args:
        setup: Of the executor.
    """

    name = "hiveserver2"
    resync_s = 5.0

    def __init__(self, setup: SetupContext[HiveConfig]) -> None:
        self._settings = setup.config.hiveserver2
        self._call_s = setup.config.call_s
        self._directory = setup.state_dir / "hiveserver2"
        self._secrets = setup.secrets
        self._clock = setup.clock
        self._password = ""
        self._kind: ServerKind | None = None  # not yet asked

    async def open(self) -> None:
        settings = self._settings
        if settings.auth == "KERBEROS":
            raise errors.UserError(
                "[executors.hive.hiveserver2] auth = 'KERBEROS' is not possible: choose NONE, NOSASL or LDAP, which a "
                "second HiveServer2 of the same warehouse may offer"
            )
        if settings.auth == "LDAP":
            self._password = await self._secrets.get(settings.secret_group, settings.secret_key)
        self._book = await asyncio.to_thread(Book, self._directory)
        self._courier = Courier(self._book, settings, self._password, self._call_s)
        # Statuses have threads of their own: a server that takes long to begin a query keeps no news from anybody.
        self._looks = Connections(self._connect, settings.connections, "hiveserver2-looks")
        self._calls = Connections(self._connect, settings.connections, "hiveserver2-calls")
        self._endings = Endings(self._calls, self._clock, self._call_s)

    async def close(self) -> None:
        await asyncio.gather(self._courier.close(), self._looks.close(), self._calls.close())

    def check(self, query: Query) -> None:
        statements.script_of(query.text)

    async def prepare(self, query: Query, token: str) -> Json:
        """Open the session. What a crash leaves of it is idle, and closed by the server's own time-out."""
        session = await self._opened()
        return msgspec.to_builtins(
            PreparedSession(session.to_text(), self._book.id, statements.is_repeatable(query.text))
        )

    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        session = prepared_of(prepared).session
        script = statements.script_of(query.text, f"{query.name} {token}")
        try:
            begun = await self._courier.send(Order(token, session, script))
        except TransportError as error:
            if not error.is_missing:
                raise
            # `find` closed it, or the server was restarted: nothing runs there.
            session = (await self._opened()).to_text()
            begun = await self._courier.send(Order(token, session, script))
        return msgspec.to_builtins(begun)

    async def find(self, token: str, prepared: Json) -> Json:
        known = prepared_of(prepared)
        note = await self._note(token, known)
        if note.stage is Stage.UNDER_WAY:
            raise TransportError("the query is being sent")
        if note.stage is Stage.BEGUN:
            return msgspec.to_builtins(note.query)
        if note.stage is Stage.UNKNOWN:
            await self._close_sessions(known.session, note.session)
            if not known.is_repeatable:
                raise errors.MayHaveHappenedError("submit", token)
            await asyncio.to_thread(self._book.forget, token)
        return None

    async def statuses(self, handles: Sequence[Json]) -> Sequence[QueryStatus | None]:
        found = await asyncio.gather(
            *(self._status(query_of(handle)) for handle in handles), return_exceptions=True
        )
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return [one for one in found if isinstance(one, QueryStatus)]

    async def cancel(self, handle: Json) -> None:
        await self._endings.end(query_of(handle), await self._known_kind())

    async def log(self, handle: Json) -> str:
        operation = Handle.from_text(query_of(handle).operation)
        try:
            return await self._looks.call(lambda connection: connection.log(operation))
        except TransportError as error:
            if error.is_missing:
                return ""
            raise

    async def abandon(self, token: str, prepared: Json) -> None:
        """End the query if it is known; then close the session, so that none can begin there."""
        if prepared is None:
            return
        known = prepared_of(prepared)
        note = await self._note(token, known)
        if note.stage is Stage.UNDER_WAY:
            raise TransportError("the query is being sent")
        if note.query is not None:
            await self._endings.end(note.query, await self._known_kind())
        await self._close_sessions(known.session, note.session)

    async def release(self, token: str, prepared: Json, handle: Json) -> None:
        await self._close_sessions(
            prepared_of(prepared).session if prepared is not None else "",
            query_of(handle).session if handle is not None else "",
        )
        await asyncio.to_thread(self._book.forget, token)

    async def _opened(self) -> Handle:
        """A session that outlives its connection."""
        kind = await self._known_kind()

        def detached(connection: Connection) -> Handle:
            session = connection.open_session(kind)
            connection.detach()
            return session

        return await self._calls.call(detached)

    async def _known_kind(self) -> ServerKind:
        if self._kind is None:
            self._kind = await self._calls.call(lambda connection: connection.kind())
        return self._kind

    def _connect(self) -> Connection:
        return Connection(self._settings, self._password, self._call_s)

    async def _note(self, token: str, known: PreparedSession) -> Note:
        """What is known of a submission; of one from another machine nothing is."""
        if known.book != self._book.id:
            return Note(Stage.UNKNOWN)
        note = await asyncio.to_thread(self._book.read, token)
        return note._replace(stage=Stage.UNDER_WAY) if self._courier.has(token) else note

    async def _close_sessions(self, *sessions: str) -> None:
        for session in dict.fromkeys(filter(None, sessions)):
            handle = Handle.from_text(session)
            await self._calls.call(lambda connection, handle=handle: connection.close_session(handle))

    async def _status(self, query: QueryHandle) -> QueryStatus:
        operation = Handle.from_text(query.operation)
        link = self._settings.console_url.replace("{operation}", operation.name)
        try:
            state = await self._looks.call(lambda connection: connection.state(operation))
        except TransportError as error:
            if not error.is_missing:
                raise
            place = f"{self._settings.host}:{self._settings.port}"
            return QueryStatus(
                phase=QueryPhase.LOST,
                message=f"the HiveServer2 at {place} does not know the query {operation.name} any more: it was "
                "restarted, or somebody closed the session; what the query had written by then is there",
                link=link,
            )
        return _status_of(state, link)


def _status_of(state: OperationState, link: str) -> QueryStatus:
    # Newer servers have more states than the protocol that is spoken here: such an operation has ended otherwise.
    phase = _PHASES.get(state.name, QueryPhase.FAILED)
    if phase is not QueryPhase.FAILED:
        return QueryStatus(phase=phase, link=link)
    message = complaints.shortened(state.message) or f"the server reports the state {state.name}"
    is_mendable = not complaints.is_of_the_query(state.sql_state, state.message)
    return QueryStatus(phase=phase, message=message, link=link, is_mendable=is_mendable)
