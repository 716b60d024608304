"""The engine's side of resource pools: tokens in the store, and who of this engine is told that it is its turn.

The store decides and remembers; what is kept here only makes things prompt, and may be lost or stale. Other engines
that share the home see what happens here when they ask again. It must never hold a token in memory alone.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

from elevon import errors, ports
from elevon.propeller.measures import PoolCounts
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.tokens import Allocation, PoolLimits, Token

_Queue = OrderedDict[str, Callable[[], None]]


class EnginePools:
    """`plugin.pools.PoolServices` of one engine.

    Args:
        store: Where tokens are.
        limits: Of each pool, by its name.
    """

    def __init__(self, store: ports.StateStore, limits: Mapping[str, PoolLimits]) -> None:
        self._store = store
        self._limits = limits
        self._queues: dict[str, dict[str, _Queue]] = {name: {} for name in limits}
        self._tokens: dict[AttemptId, dict[tuple[str, str], Token]] = {}

    def counts(self) -> Iterator[PoolCounts]:
        """What the attempts of this engine hold and wait for, and what others held when it began."""
        held = Counter(pool for tokens in self._tokens.values() for pool, _ in tokens)
        for pool, queues in self._queues.items():
            waiting_count = sum(map(len, queues.values()))
            yield PoolCounts(pool, held[pool] - waiting_count, waiting_count)

    async def load(self) -> None:
        """Take in who holds tokens already, so that their end is noticed."""
        for token in await self._store.list_tokens():
            if token.is_granted:
                self._remember(token)

    async def allocate(self, token: Token, wake: Callable[[], None]) -> Allocation:
        """Ask the store; who is refused is woken when its turn may have come."""
        queue = self._queue(token)
        was_waiting = token.name in queue
        # Before the store is asked: a token that comes back meanwhile wakes who is about to be refused.
        self._remember(token)
        queue[token.name] = wake
        try:
            allocation = await self._store.allocate_token(token, self._limits[token.pool])
        except errors.ElevonError:
            self._forget(token)
            raise
        if allocation.is_granted:
            queue.pop(token.name, None)
            if was_waiting:
                self._ring(token.pool)  # more may be free than the one that it was woken for
        return allocation

    async def release(self, token: Token) -> None:
        """Give it back, and tell the next one."""
        await self._store.release_token(token.pool, token.name)
        self._forget(token)
        self._ring(token.pool)

    def notice(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Take in what has become durable.

        An attempt that is over has lost its tokens; one that does not go on keeps what it holds, and asks no more.
        """
        for change in changes:
            if not isinstance(change, AttemptRecord) or change.is_going_on:
                continue
            owner = AttemptId(execution, change.node_id, change.attempt)
            for token in list(self._tokens.get(owner, {}).values()):
                if change.phase.is_terminal or token.name in self._queue(token):
                    self._forget(token)
                self._ring(token.pool)

    def _ring(self, pool: str) -> None:
        """Wake the first of each namespace: one that is at its limit holds up nobody."""
        for queue in self._queues.get(pool, {}).values():
            if queue:
                next(iter(queue.values()))()

    def _queue(self, token: Token) -> _Queue:
        """Who of its namespace waits in its pool, in the order of asking."""
        return self._queues.setdefault(token.pool, {}).setdefault(token.namespace, OrderedDict())

    def _remember(self, token: Token) -> None:
        self._tokens.setdefault(token.owner, {})[token.pool, token.name] = token

    def _forget(self, token: Token) -> None:
        self._queue(token).pop(token.name, None)
        tokens = self._tokens.get(token.owner, {})
        tokens.pop((token.pool, token.name), None)
        if not tokens:
            self._tokens.pop(token.owner, None)
