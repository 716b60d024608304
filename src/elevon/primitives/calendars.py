"""What is due when, for many things with few instants: cheap where each instant has thousands of things.

It owns the order of instants; it must never know a clock, nor whether a thing that comes due is still wanted.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Calendar(Generic[T]):
    """Things by the instant at which they are due; one costs the same however many there are.

    An instant costs more with the logarithm of their number, so whoever adds rounds to few of them, and adds something.
    """

    def __init__(self) -> None:
        self._things: dict[float, deque[T]] = {}
        self._instants: list[float] = []

    @property
    def next_at(self) -> float | None:
        """The earliest instant that has something; None if there is none."""
        return self._instants[0] if self._instants else None

    def add(self, added: Iterable[T], at: float) -> None:
        """Note that things are due at that instant, in seconds of any clock; behind those that are there already."""
        things = self._things.get(at)
        if things is None:
            self._things[at] = things = deque[T]()
            heapq.heappush(self._instants, at)
        things.extend(added)

    def take(self, now: float, limit: int) -> tuple[float, list[T]]:
        """Remove what the earliest instant has, if that is not after `now`.

        Args:
            now: The present instant.
            limit: How many at most; what is left stays due.

        Returns:
            The instant and its things, in their order; no things if none are due.
        """
        if not self._instants or self._instants[0] > now:
            return now, []
        at = self._instants[0]
        things = self._things[at]
        taken = [things.popleft() for _ in range(min(limit, len(things)))]
        if not things:
            del self._things[heapq.heappop(self._instants)]
        return at, taken
