"""Who holds, or waits for, a piece of a quota that all engines of a home share."""

import enum
from datetime import datetime
from typing import Final

import msgspec

from elevon.records.identities import AttemptId, ExecutionId

AHEAD_LIMIT: Final = 100
"""How far the queue before a waiting token is counted."""
NAMED_HOLDER_COUNT: Final = 3
"""How many holders a refusal names."""


class PoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens of a pool may be held at once.

    Attributes:
        limit: By everybody.
        limit_per_namespace: By the attempts of one namespace, `<project>-<domain>`; 0 for no limit of its own.
    """

    limit: int
    limit_per_namespace: int = 0


class Token(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One piece of a pool, held or waited for. It goes with the end of its owner, in the transaction of that end.

    Attributes:
        version: Version of this record's layout.
        pool: The pool's name.
        name: Unique in the pool, and the same for every repetition: the owner's generated name, with its key.
        namespace: `<project>-<domain>` of the owner.
        owner: The attempt that asked.
        asked_at: When it asked first.
        granted_at: Since when it holds the token; None while it waits.
    """

    version: int = 1
    pool: str
    name: str
    namespace: str
    owner: AttemptId
    asked_at: datetime
    granted_at: datetime | None = None

    @property
    def is_granted(self) -> bool:
        """Whether it is held; otherwise it is waited for."""
        return self.granted_at is not None


class AllocationStatus(enum.StrEnum):
    """What a pool says to who asks."""

    GRANTED = "GRANTED"
    EXHAUSTED = "EXHAUSTED"
    NAMESPACE_EXHAUSTED = "NAMESPACE_EXHAUSTED"


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to who asks for a token; who is refused keeps its place in the queue.

    Attributes:
        status: Whether the token is held from now on, and if not, which limit is in the way.
        pool: The pool's name.
        namespace: Of who asked.
        limit: The limit that is in the way: that of the pool, or the one for each namespace.
        held_count: How many tokens are held of what is limited.
        holders: Some of those who hold them, who asked first first.
        left: The executions of these that nobody drives, so that nothing gives their tokens back.
        ahead_count: How many wait in the pool who asked earlier; counted up to `AHEAD_LIMIT`.
    """

    status: AllocationStatus
    pool: str
    namespace: str
    limit: int = 0
    held_count: int = 0
    holders: tuple[AttemptId, ...] = ()
    left: tuple[ExecutionId, ...] = ()
    ahead_count: int = 0

    @property
    def is_granted(self) -> bool:
        """Whether the token is held."""
        return self.status is AllocationStatus.GRANTED

    @property
    def reason(self) -> str:
        """Why the token was refused, for `TaskStatus.not_ready(reason=...)`; empty if it was not."""
        if self.is_granted:
            return ""
        whose = f" for {self.namespace}" if self.status is AllocationStatus.NAMESPACE_EXHAUSTED else ""
        held = f"{self.held_count} of {self.limit} are held"
        if self.holders:
            unnamed = self.held_count - len(self.holders)
            more = f" and {unnamed} more" if unnamed > 0 else ""
            held += f", by {', '.join(map(str, self.holders))}{more}"
        return f"no token of the pool {self.pool!r} is free{whose}: {held}; {self._queue()}{self._hint()}"

    def _hint(self) -> str:
        names = [execution.name for execution in self.left]
        if not names:
            return ""
        goes_on = f"elevon resume {' '.join(names)} goes on with {'it' if len(names) == 1 else 'them'}"
        return f"; nobody drives {' and '.join(names)}: {goes_on}"

    def _queue(self) -> str:
        match self.ahead_count:
            case 0:
                return "nobody is ahead"
            case 1:
                return "1 is ahead"
            case count if count >= AHEAD_LIMIT:
                return f"{AHEAD_LIMIT} or more are ahead"
            case count:
                return f"{count} are ahead"
