"""What changes the state database besides the batches of an execution's owner.

Each function runs inside a transaction that holds the write lock, and either raises before it changes anything or
changes everything; so a refusal needs no roll-back and does not disturb what shares the transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from elevon.records.drains import Drain
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.stores import refusals, rows
from elevon.stores.connections import Connection

_OWNED_TABLES: Final = (
    "nodes", "attempts", "onces", "transitions", "leases", "requests", "artifact_references", "tokens",
)  # fmt: skip


def create_execution(
    connection: Connection,
    record: ExecutionRecord,
    changed: Sequence[rows.Row],
    artifacts: Mapping[str, bytes],
) -> None:
    """Insert it (the first row) with nodes that it takes over and its artifacts; `ConflictError` if it exists."""
    row, *nodes = changed
    execution = record.id
    if key_of(connection, execution) is not None:
        raise refusals.exists(execution)
    connection.execute(
        "INSERT INTO executions (project, domain, name, phase, created_us, version, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        execution.project,
        execution.domain,
        execution.name,
        *row.key,
        row.version,
        row.content,
    )
    key = existing_key(connection, execution)
    for node in nodes:
        connection.execute(
            "INSERT INTO nodes (execution, node_id, parent, started_us, version, record) VALUES (?, ?, ?, ?, ?, ?)",
            key,
            *node.key,
            *node.listed,
            node.version,
            node.content,
        )
    for digest, content in artifacts.items():
        put_artifact(connection, digest, content)
    for digest in rows.artifact_digests(record, artifacts):
        connection.execute("INSERT INTO artifact_references (execution, digest) VALUES (?, ?)", key, digest)


def delete_execution(
    connection: Connection, execution: ExecutionId, now: datetime, is_owner_alive: Callable[[str], bool]
) -> None:
    """Remove it, and the artifacts that it alone refers to; `NotFoundError`, or `ConflictError` while it is leased."""
    key = existing_key(connection, execution)
    lease = lease_of(connection, key, execution)
    if lease is not None and lease.expires_at > now and is_owner_alive(lease.owner):
        raise refusals.leased(lease)
    connection.execute(
        "DELETE FROM artifacts WHERE digest IN (SELECT digest FROM artifact_references AS own "
        "WHERE execution = ?1 AND NOT EXISTS (SELECT 1 FROM artifact_references AS other "
        "WHERE other.digest = own.digest AND other.execution <> ?1) "
        "AND NOT EXISTS (SELECT 1 FROM launch_plans WHERE closure_digest = own.digest) "
        "AND NOT EXISTS (SELECT 1 FROM launch_plans WHERE code_digest = own.digest))",
        key,
    )
    for table in _OWNED_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE execution = ?", key)  # noqa: S608 - our own names
    connection.execute("DELETE FROM executions WHERE key = ?", key)


def put_artifact(connection: Connection, digest: str, content: bytes) -> None:
    """Keep it, unless it is there."""
    connection.execute("INSERT OR IGNORE INTO artifacts (digest, content) VALUES (?, ?)", digest, content)


def put_artifact_of(connection: Connection, execution: ExecutionId, digest: str, content: bytes) -> None:
    """Keep it for an execution; `NotFoundError` if there is no such execution."""
    key = existing_key(connection, execution)
    put_artifact(connection, digest, content)
    connection.execute(
        "INSERT OR IGNORE INTO artifact_references (execution, digest) VALUES (?, ?)", key, digest
    )


def put_launch_plan(
    connection: Connection, record: LaunchPlanRecord, content: bytes, artifacts: Mapping[str, bytes]
) -> None:
    """Keep it with its artifacts, unless it is there; `ConflictError` if another one of its id is."""
    plan = record.id
    row = connection.value(
        "SELECT version, record FROM launch_plans "
        "WHERE project = ? AND domain = ? AND name = ? AND plan_version = ?",
        plan.project,
        plan.domain,
        plan.name,
        plan.version,
    )
    if row is not None:
        version, kept = row
        if not rows.LAUNCH_PLANS.one(version, kept, plan).is_same(record):
            raise refusals.other_launch_plan(plan)
        return
    connection.execute(
        "INSERT INTO launch_plans (project, domain, name, plan_version, created_us, closure_digest, code_digest, "
        "version, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        plan.project,
        plan.domain,
        plan.name,
        plan.version,
        rows.microseconds(record.created_at),
        record.closure_digest,
        record.code_digest,
        record.version,
        content,
    )
    for digest, artifact in artifacts.items():
        put_artifact(connection, digest, artifact)


def prune_launch_plans(connection: Connection, before: datetime) -> Sequence[LaunchPlanId]:
    """Remove what is older, run by no execution, and not the newest of its name, with artifacts of its own."""
    removed = connection.all(
        "DELETE FROM launch_plans AS own WHERE created_us < ? "
        "AND NOT EXISTS (SELECT 1 FROM artifact_references WHERE digest = own.closure_digest) "
        "AND EXISTS (SELECT 1 FROM launch_plans AS newer WHERE newer.project = own.project "
        "AND newer.domain = own.domain AND newer.name = own.name "
        "AND (newer.created_us, newer.key) > (own.created_us, own.key)) "
        "RETURNING project, domain, name, plan_version, closure_digest, code_digest",
        rows.microseconds(before),
    )
    for digest in {
        digest for *_, closure_digest, code_digest in removed for digest in (closure_digest, code_digest)
    }:
        connection.execute(
            "DELETE FROM artifacts WHERE digest = ?1 "
            "AND NOT EXISTS (SELECT 1 FROM artifact_references WHERE digest = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM launch_plans WHERE closure_digest = ?1 OR code_digest = ?1)",
            digest,
        )
    return tuple(sorted(LaunchPlanId(*plan) for *plan, _, _ in removed))


def acquire_lease(
    connection: Connection, wanted: Lease, now: datetime, is_owner_alive: Callable[[str], bool]
) -> Lease | None:
    """Take the execution over; `wanted` carries everything but the fencing number. None while another owner lives."""
    key = existing_key(connection, wanted.execution)
    current = lease_of(connection, key, wanted.execution)
    if (
        current is not None
        and current.owner != wanted.owner
        and current.expires_at > now
        and is_owner_alive(current.owner)
    ):
        return None
    fencing = connection.value("UPDATE fencing SET newest = newest + 1 RETURNING newest")
    connection.execute(
        "INSERT INTO leases (execution, owner, fencing, expires_us) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET owner = excluded.owner, fencing = excluded.fencing, "
        "expires_us = excluded.expires_us",
        key,
        wanted.owner,
        fencing,
        rows.microseconds(wanted.expires_at),
    )
    return lease_of(connection, key, wanted.execution)


def renew_leases(connection: Connection, owner: str, expires_at: datetime) -> Sequence[Lease]:
    """Extend what the owner still holds."""
    connection.execute(
        "UPDATE leases SET expires_us = ? WHERE owner = ?", rows.microseconds(expires_at), owner
    )
    held = connection.all(
        "SELECT project, domain, name, owner, fencing, expires_us FROM leases "
        "JOIN executions ON executions.key = leases.execution WHERE owner = ?",
        owner,
    )
    return tuple(
        Lease(
            execution=ExecutionId(project, domain, name),
            owner=owner,
            fencing=fencing,
            expires_at=rows.instant(expires_us),
        )
        for project, domain, name, owner, fencing, expires_us in held
    )


def release_lease(connection: Connection, lease: Lease) -> None:
    """Drop it, if it is still this one."""
    connection.execute(
        "DELETE FROM leases WHERE execution = ? AND owner = ? AND fencing = ?",
        key_of(connection, lease.execution),
        lease.owner,
        lease.fencing,
    )


def put_request(connection: Connection, request: Request, content: bytes) -> None:
    """Keep the first request of its kind and attempt; `NotFoundError` if there is no such execution."""
    connection.execute(
        "INSERT OR IGNORE INTO requests (execution, kind, node_id, attempt, version, record) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        existing_key(connection, request.execution),
        request.kind,
        request.node_id,
        request.attempt,
        request.version,
        content,
    )


def remove_request(connection: Connection, request: Request) -> None:
    """Drop the request of its kind and attempt, if there is one."""
    connection.execute(
        "DELETE FROM requests WHERE execution = ? AND kind = ? AND node_id = ? AND attempt = ?",
        key_of(connection, request.execution),
        request.kind,
        request.node_id,
        request.attempt,
    )


def put_drain(connection: Connection, drain: Drain, content: bytes) -> None:
    """Keep it in place of an earlier one of its type."""
    connection.execute(
        "INSERT OR REPLACE INTO drains (task_type, version, record) VALUES (?, ?, ?)",
        drain.task_type,
        drain.version,
        content,
    )


def remove_drain(connection: Connection, task_type: str) -> bool:
    """Drop it; False if there is none."""
    dropped = connection.all("DELETE FROM drains WHERE task_type = ? RETURNING task_type", task_type)
    return bool(dropped)


def existing_key(connection: Connection, execution: ExecutionId) -> int:
    """Its key; `NotFoundError` if there is no such execution."""
    key = key_of(connection, execution)
    if key is None:
        raise refusals.no_execution(execution)
    return key


def key_of(connection: Connection, execution: ExecutionId) -> int | None:
    """The key that its rows carry; None if there is no such execution."""
    return connection.value(
        "SELECT key FROM executions WHERE project = ? AND domain = ? AND name = ?",
        execution.project,
        execution.domain,
        execution.name,
    )


def lease_of(connection: Connection, key: int, execution: ExecutionId) -> Lease | None:
    """Who owns the execution of that key."""
    row = connection.value("SELECT owner, fencing, expires_us FROM leases WHERE execution = ?", key)
    if row is None:
        return None
    owner, fencing, expires_us = row
    return Lease(execution=execution, owner=owner, fencing=fencing, expires_at=rows.instant(expires_us))
