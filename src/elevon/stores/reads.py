"""What is read from the state database, each function from one consistent snapshot.

Rows come back joined, as one value for thousands of them: a step a row would hand the interpreter's lock to and fro.
It must never write, nor wait for a writer.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from elevon import ports
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease, Request
from elevon.records.phases import ExecutionPhase
from elevon.records.transitions import Transition
from elevon.stores import refusals, rows, writes
from elevon.stores.connections import Connection

# The cast to text is one of bytes: group_concat joins text only, and SQLite looks at no encoding on the way.
_JOINED: Final = "coalesce(max(version), 0), count(*), cast(group_concat(cast(record AS TEXT), '') AS BLOB)"


def load_execution(connection: Connection, execution: ExecutionId) -> ports.StoredExecution:
    """All current rows; `NotFoundError` if there is none."""
    with connection.transaction("BEGIN"):
        key = writes.existing_key(connection, execution)
        return ports.StoredExecution(
            execution=get_execution(connection, execution),
            nodes=_all(connection, "nodes", "node_id", rows.NODES, (key, execution)),
            attempts=_all(connection, "attempts", "node_id, attempt", rows.ATTEMPTS, (key, execution)),
            onces=_all(connection, "onces", "node_id, attempt, key", rows.ONCES, (key, execution)),
        )


def get_execution(connection: Connection, execution: ExecutionId) -> ExecutionRecord:
    """Its current record; `NotFoundError` if there is none."""
    row = connection.value(
        "SELECT version, record FROM executions WHERE project = ? AND domain = ? AND name = ?",
        execution.project,
        execution.domain,
        execution.name,
    )
    if row is None:
        raise refusals.no_execution(execution)
    version, content = row
    return rows.EXECUTIONS.one(version, content, execution)


def list_executions(
    connection: Connection, phases: frozenset[ExecutionPhase], limit: int
) -> Sequence[ExecutionRecord]:
    """Newest first."""
    condition = "WHERE phase IN (SELECT value FROM json_each(?1))" if phases else "WHERE ?1 IS NOT NULL"
    found = connection.all(
        f"SELECT project, domain, name, version, record FROM executions {condition} "  # noqa: S608 - ours
        "ORDER BY created_us DESC, key DESC LIMIT ?2",
        msgspec.json.encode(sorted(phases)).decode(),
        limit or -1,
    )
    return tuple(
        rows.EXECUTIONS.one(version, record, ExecutionId(project, domain, name))
        for project, domain, name, version, record in found
    )


def list_transitions(
    connection: Connection, execution: ExecutionId, after: int, node_id: str | None
) -> Sequence[tuple[int, Transition]]:
    """History in order, from behind `after`."""
    with connection.transaction("BEGIN"):
        key = writes.existing_key(connection, execution)
        sequences, newest, count, joined = connection.value(
            f"SELECT json_group_array(sequence), {_JOINED} FROM ("  # noqa: S608 - our own words
            "SELECT sequence, version, record FROM transitions WHERE execution = ?1 AND sequence > ?2 "
            "AND (?3 IS NULL OR node_id = ?3) ORDER BY sequence)",
            key,
            after,
            node_id,
        )
    transitions = rows.TRANSITIONS.many(newest, count, joined or b"", execution)
    return tuple(zip(msgspec.json.decode(sequences, type=list[int]), transitions, strict=True))


def get_artifact(connection: Connection, digest: str) -> bytes:
    """The content; `NotFoundError` if there is none."""
    content = connection.value("SELECT content FROM artifacts WHERE digest = ?", digest)
    if content is None:
        raise refusals.no_artifact(digest)
    return content


def get_lease(connection: Connection, execution: ExecutionId) -> Lease | None:
    """Who owns it; `NotFoundError` if there is no such execution."""
    with connection.transaction("BEGIN"):
        return writes.lease_of(connection, writes.existing_key(connection, execution), execution)


def list_requests(connection: Connection, owner: str) -> Sequence[Request]:
    """Of all executions that the owner holds."""
    found = connection.all(
        "SELECT name, requests.version, requests.record FROM leases "
        "JOIN requests ON requests.execution = leases.execution "
        "JOIN executions ON executions.key = leases.execution WHERE owner = ? ORDER BY requests.execution, kind",
        owner,
    )
    return tuple(rows.REQUESTS.one(version, record, name) for name, version, record in found)


def _all(
    connection: Connection,
    table: str,
    order: str,
    decoder: rows.RowDecoder[rows.R],
    subject: tuple[int, ExecutionId],
) -> tuple[rows.R, ...]:
    key, execution = subject
    newest, count, joined = connection.value(
        f"SELECT {_JOINED} FROM ("  # noqa: S608 - our own names
        f"SELECT version, record FROM {table} WHERE execution = ? ORDER BY {order})",
        key,
    )
    return tuple(decoder.many(newest, count, joined or b"", execution))
