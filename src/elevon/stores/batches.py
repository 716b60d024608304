"""Many commits of many executions as few SQL statements.

Every step of a statement gives up the interpreter's lock, and may wait 5 ms (the switch interval) to get it back from
a busy event loop; a thousand single inserts were seen to take seconds that way. So the rows of a whole group travel
as two parameters a table, a JSON array of columns and one blob of all records, and are unpacked by SQLite. It must be
called inside a transaction that holds the write lock, which is what makes one look at the fencing numbers enough.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from elevon.records.leases import Lease
from elevon.stores import rows
from elevon.stores.connections import Connection

_FENCES: Final = """
SELECT json_group_array(json_array(asked.key, executions.key, (
    SELECT coalesce(max(sequence), 0) FROM transitions WHERE transitions.execution = executions.key)))
FROM json_each(?) AS asked
CROSS JOIN executions ON executions.project = asked.value ->> 0
    AND executions.domain = asked.value ->> 1 AND executions.name = asked.value ->> 2
CROSS JOIN leases ON leases.execution = executions.key
    AND leases.owner = asked.value ->> 3 AND leases.fencing = asked.value ->> 4
"""

# Each takes the array of columns, the last two of them the place of the record in the blob, and the blob.
_STATEMENTS: Final = {
    "executions": """
        UPDATE executions SET phase = row.value ->> 1, created_us = row.value ->> 2, version = row.value ->> 3,
            record = substr(?2, row.value ->> 4, row.value ->> 5)
        FROM json_each(?1) AS row WHERE executions.key = row.value ->> 0
    """,
    "nodes": """
        INSERT INTO nodes (execution, node_id, version, record)
        SELECT value ->> 0, value ->> 1, value ->> 2, substr(?2, value ->> 3, value ->> 4) FROM json_each(?1)
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record
    """,
    "attempts": """
        INSERT INTO attempts (execution, node_id, attempt, version, record)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, substr(?2, value ->> 4, value ->> 5)
        FROM json_each(?1)
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record
    """,
    "onces": """
        INSERT INTO onces (execution, node_id, attempt, key, version, record)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
            substr(?2, value ->> 5, value ->> 6)
        FROM json_each(?1)
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record
    """,
    "transitions": """
        INSERT INTO transitions (execution, sequence, node_id, version, record)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, substr(?2, value ->> 4, value ->> 5)
        FROM json_each(?1)
    """,
}


class Batch(NamedTuple):
    """What one `commit` of the port hands in."""

    lease: Lease
    rows: Sequence[rows.Row]


class _Fence(NamedTuple):
    key: int
    newest_sequence: int


Columns = tuple[str | int, ...]


def write(connection: Connection, batches: Sequence[Batch]) -> list[bool]:
    """Write the batches in order, in the transaction that is open.

    Returns:
        Of each batch, whether its lease was the newest; nothing of the others is written.
    """
    fences = _fences(connection, batches)
    tables: dict[str, dict[Columns, rows.Row]] = {}
    appended: dict[int, int] = {}
    for batch in batches:
        fence = fences.get(_tenure(batch.lease))
        if fence is None:
            continue
        for row in batch.rows:
            if row.table == "transitions":
                sequence = appended.get(fence.key, fence.newest_sequence) + 1
                appended[fence.key] = sequence
                columns: Columns = (fence.key, sequence, *row.key)
            else:
                columns = (fence.key, *row.key)
            tables.setdefault(row.table, {})[columns] = (
                row  # a later state of a record replaces the earlier one
            )
    for table, content in tables.items():
        connection.execute(_STATEMENTS[table], *_packed(content.items()))
    return [_tenure(batch.lease) in fences for batch in batches]


def _fences(connection: Connection, batches: Sequence[Batch]) -> dict[Columns, _Fence]:
    tenures = list(dict.fromkeys(_tenure(batch.lease) for batch in batches))
    found = connection.value(_FENCES, _json(tenures))
    valid = msgspec.json.decode(found, type=list[tuple[int, int, int]])
    return {tenures[index]: _Fence(key, sequence) for index, key, sequence in valid}


def _tenure(lease: Lease) -> Columns:
    execution = lease.execution
    return (execution.project, execution.domain, execution.name, lease.owner, lease.fencing)


def _packed(content: Iterable[tuple[Columns, rows.Row]]) -> tuple[str, bytes]:
    columns: list[Columns] = []
    records: list[bytes] = []
    place = 1  # SQL counts from 1
    for key, row in content:
        columns.append((*key, row.version, place, len(row.content)))
        records.append(row.content)
        place += len(row.content)
    return _json(columns), b"".join(records)


def _json(value: Sequence[Columns]) -> str:
    return msgspec.json.encode(value).decode()
