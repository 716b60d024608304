"""Who of those who wait for a token is served: the rule, the same for every store.

First asked, first served; but who could not be served anyway, because the limit of its namespace is reached, holds up
nobody. It must never know how tokens are kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from elevon.records.identities import AttemptId
from elevon.records.tokens import Allocation, AllocationStatus, PoolLimits, Token


class Holder(NamedTuple):
    """Who holds a token.

    Attributes:
        attempt: Which.
        is_driven: Whether an engine goes on with its execution.
    """

    attempt: AttemptId
    is_driven: bool


def full_namespaces(limits: PoolLimits, held: Mapping[str, int]) -> frozenset[str]:
    """The namespaces that get nothing more, whoever else waits."""
    most = limits.limit_per_namespace
    return frozenset(namespace for namespace, count in held.items() if most and count >= most)


def decide(
    namespace: str, limits: PoolLimits, held: Mapping[str, int], ahead: Iterable[str]
) -> AllocationStatus:
    """Whether who asks is served now.

    Args:
        namespace: Of who asks.
        limits: Of the pool.
        held: How many tokens each namespace holds.
        ahead: Namespaces of those who asked earlier, wait and will ask again; looked at only as far as is needed.
    """
    taken = dict(held)
    free = limits.limit - sum(taken.values())
    waiting = iter(ahead)
    while True:
        full = full_namespaces(limits, taken)
        if free <= 0:
            return AllocationStatus.EXHAUSTED
        if namespace in full:
            return AllocationStatus.NAMESPACE_EXHAUSTED
        served = next((other for other in waiting if other not in full), None)
        if served is None:
            return AllocationStatus.GRANTED
        taken[served] = taken.get(served, 0) + 1
        free -= 1


def granted(token: Token) -> Allocation:
    """The answer to who holds it now."""
    return Allocation(status=AllocationStatus.GRANTED, pool=token.pool, namespace=token.namespace)


def refused(
    token: Token,
    status: AllocationStatus,
    limits: PoolLimits,
    *,
    held: Mapping[str, int],
    holders: Sequence[Holder],
    ahead_count: int,
) -> Allocation:
    """The answer to who has to wait, with what is to be said about it."""
    is_own_limit = status is AllocationStatus.NAMESPACE_EXHAUSTED
    return Allocation(
        status=status,
        pool=token.pool,
        namespace=token.namespace,
        limit=limits.limit_per_namespace if is_own_limit else limits.limit,
        held_count=held.get(token.namespace, 0) if is_own_limit else sum(held.values()),
        holders=tuple(holder.attempt for holder in holders),
        left=tuple(dict.fromkeys(holder.attempt.execution for holder in holders if not holder.is_driven)),
        ahead_count=ahead_count,
    )
