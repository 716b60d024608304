"""One connection to a HiveServer2: the calls of its protocol that are needed, each blocking, none repeated.

It is the only module that knows impyla, of which it uses no more than the generated messages and the transports: the
cursors of impyla hide the handles by which a query is followed from another process. Nothing of impyla or thrift
leaves it; what goes wrong is a `TransportError`, whose status says what it means:

| status | what it stands for |
|---|---|
| none | the server was not reached, or did not answer in time |
| 400 | it refused what was asked for |
| 401 | it did not let this user in |
| 404 | it does not know this session or operation |
| 503 | it can't do it now |

A session belongs to the connection that opened it: a server that loses this connection closes the session, and ends
what runs in it (Spark's always; Hive's as long as hive.server2.close.session.on.disconnect is true, its default). Both
remember one session for each connection, the one opened last. So a session is made to outlive its connection by
opening a second one there, and closing that.
"""

import contextlib
import enum
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from impala import _thrift_api  # pyright: ignore[reportMissingTypeStubs]
from impala._thrift_gen.TCLIService import ttypes  # pyright: ignore[reportMissingTypeStubs]
from thrift import Thrift  # pyright: ignore[reportMissingTypeStubs]
from thrift.protocol import TBinaryProtocol  # pyright: ignore[reportMissingTypeStubs]

from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.hiveserver2 import complaints
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle
from elevon.tasktypes.hive.configurations import HiveServer2Settings

# None of these has types of its own.
_api: Final[Any] = _thrift_api
_wire: Final[Any] = ttypes
_binary: Final[Any] = TBinaryProtocol
_thrift: Final[Any] = Thrift

# A server that can't be reached is reported by this room in one sentence; thrift logs a traceback besides.
logging.getLogger("thrift").setLevel(logging.CRITICAL)

_MECHANISMS: Final = {"NONE": "PLAIN", "NOSASL": "NOSASL", "LDAP": "LDAP"}
_LOG_LINES: Final = 50_000
_REASON_S: Final = 0.2
_UNKNOWN: Final = (
    "Invalid OperationHandle",
    "Operation does not exist",
    "Invalid SessionHandle",
    "Session does not exist",
)
_REFUSED: Final = 400
_UNAUTHORIZED: Final = 401
_MISSING: Final = 404
_BUSY: Final = 503


class ServerKind(enum.Enum):
    """Whose server it is, where that makes a difference."""

    HIVE = "hive"
    SPARK = "spark"


# How long the server holds an answer to "is it done?" back while the query runs; 5 s where nobody says otherwise.
_SESSION_SETTINGS: Final = {"hive.server2.long.polling.timeout": "1ms"}
_SETTINGS_OF_KIND: Final[Mapping[ServerKind, Mapping[str, str]]] = {
    ServerKind.HIVE: {},
    # Otherwise Spark logs nothing of a query; `endings` goes by this.
    ServerKind.SPARK: {"hive.server2.logging.operation.level": "VERBOSE"},
}


class OperationState(NamedTuple):
    """Where an operation stands.

    Attributes:
        name: As the protocol has it: RUNNING_STATE, ...
        message: Why it failed, as the server says it.
        sql_state: Five characters that class the failure, if the server gave them.
    """

    name: str
    message: str
    sql_state: str


