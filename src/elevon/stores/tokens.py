"""Tokens of pools in the state database: asked for, granted, given back.

Like the functions of `writes`, those here run inside a transaction that holds the write lock, which is what makes
engines that share a home agree. That a token goes with the end of its owner is the part of `batches`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from elevon.records.identities import AttemptId
from elevon.records.tokens import (
    AHEAD_LIMIT,
    NAMED_HOLDER_COUNT,
    Allocation,
    AllocationStatus,
    PoolLimits,
    Token,
)
from elevon.stores import allocations, refusals, rows, writes
from elevon.stores.connections import Connection

_PAGE_COUNT: Final = 100
_NO_PLACE: Final = 2**63 - 1  # behind all others


class Engines(NamedTuple):
    """Which engines go on, and so will ask again for what they wait for.

    Attributes:
        now: Leases that end later are valid.
        is_alive: False for an engine that is provably dead.
    """

    now: datetime
    is_alive: Callable[[str], bool]


def allocate(connection: Connection, token: Token, limits: PoolLimits, engines: Engines) -> Allocation:
    """Grant it, or keep its place; one that waits already stays where it was.

    Raises:
        ConflictError: The owner is over.
    """
    place, kept = _known(connection, token)
    if kept is None:
        _refuse_ended(connection, token.owner)
    elif kept.is_granted:
        return allocations.granted(token)
    held: dict[str, int] = dict(
        connection.all(
            "SELECT namespace, count(*) FROM tokens WHERE pool = ? AND is_granted = 1 GROUP BY namespace",
            token.pool,
        )
    )
    full = allocations.full_namespaces(limits, held)
    status = allocations.decide(
        token.namespace, limits, held, _ahead(connection, token.pool, place, full, engines)
    )
    if status is AllocationStatus.GRANTED:
        _put(connection, msgspec.structs.replace(kept or token, granted_at=engines.now))
        return allocations.granted(token)
    answer = allocations.refused(
        token,
        status,
        limits,
        held=held,
        holders=_holders(connection, token, status, engines),
        ahead_count=_ahead_count(connection, token.pool, place),
    )
    if kept is None:
        _put(connection, token)
    return answer


def release(connection: Connection, pool: str, name: str) -> None:
    """Drop it, if it is there."""
    connection.execute("DELETE FROM tokens WHERE pool = ? AND name = ?", pool, name)


def _refuse_ended(connection: Connection, owner: AttemptId) -> None:
    """Raise if nothing more happens to the attempt, so that nothing would ever give its token back."""
    row = connection.value(
        "SELECT version, record FROM attempts WHERE execution = ? AND node_id = ? AND attempt = ?",
        writes.existing_key(connection, owner.execution),
        owner.node_id,
        owner.attempt,
    )
    if row is None:
        raise refusals.over(owner)
    version, content = row
    if rows.ATTEMPTS.one(version, content, owner).phase.is_terminal:
        raise refusals.over(owner)


def _known(connection: Connection, token: Token) -> tuple[int, Token | None]:
    """Its place in the queue, and what is kept of it; behind all others, and nothing, if it is new."""
    row = connection.value(
        "SELECT place, version, record FROM tokens WHERE pool = ? AND name = ?", token.pool, token.name
    )
    if row is None:
        return _NO_PLACE, None
    place, version, content = row
    return place, rows.TOKENS.one(version, content, token.owner)


def _put(connection: Connection, token: Token) -> None:
    """Write it; one that is known keeps its place."""
    connection.execute(
        "INSERT INTO tokens (pool, name, namespace, is_granted, execution, node_id, attempt, version, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pool, name) DO UPDATE SET "
        "is_granted = excluded.is_granted, version = excluded.version, record = excluded.record",
        token.pool,
        token.name,
        token.namespace,
        token.is_granted,
        writes.existing_key(connection, token.owner.execution),
        token.owner.node_id,
        token.owner.attempt,
        token.version,
        rows.encode(token, token.owner),
    )


def _ahead(
    connection: Connection, pool: str, place: int, full: frozenset[str], engines: Engines
) -> Iterator[str]:
    """Namespaces of those who asked earlier, in their order, as far as they will ask again.

    Whose execution nobody drives keeps its place but holds up nobody, nor does one that is parked or being killed.
    """
    owners = connection.all(
        "SELECT DISTINCT owner FROM leases WHERE expires_us > ?", rows.microseconds(engines.now)
    )
    living = [owner for (owner,) in owners if engines.is_alive(owner)]
    behind, is_last = 0, False
    while not is_last:
        page = connection.all(
            "SELECT tokens.place, tokens.namespace, attempts.version, attempts.record FROM tokens "
            "JOIN leases ON leases.execution = tokens.execution "
            "JOIN attempts ON attempts.execution = tokens.execution "
            "AND attempts.node_id = tokens.node_id AND attempts.attempt = tokens.attempt "
            "WHERE tokens.pool = ? AND is_granted = 0 AND place > ? AND place < ? AND expires_us > ? "
            "AND owner IN (SELECT value FROM json_each(?)) "
            "AND namespace NOT IN (SELECT value FROM json_each(?)) ORDER BY place LIMIT ?",
            pool,
            behind,
            place,
            rows.microseconds(engines.now),
            _json(living),
            _json(sorted(full)),
            _PAGE_COUNT,
        )
        for behind, namespace, version, content in page:  # noqa: B007 - the next page begins behind the last row
            if rows.ATTEMPTS.one(version, content, pool).is_going_on:
                yield namespace
        is_last = len(page) < _PAGE_COUNT


def _holders(
    connection: Connection, token: Token, status: AllocationStatus, engines: Engines
) -> list[allocations.Holder]:
    """Some of those who hold what is limited."""
    is_meant = status is AllocationStatus.EXHAUSTED
    found = connection.all(
        "SELECT version, record, owner FROM tokens "
        "LEFT JOIN leases ON leases.execution = tokens.execution AND expires_us > ?1 "
        "WHERE pool = ?2 AND is_granted = 1 AND (?3 OR namespace = ?4) ORDER BY place LIMIT ?5",
        rows.microseconds(engines.now),
        token.pool,
        is_meant,
        token.namespace,
        NAMED_HOLDER_COUNT,
    )
    return [
        allocations.Holder(
            rows.TOKENS.one(version, content, token.pool).owner,
            engine is not None and engines.is_alive(engine),
        )
        for version, content, engine in found
    ]


def _ahead_count(connection: Connection, pool: str, place: int) -> int:
    return connection.value(
        "SELECT count(*) FROM (SELECT 1 FROM tokens WHERE pool = ? AND is_granted = 0 AND place < ? LIMIT ?)",
        pool,
        place,
        AHEAD_LIMIT,
    )


def _json(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()
