"""The backend `hiveserver2`: each query an asynchronous operation in a session of its own.

The server knows no tokens, and gives a running operation away to nobody who lacks its handle. So the session is opened
first, to be known durably before the query is sent, and made to outlive its connection. When the answer to the query
was lost with the engine, closing that session ends whatever runs there: nothing is ever begun beside it.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from elevon import errors
from elevon.plugin import SetupContext
from elevon.plugin.contexts import Json
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.hiveserver2 import complaints, statements
from elevon.tasktypes.hive.backends.hiveserver2.clients import Connections
from elevon.tasktypes.hive.backends.hiveserver2.connections import Connection, OperationState
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
_POLL_S: Final = 0.05
_REFUSED: Final = 400

# Of a cancel that comes before the first job of a query, Spark 4.3 says that it is cancelled, and runs that job all the
# same, to its end.
_YOUNG_S: Final = 1.0


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
        self._secrets = setup.secrets
        self._clock = setup.clock
        self._password = ""

    async def open(self) -> None:
        settings = self._settings
        if settings.auth == "KERBEROS":
            raise errors.UserError(
                "[executors.hive.hiveserver2] auth = 'KERBEROS' is not possible: choose NONE, NOSASL or LDAP, which a "
                "second HiveServer2 of the same warehouse may offer"
            )
        if settings.auth == "LDAP":
            self._password = await self._secrets.get(settings.secret_group, settings.secret_key)
        # Statuses have threads of their own: a server that takes long to begin a query keeps no news from anybody.
        self._looks = Connections(self._connect, settings.connections, "hiveserver2-looks")
        self._calls = Connections(self._connect, settings.connections, "hiveserver2-calls")

    async def close(self) -> None:
        await asyncio.gather(self._looks.close(), self._calls.close())

    def check(self, query: Query) -> None:
        statements.script_of(query.text)
        if query.cluster_label:
            raise errors.UserError(
                f"cluster_label {query.cluster_label!r}: the hive backend 'hiveserver2' has one server and no labels"
            )

    async def prepare(self, query: Query, token: str) -> Json:
        """Open the session. What a crash leaves of it is idle, and closed by the server's own time-out."""
        session = await self._calls.call(_detached_session)
        return msgspec.to_builtins(PreparedSession(session.to_text(), statements.is_repeatable(query.text)))

    async def submit(self, query: Query, token: str, prepared: Json) -> Json:
        session = Handle.from_text(prepared_of(prepared).session)
        script = statements.script_of(query.text)
        try:
            operation = await self._begun(session, script)
        except TransportError as error:
            if not error.is_missing:
                raise
            # `find` closed it, or the server was restarted: nothing runs there.
            session = await self._calls.call(_detached_session)
            operation = await self._begun(session, script)
        begun = QueryHandle(session.to_text(), operation.to_text(), self._clock.now())
        return msgspec.to_builtins(begun)

    async def find(self, token: str, prepared: Json) -> Json:
        """None, once the session is closed, of a query that does no harm if it had ended before that."""
        known = prepared_of(prepared)
        await self._close_session(known.session)
        if not known.is_repeatable:
            raise errors.MayHaveHappenedError("submit", token)
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
        """End the operation, once it is old enough: Spark's server forgets of a younger one what it starts next."""
        query = query_of(handle)
        age_s = (self._clock.now() - query.begun_at).total_seconds()
        if 0 <= age_s < _YOUNG_S:
            await self._clock.sleep(_YOUNG_S - age_s)
        operation = Handle.from_text(query.operation)
        await self._calls.call(lambda connection: connection.cancel(operation))

    async def abandon(self, token: str, prepared: Json) -> None:
        if prepared is not None:
            await self._close_session(prepared_of(prepared).session)

    async def release(self, token: str, prepared: Json, handle: Json) -> None:
        sessions = {prepared_of(prepared).session} if prepared is not None else set[str]()
        if handle is not None:
            sessions.add(query_of(handle).session)
        for session in sorted(sessions):
            await self._close_session(session)

    def _connect(self) -> Connection:
        return Connection(self._settings, self._password, self._call_s)

    async def _close_session(self, session: str) -> None:
        handle = Handle.from_text(session)
        await self._calls.call(lambda connection: connection.close_session(handle))

    async def _begun(self, session: Handle, script: statements.Script) -> Handle:
        return await self._calls.call(
            lambda connection: _begin(connection, session, script, self._call_s), is_repeatable=False
        )

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


def _detached_session(connection: Connection) -> Handle:
    session = connection.open_session()
    connection.detach()
    return session


def _begin(connection: Connection, session: Handle, script: statements.Script, patience_s: float) -> Handle:
    """Change the session as the script says, then begin its query."""
    deadline = time.monotonic() + patience_s
    for setting in script.settings:
        operation = connection.execute(session, setting)
        while _PHASES.get((state := connection.state(operation)).name) in (
            QueryPhase.QUEUED,
            QueryPhase.RUNNING,
        ):
            if time.monotonic() > deadline:
                raise TransportError(f"{setting!r} took more than {patience_s:g} s")
            time.sleep(_POLL_S)
        if _PHASES.get(state.name) is not QueryPhase.SUCCEEDED:
            raise TransportError(f"{setting!r}: {complaints.shortened(state.message)}", status=_REFUSED)
    return connection.execute(session, script.query)


def _status_of(state: OperationState, link: str) -> QueryStatus:
    # Newer servers have more states than the protocol that is spoken here: such an operation has ended otherwise.
    phase = _PHASES.get(state.name, QueryPhase.FAILED)
    if phase is not QueryPhase.FAILED:
        return QueryStatus(phase=phase, link=link)
    message = complaints.shortened(state.message) or f"the server reports the state {state.name}"
    is_mendable = not complaints.is_of_the_query(state.sql_state, state.message)
    return QueryStatus(phase=phase, message=message, link=link, is_mendable=is_mendable)
