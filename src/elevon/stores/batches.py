"""Many commits of many executions as one SQL statement.

Every step of a statement gives up the interpreter's lock, and a busy event loop may be slow to hand it back: a
thousand inserts were seen to take seconds that way. So the rows of a whole group travel as one insert into a view,
JSON arrays of columns and one blob of all records, and a trigger of the connection unpacks them where no lock is
needed. The same statement looks at the fencing numbers, so that nothing can come between the look and the rows. It
must never do a row in Python that SQLite can do. Only a group whose records are more than SQLite takes as one blob
becomes several statements, in one transaction.
"""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from elevon.records.leases import Lease
from elevon.stores import rows
from elevon.stores.connections import Connection

_TABLES: Final = ("executions", "nodes", "attempts", "onces", "transitions")

# What an attempt holds of pools goes with its end; there is nothing to look for where no pool is used.
# Each row is [tenure, its columns ..., version, place of the record in the blob, length of it]. What a node is
# listed by never changes, so that no update touches an index.
_SET_UP: Final = """
CREATE TEMP TABLE fences (tenure INTEGER PRIMARY KEY, key INTEGER NOT NULL, newest_sequence INTEGER NOT NULL);
CREATE TEMP VIEW groups AS SELECT '' AS tenures, '' AS executions, '' AS nodes, '' AS attempts, '' AS onces,
    '' AS transitions, '' AS ends, x'' AS records;
CREATE TEMP TRIGGER write_group INSTEAD OF INSERT ON groups BEGIN
    DELETE FROM fences;
    INSERT INTO fences
        SELECT asked.key, executions.key, (
            SELECT coalesce(max(sequence), 0) FROM transitions WHERE transitions.execution = executions.key)
        FROM json_each(NEW.tenures) AS asked
        CROSS JOIN executions ON executions.project = asked.value ->> 0
            AND executions.domain = asked.value ->> 1 AND executions.name = asked.value ->> 2
        CROSS JOIN leases ON leases.execution = executions.key
            AND leases.owner = asked.value ->> 3 AND leases.fencing = asked.value ->> 4;
    UPDATE executions SET phase = value ->> 1, created_us = value ->> 2, version = value ->> 3,
            record = substr(NEW.records, value ->> 4, value ->> 5)
        FROM json_each(NEW.executions) JOIN fences ON fences.tenure = value ->> 0
        WHERE executions.key = fences.key;
    INSERT INTO nodes (execution, node_id, parent, started_us, version, record)
        SELECT fences.key, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
            substr(NEW.records, value ->> 5, value ->> 6)
        FROM json_each(NEW.nodes) CROSS JOIN fences ON tenure = value ->> 0
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record;
    INSERT INTO attempts (execution, node_id, attempt, version, record)
        SELECT fences.key, value ->> 1, value ->> 2, value ->> 3, substr(NEW.records, value ->> 4, value ->> 5)
        FROM json_each(NEW.attempts) CROSS JOIN fences ON tenure = value ->> 0
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record;
    INSERT INTO onces (execution, node_id, attempt, key, version, record)
        SELECT fences.key, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
            substr(NEW.records, value ->> 5, value ->> 6)
        FROM json_each(NEW.onces) CROSS JOIN fences ON tenure = value ->> 0
        WHERE true ON CONFLICT DO UPDATE SET version = excluded.version, record = excluded.record;
    INSERT INTO transitions (execution, sequence, node_id, version, record)
        SELECT fences.key, newest_sequence + (value ->> 1), value ->> 2, value ->> 3,
            substr(NEW.records, value ->> 4, value ->> 5)
        FROM json_each(NEW.transitions) CROSS JOIN fences ON tenure = value ->> 0;
    DELETE FROM tokens WHERE place IN (
        SELECT tokens.place
        FROM json_each(CASE WHEN EXISTS (SELECT 1 FROM tokens) THEN NEW.ends ELSE '[]' END) AS ended
        CROSS JOIN fences ON fences.tenure = ended.value ->> 0
        CROSS JOIN tokens ON tokens.execution = fences.key
            AND tokens.node_id = ended.value ->> 1 AND tokens.attempt = ended.value ->> 2);
END;
"""
_WRITE: Final = """
INSERT INTO groups (tenures, executions, nodes, attempts, onces, transitions, ends, records)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
RETURNING (SELECT json_group_array(tenure) FROM fences)
"""


class Batch(NamedTuple):
    """What one `commit` of the port hands in."""

    lease: Lease
    rows: Sequence[rows.Row]


Columns = tuple[str | int, ...]
_Tables = dict[str, dict[Columns, rows.Row]]


def set_up(connection: Connection) -> None:
    """Prepare a connection for `write`; what is made lives and ends with the connection."""
    connection.execute(_SET_UP)


def write(connection: Connection, batches: Sequence[Batch]) -> list[bool]:
    """Write the batches in order: in the transaction that is open, or in one of their own, durable on return.

    Returns:
        Of each batch, whether its lease was the newest; nothing of the others is written.
    """
    tenures: dict[Columns, int] = {}
    numbers = [tenures.setdefault(_tenure(batch.lease), len(tenures)) for batch in batches]
    parts = _parts(numbers, batches, connection.value_limit)
    needs_transaction = len(parts) > 1 and not connection.is_in_transaction
    valid: list[int] = []
    with connection.transaction("BEGIN IMMEDIATE") if needs_transaction else contextlib.nullcontext():
        for tables in parts:
            # The same for each part: no lease changes within a transaction.
            valid = msgspec.json.decode(connection.value(_WRITE, *_packed(tenures, tables)), type=list[int])
    return [number in valid for number in numbers]


def _parts(numbers: Sequence[int], batches: Sequence[Batch], limit: int) -> list[_Tables]:
    """All rows, one statement's worth in each part: nearly always one, because only its size divides it."""
    tables = _no_rows()
    parts, size = [tables], 0
    appended: dict[int, int] = {}
    for number, batch in zip(numbers, batches, strict=True):
        for row in batch.rows:
            size += len(row.content)
            if size >= limit:
                tables, size, appended = _no_rows(), len(row.content), {}
                parts.append(tables)
            if row.table == "transitions":
                appended[number] = appended.get(number, 0) + 1
                columns: Columns = (number, appended[number], *row.key)
            elif row.table == "executions":
                columns = (number,)
            else:
                columns = (number, *row.key)
            tables[row.table][columns] = row  # a later state of a record replaces the earlier one
    return parts


def _no_rows() -> _Tables:
    return {table: {} for table in _TABLES}


def _tenure(lease: Lease) -> Columns:
    execution = lease.execution
    return (execution.project, execution.domain, execution.name, lease.owner, lease.fencing)


def _packed(tenures: Iterable[Columns], tables: _Tables) -> tuple[str | bytes, ...]:
    parameters = [_json(list(tenures))]
    records: list[bytes] = []
    place = 1  # SQL counts from 1
    for table in _TABLES:
        columns: list[Columns] = []
        for key, row in tables[table].items():
            whole_key = (*key, *row.key) if table == "executions" else key
            columns.append((*whole_key, *row.listed, row.version, place, len(row.content)))
            records.append(row.content)
            place += len(row.content)
        parameters.append(_json(columns))
    parameters.append(_json([key for key, row in tables["attempts"].items() if row.is_end]))
    return (*parameters, b"".join(records))


def _json(value: Sequence[Columns]) -> str:
    return msgspec.json.encode(value).decode()
