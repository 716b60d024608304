"""Calls of a backend, each within its time, and what a failed one means.

It owns the table from what a backend raises to what the executor acts on, and that a service which wants to be left
alone is. It must never know what a call is about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from elevon import errors, ports
from elevon.plugin import transports
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, QueryStatus

V = TypeVar("V")


class Calls:
    """The backend, seen from the executor.

    Args:
        backend: Who runs the queries.
        clock: The time.
        call_s: A call that takes longer, in seconds, has failed.
    """

    def __init__(self, backend: HiveBackend, clock: ports.Clock, call_s: float) -> None:
        self.backend = backend
        self._clock = clock
        self._call_s = call_s
        self._quiet_until = 0.0  # on that clock, as the service wants it

    def ensure_wanted(self) -> None:
        """Do nothing unless the service wants to be left alone for a while.

        Raises:
            QuotaError: It does.
        """
        wait_s = self._quiet_until - self._clock.monotonic()
        if wait_s > 0:
            raise errors.QuotaError(
                f"the hive backend {self.backend.name!r} wants to be left alone", timedelta(seconds=wait_s)
            )

    async def answered(self, call: Callable[[], Awaitable[V]]) -> V:
        """A call; what the backend's client raises is a transport error.

        Raises:
            TransportError: It brought no usable answer.
            Exception: What else the backend raises.
        """
        try:
            async with asyncio.timeout(self._call_s):
                return await call()
        except Exception as error:
            transport = transports.classify(error)
            if transport is None:
                raise
            if transport.is_overload and transport.retry_after is not None:
                until = self._clock.monotonic() + transport.retry_after.total_seconds()
                self._quiet_until = max(self._quiet_until, until)
            if transport is error:
                raise
            raise transport from error

    async def converted(self, what: str, call: Callable[[], Awaitable[V]]) -> V:
        """A call whose failure is an error of elevon's tree.

        Args:
            what: The call, as the subject of a sentence.
            call: Makes it.
        """
        try:
            return await self.answered(call)
        except TransportError as error:
            raise error.as_error(f"{what} at the hive backend {self.backend.name!r}") from error

    async def statuses(self, handles: Sequence[Any]) -> Sequence[QueryStatus | None]:
        """Where queries stand, as a tracker wants it."""
        found = await self.answered(lambda: self.backend.statuses(handles))
        if len(found) != len(handles):
            raise errors.BugError(
                f"the hive backend {self.backend.name!r} returned {len(found)} statuses for {len(handles)}"
            )
        return found