class Connection:
    """A connection, used by one thread at a time. After an error without a status it is of no more use.

    Args:
        settings: Where the server is, and how it lets one in.
        password: For LDAP.
        timeout_s: Limit on each call, in seconds.

    Raises:
        TransportError: There is none to be had.
    """

    def __init__(self, settings: HiveServer2Settings, password: str, timeout_s: float) -> None:
        self._place = f"the HiveServer2 at {settings.host}:{settings.port}"
        self._settings = settings
        self._transport: Any = self._made(password, timeout_s)
        try:
            self._answered("take a connection", self._transport.open)
        except TransportError:
            self.close()  # one that was not let in is open all the same
            raise
        self._client: Any = _api.ThriftClient(_binary.TBinaryProtocolAccelerated(self._transport))

    def close(self) -> None:
        """Leave; sessions that were opened here and not detached are closed by the server."""
        with contextlib.suppress(AttributeError):  # of thrift's TLS socket, if it is closed already
            self._transport.close()

    def kind(self) -> ServerKind:
        """Whose server it is."""
        session = self._opened({})
        request = _wire.TGetInfoReq(
            sessionHandle=_session(session), infoType=_wire.TGetInfoType.CLI_DBMS_NAME
        )
        answer = self._ask("say what it is", lambda: self._client.GetInfo(request))
        self.close_session(session)
        return ServerKind.SPARK if "spark" in str(answer.infoValue.stringValue).lower() else ServerKind.HIVE

    def open_session(self, kind: ServerKind) -> Handle:
        """Open a session; it is bound to this connection until `detach`."""
        settings = {**_SESSION_SETTINGS, **_SETTINGS_OF_KIND[kind]}
        if self._settings.database:
            settings["use:database"] = self._settings.database
        settings.update(self._settings.session)
        return self._opened(settings)

    def detach(self) -> None:
        """Have the session that was opened last outlive this connection."""
        self.close_session(self._opened({}))

    def close_session(self, session: Handle) -> None:
        """Close a session and end what runs in it; one that is not known is fine."""
        request = _wire.TCloseSessionReq(sessionHandle=_session(session))
        self._ask_known("close a session", lambda: self._client.CloseSession(request))

    def execute(self, session: Handle, statement: str) -> Handle:
        """Begin a statement in a session, and return at once; a query under way is an operation."""
        request = _wire.TExecuteStatementReq(
            sessionHandle=_session(session), statement=statement, runAsync=True
        )
        answer = self._ask("begin a query", lambda: self._client.ExecuteStatement(request))
        return _handle(answer.operationHandle.operationId)

    def state(self, operation: Handle) -> OperationState:
        """Where an operation stands."""
        request = _wire.TGetOperationStatusReq(operationHandle=_operation(operation))
        answer = self._ask("say where a query stands", lambda: self._client.GetOperationStatus(request))
        if answer.operationState == _wire.TOperationState.ERROR_STATE and not answer.errorMessage:
            time.sleep(_REASON_S)  # Spark's server says that it failed a moment before it can say why
            answer = self._ask("say where a query stands", lambda: self._client.GetOperationStatus(request))
        names: Mapping[int, str] = _wire.TOperationState._VALUES_TO_NAMES  # noqa: SLF001 - there is no other list
        name = names.get(answer.operationState, str(answer.operationState))
        return OperationState(name, answer.errorMessage or "", answer.sqlState or "")

    def log(self, operation: Handle) -> str:
        """What an operation has written to its log."""
        request = _wire.TFetchResultsReq(
            operationHandle=_operation(operation),
            orientation=_wire.TFetchOrientation.FETCH_FIRST,
            maxRows=_LOG_LINES,
            fetchType=1,  # the log in place of the rows
        )
        answer = self._ask("give the log of a query", lambda: self._client.FetchResults(request))
        lines: list[str | bytes] = [
            line for column in answer.results.columns for line in column.stringVal.values
        ]
        return "".join(
            f"{line if isinstance(line, str) else line.decode(errors='replace')}\n" for line in lines
        )

    def cancel(self, operation: Handle) -> None:
        """Cancel an operation; one that has ended, or is not known, is fine."""
        request = _wire.TCancelOperationReq(operationHandle=_operation(operation))
        self._ask_known("cancel a query", lambda: self._client.CancelOperation(request))

    def close_operation(self, operation: Handle) -> None:
        """Close an operation, with its log and its rows; one that is not known is fine."""
        request = _wire.TCloseOperationReq(operationHandle=_operation(operation))
        self._ask_known("close a query", lambda: self._client.CloseOperation(request))

    def _made(self, password: str, timeout_s: float) -> Any:
        settings = self._settings
        socket = _api.get_socket(
            settings.host, settings.port, settings.tls, settings.ca_file or None, verify_cert=True
        )
        socket.setTimeout(timeout_s * 1000)
        # Servers that ask for no password want one all the same, as SASL has it.
        secret = password or "none"
        mechanism = _MECHANISMS[settings.auth]
        return _api.get_transport(socket, settings.host, None, mechanism, settings.user, secret)

    def _opened(self, configuration: Mapping[str, str]) -> Handle:
        request = _wire.TOpenSessionReq(
            # Spark's server goes no further, and nothing of a later version is used.
            client_protocol=_wire.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V6,
            username=self._settings.user,
            configuration=dict(configuration),
        )
        answer = self._ask("open a session", lambda: self._client.OpenSession(request))
        return _handle(answer.sessionHandle.sessionId)

    def _ask_known(self, what: str, call: Callable[[], Any]) -> None:
        try:
            self._ask(what, call)
        except TransportError as error:
            if not error.is_missing:
                raise

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        """The answer of a call; one that is an error is raised."""
        answer = self._answered(what, call)
        status = answer.status
        if status.statusCode not in (_wire.TStatusCode.ERROR_STATUS, _wire.TStatusCode.INVALID_HANDLE_STATUS):
            return answer
        said = status.errorMessage or "it did not say why"
        if status.statusCode == _wire.TStatusCode.INVALID_HANDLE_STATUS or said.startswith(_UNKNOWN):
            raise TransportError(said, status=_MISSING)
        complaint = f"{self._place} could not {what}: {complaints.shortened(said)}"
        is_refusal = complaints.is_of_the_query(status.sqlState or "", said)
        raise TransportError(complaint, status=_REFUSED if is_refusal else _BUSY)

    def _answered(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (OSError, _thrift.TException) as error:
            cause = (
                getattr(error, "inner", None) or error
            )  # what thrift calls "could not connect" has a reason
            said = " ".join(str(cause).split()) or type(cause).__name__
            if said.startswith("Bad status"):  # of SASL: the server speaks, and says no
                raise TransportError(
                    f"{self._place} did not let the user {self._settings.user!r} in: {said}",
                    status=_UNAUTHORIZED,
                ) from error
            hint = ""
            if "read 0 bytes" in said:
                hint = f" (is [executors.hive.hiveserver2] auth = {self._settings.auth!r} what it wants?)"
            raise TransportError(f"{self._place} did not {what}: {said}{hint}") from error


def _identifier(handle: Handle) -> Any:
    return _wire.THandleIdentifier(guid=handle.guid, secret=handle.secret)


def _session(handle: Handle) -> Any:
    return _wire.TSessionHandle(sessionId=_identifier(handle))


def _operation(handle: Handle) -> Any:
    return _wire.TOperationHandle(
        operationId=_identifier(handle),
        operationType=_wire.TOperationType.EXECUTE_STATEMENT,
        hasResultSet=True,
    )


def _handle(identifier: Any) -> Handle:
    return Handle(identifier.guid, identifier.secret)
