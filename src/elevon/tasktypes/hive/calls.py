"""Calls of a backend: those of a service, in sentences that name the backend.

It owns how a backend stands in them. It must never know what a call is about.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from elevon import errors, ports
from elevon.plugin.services import ServiceCalls
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, QueryStatus

V = TypeVar("V")


class Calls(ServiceCalls):
    """The backend, seen from the executor.

    Args:
        backend: Who runs the queries.
        clock: The time.
        call_s: A call that takes longer, in seconds, has failed.
    """

    def __init__(self, backend: HiveBackend, clock: ports.Clock, call_s: float) -> None:
        self._described = f"the hive backend {backend.name!r}"
        super().__init__(clock, call_s, service=self._described)
        self.backend = backend

    async def converted(self, what: str, call: Callable[[], Awaitable[V]]) -> V:
        """A call whose failure is an error of elevon's tree, which says of which backend."""
        return await super().converted(f"{what} at {self._described}", call)

    async def statuses(self, handles: Sequence[Any]) -> Sequence[QueryStatus | None]:
        """Where queries stand, as a follower wants it."""
        found = await self.answered(lambda: self.backend.statuses(handles))
        if len(found) != len(handles):
            raise errors.BugError(f"{self._described} returned {len(found)} statuses for {len(handles)}")
        return found
