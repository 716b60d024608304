"""What is read from the state database, each function from one consistent snapshot.

Rows come back joined, as one value for thousands of them: a step a row would hand the interpreter's lock to and fro.
One value for all of them would be too much: SQLite has a limit, decoding keeps the lock, and both take memory. It must
never write, nor wait for a writer.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from elevon.records.drains import Drain
from elevon.records.executions import ExecutionHeading, ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.records.nodes import NodeRecord
from elevon.records.phases import UNFINISHED, ExecutionPhase
from elevon.records.snapshots import ChangedNodes, NodePlace, StoredExecution, StoredNodes
from elevon.records.tokens import Token
from elevon.records.transitions import Transition
from elevon.stores import refusals, rows, writes
from elevon.stores.connections import Connection

_SLICE_COUNT: Final = 10_000
_SLICE_BYTES: Final = 64 * 1024 * 1024


class _Selection(NamedTuple):
    """Rows of one execution, in the order of their keys.

    Attributes:
        table: Where they are.
        key: The columns that tell them apart.
        execution: The execution's key.
        behind: Only those with a greater key.
        node_ids: Only those of these nodes; None for all.
    """

    table: str
    key: str
    execution: int
    behind: tuple[str | int, ...] = ()
    node_ids: Sequence[str] | None = None


def load_execution(connection: Connection, execution: ExecutionId) -> StoredExecution:
    """All current rows; `NotFoundError` if there is none."""
    with connection.transaction("BEGIN"):
        key = writes.existing_key(connection, execution)
        nodes = _Selection("nodes", "node_id", key)
        attempts = _Selection("attempts", "node_id, attempt", key)
        onces = _Selection("onces", "node_id, attempt, key", key)
        return StoredExecution(
            execution=get_execution(connection, execution),
            nodes=_all(connection, nodes, rows.NODES, execution),
            attempts=_all(connection, attempts, rows.ATTEMPTS, execution),
            onces=_all(connection, onces, rows.ONCES, execution),
        )


def load_nodes(connection: Connection, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
    """The current rows of some nodes; `NotFoundError` if there is no such execution."""
    with connection.transaction("BEGIN"):
        return _rows_of(connection, writes.existing_key(connection, execution), execution, node_ids)


def load_changes(connection: Connection, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
    """How all stands that the next rows of history behind `after` are about; `NotFoundError` if there is none."""
    with connection.transaction("BEGIN"):
        key = writes.existing_key(connection, execution)
        record = get_execution(connection, execution)
        last, count, node_ids = connection.value(
            "SELECT max(sequence), count(*), json_group_array(DISTINCT node_id) FROM (SELECT sequence, node_id "
            "FROM transitions WHERE execution = ? AND sequence > ? ORDER BY sequence LIMIT ?)",
            key,
            after,
            limit,
        )
        if not count:
            return ChangedNodes(execution=record, after=after)
        stored = _rows_of(connection, key, execution, msgspec.json.decode(node_ids, type=list[str]))
        has_more = connection.value(
            "SELECT EXISTS (SELECT 1 FROM transitions WHERE execution = ? AND sequence > ?)", key, last
        )
    return ChangedNodes(
        execution=record,
        after=last,
        nodes=stored.nodes,
        attempts=stored.attempts,
        has_more=bool(has_more),
    )


def list_nodes(
    connection: Connection, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None
) -> Sequence[NodeRecord]:
    """Those under one node in the order of their start; `NotFoundError` if there is no such execution."""
    condition, place = "", ()
    if behind is not None:
        condition, place = (
            "AND (started_us, node_id) > (?, ?)",
            (rows.microseconds(behind.started_at), behind.node_id),
        )
    with connection.transaction("BEGIN"):
        found = connection.all(
            f"SELECT version, record FROM nodes WHERE execution = ? AND parent = ? {condition} "  # noqa: S608 - ours
            "ORDER BY started_us, node_id LIMIT ?",
            writes.existing_key(connection, execution),
            parent,
            *place,
            limit,
        )
    return tuple(rows.NODES.one(version, record, execution) for version, record in found)


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


def get_executions(
    connection: Connection, executions: Sequence[ExecutionId]
) -> Sequence[ExecutionRecord | None]:
    """In the order of the ids; None for each that there is not."""
    found = connection.all(
        "SELECT wanted.key, version, record FROM json_each(?1) AS wanted JOIN executions "
        "ON project = wanted.value ->> 0 AND domain = wanted.value ->> 1 AND name = wanted.value ->> 2",
        msgspec.json.encode([(one.project, one.domain, one.name) for one in executions]).decode(),
    )
    records: dict[int, ExecutionRecord] = {
        place: rows.EXECUTIONS.one(version, record, executions[int(place)])
        for place, version, record in found
    }
    return tuple(records.get(place) for place in range(len(executions)))


def list_executions(
    connection: Connection, phases: frozenset[ExecutionPhase], limit: int, behind: ExecutionId | None
) -> Sequence[ExecutionRecord]:
    """Newest first, those behind one of them if it is given; `NotFoundError` if that is not there.

    Each phase is looked through by itself, in the order of an index: the records of others than are shown stay unread.
    """
    parameters: list[str | int] = [limit or -1]
    with connection.transaction("BEGIN"):
        condition = ""
        if behind is not None:
            condition = "AND (created_us, key) < (SELECT created_us, key FROM executions WHERE key = ?2)"
            parameters.append(writes.existing_key(connection, behind))
        parts: list[str] = []
        for phase in sorted(phases):
            parameters.append(phase)
            parts.append(_newest_keys(f"phase = ?{len(parameters)} {condition}"))
        keys = " UNION ALL ".join(parts or [_newest_keys(f"true {condition}")])
        found = connection.all(
            "SELECT project, domain, name, version, record FROM executions "  # noqa: S608 - our own names
            f"WHERE key IN (SELECT key FROM ({keys}) ORDER BY created_us DESC, key DESC LIMIT ?1) "
            "ORDER BY created_us DESC, key DESC",
            *parameters,
        )
    return tuple(
        rows.EXECUTIONS.one(version, record, ExecutionId(project, domain, name))
        for project, domain, name, version, record in found
    )


def find_executions(
    connection: Connection, project: str, domain: str, beginning: str
) -> Sequence[ExecutionId]:
    """Those whose name begins so, newest first."""
    found = connection.all(
        "SELECT name FROM executions WHERE project = ?1 AND domain = ?2 AND name >= ?3 AND name < ?3 || char(?4) "
        "ORDER BY created_us DESC, key DESC",
        project,
        domain,
        beginning,
        sys.maxunicode,
    )
    return tuple(ExecutionId(project, domain, name) for (name,) in found)


def list_unowned(
    connection: Connection, now: datetime, is_owner_alive: Callable[[str], bool]
) -> Sequence[ExecutionHeading]:
    """Unfinished ones without a live owner, oldest first."""
    now_us = rows.microseconds(now)
    with connection.transaction("BEGIN"):
        owners = connection.all("SELECT DISTINCT owner FROM leases WHERE expires_us > ?", now_us)
        found = connection.all(
            "SELECT project, domain, name, phase, created_us FROM executions "
            "LEFT JOIN leases ON leases.execution = executions.key "
            "WHERE phase IN (SELECT value FROM json_each(?1)) AND (owner IS NULL OR expires_us <= ?2 "
            "OR owner NOT IN (SELECT value FROM json_each(?3))) ORDER BY created_us, key",
            msgspec.json.encode(sorted(UNFINISHED)).decode(),
            now_us,
            msgspec.json.encode([owner for (owner,) in owners if is_owner_alive(owner)]).decode(),
        )
    return tuple(
        ExecutionHeading(
            id=ExecutionId(project, domain, name),
            phase=ExecutionPhase(phase),
            created_at=rows.instant(created_us),
        )
        for project, domain, name, phase, created_us in found
    )


def list_transitions(
    connection: Connection, execution: ExecutionId, after: int, node_id: str | None
) -> Sequence[tuple[int, Transition]]:
    """History in order, from behind `after`."""
    with connection.transaction("BEGIN"):
        key = writes.existing_key(connection, execution)
        node_ids = None if node_id is None else (node_id,)
        selection = _Selection("transitions", "sequence", key, (after,), node_ids)
        found: list[tuple[int, Transition]] = []
        for newest, count, joined, sequences in _slices(connection, selection, "json_group_array(sequence)"):
            transitions = rows.TRANSITIONS.many(newest, count, joined, execution)
            found.extend(zip(msgspec.json.decode(sequences, type=list[int]), transitions, strict=True))
    return tuple(found)


def get_artifact(connection: Connection, digest: str) -> bytes:
    """The content; `NotFoundError` if there is none."""
    content = connection.value("SELECT content FROM artifacts WHERE digest = ?", digest)
    if content is None:
        raise refusals.no_artifact(digest)
    return content


def get_launch_plan(connection: Connection, plan: LaunchPlanId) -> LaunchPlanRecord:
    """The one of that id, or the newest of its name for an empty version; `NotFoundError` if there is none."""
    row = connection.value(
        "SELECT version, record FROM launch_plans WHERE project = ?1 AND domain = ?2 AND name = ?3 "
        "AND ?4 IN ('', plan_version) ORDER BY created_us DESC, key DESC LIMIT 1",
        plan.project,
        plan.domain,
        plan.name,
        plan.version,
    )
    if row is None:
        raise refusals.no_launch_plan(plan)
    version, content = row
    return rows.LAUNCH_PLANS.one(version, content, plan)


def get_lease(connection: Connection, execution: ExecutionId) -> Lease | None:
    """Who owns it; `NotFoundError` if there is no such execution."""
    with connection.transaction("BEGIN"):
        return writes.lease_of(connection, writes.existing_key(connection, execution), execution)


def list_requests(connection: Connection, owner: str) -> Sequence[Request]:
    """Of all executions that the owner holds."""
    found = connection.all(
        "SELECT name, requests.version, requests.record FROM leases "
        "JOIN requests ON requests.execution = leases.execution "
        "JOIN executions ON executions.key = leases.execution WHERE owner = ? "
        "ORDER BY requests.execution, kind, node_id, attempt",
        owner,
    )
    return tuple(rows.REQUESTS.one(version, record, name) for name, version, record in found)


def list_drains(connection: Connection) -> Sequence[Drain]:
    """Of all task types."""
    found = connection.all("SELECT task_type, version, record FROM drains ORDER BY task_type")
    return tuple(rows.DRAINS.one(version, record, task_type) for task_type, version, record in found)


def list_tokens(connection: Connection, pool: str) -> Sequence[Token]:
    """Of one pool, or of all for an empty name."""
    found = connection.all(
        "SELECT pool, version, record FROM tokens WHERE ?1 IN ('', pool) ORDER BY pool, place", pool
    )
    return tuple(rows.TOKENS.one(version, record, name) for name, version, record in found)


def _newest_keys(condition: str) -> str:
    """A query for the newest executions, by their keys; `?1` is how many."""
    return (
        f"SELECT * FROM (SELECT key, created_us FROM executions WHERE {condition} "  # noqa: S608 - our own names
        "ORDER BY created_us DESC, key DESC LIMIT ?1)"
    )


def _rows_of(
    connection: Connection, key: int, execution: ExecutionId, node_ids: Sequence[str]
) -> StoredNodes:
    nodes = _Selection("nodes", "node_id", key, node_ids=node_ids)
    attempts = _Selection("attempts", "node_id, attempt", key, node_ids=node_ids)
    return StoredNodes(
        nodes=_all(connection, nodes, rows.NODES, execution),
        attempts=_all(connection, attempts, rows.ATTEMPTS, execution),
    )


def _all(
    connection: Connection, selection: _Selection, decoder: rows.RowDecoder[rows.R], subject: object
) -> tuple[rows.R, ...]:
    found: list[rows.R] = []
    for newest, count, joined, _ in _slices(connection, selection):
        found.extend(decoder.many(newest, count, joined, subject))
    return tuple(found)


def _slices(
    connection: Connection, selection: _Selection, more: str = "NULL"
) -> Iterator[tuple[int, int, bytes, Any]]:
    """The rows in slices of a bounded number and size: newest version, count, joined, one more aggregate."""
    key, is_last = selection.key, False
    while not is_last:
        source, parameters = _source(selection)
        wanted, is_last = _slice_count(connection, source, parameters)
        # The cast to text is one of bytes: group_concat joins text only, and SQLite looks at no encoding on the way.
        found = connection.value(
            "SELECT max(version), count(*), cast(group_concat(cast(record AS TEXT), '') AS BLOB), "  # noqa: S608
            f"{more} FROM (SELECT version, record, {key} {source} LIMIT ?)",
            *parameters,
            wanted,
        )
        if found[1]:
            yield found
        if not is_last:
            (last_key,) = connection.all(f"SELECT {key} {source} LIMIT 1 OFFSET ?", *parameters, wanted - 1)
            selection = selection._replace(behind=last_key)


def _slice_count(connection: Connection, source: str, parameters: Sequence[str | int]) -> tuple[int, bool]:
    """How many of the rows make a slice, and whether there is none behind it; a single row may be too large."""
    limit = min(_SLICE_BYTES, connection.value_limit)
    wanted = _SLICE_COUNT
    while True:
        count, size = connection.value(
            f"SELECT count(*), total(length(record)) FROM (SELECT record {source} LIMIT ?)",  # noqa: S608
            *parameters,
            wanted,
        )
        if size < limit or wanted == 1:
            return wanted, count < wanted
        wanted = (count + 1) // 2


def _source(selection: _Selection) -> tuple[str, list[str | int]]:
    """The end of a statement that selects from the rows, and its parameters; all names are our own."""
    conditions = ["execution = ?"]
    parameters: list[str | int] = [selection.execution, *selection.behind]
    if selection.behind:
        conditions.append(f"({selection.key}) > ({', '.join('?' * len(selection.behind))})")
    if selection.node_ids is not None:
        conditions.append("node_id IN (SELECT value FROM json_each(?))")
        parameters.append(msgspec.json.encode(selection.node_ids).decode())
    return f"FROM {selection.table} WHERE {' AND '.join(conditions)} ORDER BY {selection.key}", parameters
