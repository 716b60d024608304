"""Which call ends its host again and again, when a host had several under way each time.

Nobody can ask a dead process. So the attempts that had a call under way are suspects: from then on their calls are
made one at a time, until each has been answered, and the one that is under way alone when the host ends once more is
counted. The others pay with a delay, and not with their attempts. It must never judge by what a call is.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from elevon.records.identities import AttemptId

DEATH_LIMIT: Final = 3


class Suspects:
    """The attempts of one host that may have ended it."""

    def __init__(self) -> None:
        self._death_counts: dict[AttemptId, int] = {}
        self._turn = asyncio.Lock()

    def accuse(self, under_way: Iterable[AttemptId]) -> None:
        """The host has ended while these had a call under way."""
        candidates = set(under_way)
        known = candidates & self._death_counts.keys()
        if known:
            candidates = known
        for attempt in candidates:
            self._death_counts.setdefault(attempt, 0)
        if len(candidates) == 1:
            (attempt,) = candidates
            self._death_counts[attempt] += 1

    def acquit(self, attempt: AttemptId) -> None:
        """A call for it was answered."""
        self._death_counts.pop(attempt, None)

    def death_count(self, attempt: AttemptId) -> int:
        """How often the host has ended by its calls, as far as is known."""
        return self._death_counts.get(attempt, 0)

    @contextlib.asynccontextmanager
    async def turn(self, attempt: AttemptId) -> AsyncGenerator[None]:
        """Make a call for it: at once, or in its turn if it is a suspect."""
        if attempt not in self._death_counts:
            yield
            return
        async with self._turn:
            yield
