"""Tokens of pools in the store of tests: asked for, granted, given back.

What `tokens` is to the state database. They are kept encoded, in the order of their places.
"""

import collections
import itertools
from collections.abc import Callable
from datetime import datetime

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
from elevon.stores import allocations, refusals, rows


class Tokens:
    """All tokens of a store, held and waited for.

    Args:
        is_over: Whether nothing more happens to an attempt, so that it can't hold anything.
        will_ask: Whether an engine goes on with a waiting attempt.
        is_driven: Whether an engine goes on with its execution.
    """

    def __init__(
        self,
        is_over: Callable[[AttemptId], bool],
        will_ask: Callable[[AttemptId], bool],
        is_driven: Callable[[AttemptId], bool],
    ) -> None:
        self._is_over = is_over
        self._will_ask = will_ask
        self._is_driven = is_driven
        self._rows: dict[tuple[str, str], rows.Row] = {}

    def allocate(self, token: Token, limits: PoolLimits, now: datetime) -> Allocation:
        """Grant it, or keep its place; one that waits already stays where it was.

        Raises:
            ConflictError: The owner is over.
        """
        queue = [one for one in self.all() if one.pool == token.pool]
        kept = next((one for one in queue if one.name == token.name), None)
        if kept is not None and kept.is_granted:
            return allocations.granted(token)
        if kept is None and self._is_over(token.owner):
            raise refusals.over(token.owner)
        holders = [one for one in queue if one.is_granted]
        held = collections.Counter(one.namespace for one in holders)
        before = itertools.takewhile(lambda one: one.name != token.name, queue)
        ahead = [one for one in before if not one.is_granted]
        asking = (one.namespace for one in ahead if self._will_ask(one.owner))
        status = allocations.decide(token.namespace, limits, held, asking)
        if status is AllocationStatus.GRANTED:
            self._put(msgspec.structs.replace(kept or token, granted_at=now))
            return allocations.granted(token)
        if kept is None:
            self._put(token)
        if status is AllocationStatus.NAMESPACE_EXHAUSTED:
            holders = [one for one in holders if one.namespace == token.namespace]
        return allocations.refused(
            token,
            status,
            limits,
            held=held,
            holders=[
                allocations.Holder(one.owner, self._is_driven(one.owner))
                for one in holders[:NAMED_HOLDER_COUNT]
            ],
            ahead_count=min(len(ahead), AHEAD_LIMIT),
        )

    def release(self, pool: str, name: str) -> None:
        """Drop one, if it is there."""
        self._rows.pop((pool, name), None)

    def drop(self, is_meant: Callable[[AttemptId], bool]) -> None:
        """Drop those of owners that are gone."""
        for token in self.all():
            if is_meant(token.owner):
                self.release(token.pool, token.name)

    def all(self) -> list[Token]:
        """In the order of their places: a token that is granted stays where it was."""
        return [rows.TOKENS.one(row.version, row.content, row.key) for row in self._rows.values()]

    def _put(self, token: Token) -> None:
        key = (token.pool, token.name)
        self._rows[key] = rows.Row("tokens", key, token.version, rows.encode(token, token.owner))
