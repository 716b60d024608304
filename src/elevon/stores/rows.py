"""Records as rows: which table, which key, which version, which bytes.

It owns the encoding that all adapters share, so that what is stored means the same everywhere. A row carries the
version of its record's layout: an older one is read with the defaults of what was added since, a newer one is
refused. Never does I/O.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import msgspec

from elevon import errors
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.changes import Change
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanRecord
from elevon.records.leases import Request
from elevon.records.nodes import NodeRecord
from elevon.records.tokens import Token
from elevon.records.transitions import Transition

R = TypeVar("R", bound=msgspec.Struct)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_KEY_FIELDS: Final = frozenset(
    {"id", "execution", "node_id", "key", "task_type", "pool", "name", "namespace", "owner"}
)  # what others look a row up by stays as it is
_encoder: Final = msgspec.msgpack.Encoder()


class Row(NamedTuple):
    """One record, ready to be stored under its execution.

    Attributes:
        table: Name of the table.
        key: The columns beside the record: what it is unique by in its execution, or found by in lists.
        version: Version of the record's layout.
        content: The record.
        listed: Further columns that lists find it by; they never change.
        is_end: Whether an attempt is over with it, and so holds and waits for nothing any more.
    """

    table: str
    key: tuple[str | int, ...]
    version: int
    content: bytes
    listed: tuple[str | int, ...] = ()
    is_end: bool = False


def microseconds(at: datetime) -> int:
    """An instant as whole microseconds since 1970, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def instant(microseconds_since_epoch: int) -> datetime:
    """The instant that `microseconds` was made from, in UTC."""
    return _EPOCH + microseconds_since_epoch * _MICROSECOND


class RowDecoder(Generic[R]):
    """Reads one type of record, one by one or many at once.

    Args:
        record_type: A struct with a `version` whose default is the version that this elevon writes.
    """

    def __init__(self, record_type: type[R]) -> None:
        fields = msgspec.structs.fields(record_type)
        self._newest = next(field.default for field in fields if field.name == "version")
        self._one = msgspec.msgpack.Decoder(record_type)
        self._many: msgspec.msgpack.Decoder[list[R]] = msgspec.msgpack.Decoder(list[record_type])

    def one(self, version: int, content: bytes, subject: object) -> R:
        """The record.

        Args:
            subject: Whose row it is, for the error.

        Raises:
            CorruptStateError: Written by a newer elevon, or damaged.
        """
        self._check(version, subject)
        return _decoded(self._one, content, subject)

    def many(self, newest_version: int, count: int, joined: bytes, subject: object) -> list[R]:
        """The records whose bytes follow each other in `joined`: one call for thousands of rows.

        Raises:
            CorruptStateError: One is written by a newer elevon, or damaged.
        """
        self._check(newest_version, subject)
        return _decoded(self._many, _ARRAY_32 + count.to_bytes(4, "big") + joined, subject)

    def _check(self, version: int, subject: object) -> None:
        if version > self._newest:
            raise errors.CorruptStateError(
                f"{subject} was written by a newer elevon (record version {version}, "
                f"this one reads up to {self._newest}): upgrade elevon"
            )


_ARRAY_32: Final = b"\xdd"  # msgpack: an array whose length follows in four bytes
EXECUTIONS: Final = RowDecoder(ExecutionRecord)
NODES: Final = RowDecoder(NodeRecord)
ATTEMPTS: Final = RowDecoder(AttemptRecord)
ONCES: Final = RowDecoder(OnceRecord)
TRANSITIONS: Final = RowDecoder(Transition)
REQUESTS: Final = RowDecoder(Request)
DRAINS: Final = RowDecoder(Drain)
TOKENS: Final = RowDecoder(Token)
LAUNCH_PLANS: Final = RowDecoder(LaunchPlanRecord)


def of_change(change: Change, execution: ExecutionId) -> Row:
    """The row of a changed record.

    Raises:
        BugError: It belongs to another execution, or holds what can't be stored.
    """
    content = encode(change, execution)
    match change:
        case NodeRecord():
            listed = (change.parent, microseconds(change.started_at))
            return Row("nodes", (change.node_id,), change.version, content, listed)
        case AttemptRecord():
            key = (change.node_id, change.attempt)
            return Row("attempts", key, change.version, content, (), change.phase.is_terminal)
        case Transition():
            return Row("transitions", (change.node_id,), change.version, content)
        case OnceRecord():
            key = (change.node_id, change.attempt, change.key)
            return Row("onces", key, change.version, content)
        case ExecutionRecord():
            if change.id != execution:
                raise errors.BugError(f"a change of {change.id} was handed in with the lease of {execution}")
            key = (change.phase, microseconds(change.created_at))
            return Row("executions", key, change.version, content)


def encode(record: msgspec.Struct, subject: object) -> bytes:
    """The bytes of a record.

    Text of users' programs may hold lone surrogates, as names of files do; they are stored as escapes, because no
    message may be able to stop a commit.

    Raises:
        BugError: It holds what can't be stored.
    """
    try:
        try:
            return _encoder.encode(record)
        except UnicodeEncodeError:
            fields: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(bytes, datetime))
            return _encoder.encode(
                {name: value if name in _KEY_FIELDS else _escaped(value) for name, value in fields.items()}
            )
    except (TypeError, ValueError, OverflowError) as error:
        raise errors.BugError(
            f"{subject} has a {type(record).__name__} that can't be stored: {error}"
        ) from error


def artifact_digests(record: ExecutionRecord, artifacts: Iterable[str]) -> frozenset[str]:
    """The artifacts that keep alive with an execution."""
    return frozenset({record.closure_digest, record.code_digest, *artifacts}) - {""}


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {name: _escaped(inner) for name, inner in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_escaped(inner) for inner in cast("Sequence[Any]", value)]
        case _:
            return value


def _decoded(decoder: msgspec.msgpack.Decoder[Any], content: bytes, subject: object) -> Any:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.CorruptStateError(f"{subject} has a row that can't be read: {error}") from error
