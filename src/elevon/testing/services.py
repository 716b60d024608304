"""A service outside the engine, for scenarios: it makes things, they take their time, and every one is remembered.

It owns a ledger of what was made and how it ended, which is what the kit judges by. Its public coroutines are what an
executor calls; in a run each of them goes through the kit, which lets them fail, hang and repeat.
"""

import itertools
from collections.abc import Iterable, MutableSequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from elevon import errors, ports


class Thing(msgspec.Struct, kw_only=True):
    """Something that the service made.

    Attributes:
        id: The service's own name for it.
        token: Under which it was asked for.
        spec: What was asked for.
        created_at: When it was made.
        ends_at: When it will have ended by itself; None for never.
        deleted_at: When it was deleted.
        is_forgotten: Whether the service has lost it.
    """

    id: str
    token: str
    spec: dict[str, Any] = {}
    created_at: datetime
    ends_at: datetime | None = None
    deleted_at: datetime | None = None
    is_forgotten: bool = False

    def is_running(self, now: datetime) -> bool:
        """Whether it costs somebody something at that instant."""
        is_over = self.ends_at is not None and self.ends_at <= now
        return not (is_over or self.deleted_at is not None or self.is_forgotten)


class ServiceJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the service tells of a thing.

    Attributes:
        id: The service's own name for it.
        token: Under which it was asked for.
        status: `queued`, `running`, `succeeded`, `failed` or `deleted`.
        spec: What was asked for.
    """

    id: str
    token: str
    status: str
    spec: dict[str, Any] = {}


class FakeService:
    """A service that runs jobs: it is asked for one by a token, and tells where it stands.

    A service with other calls is a subclass that makes its things by `make` and ends them by `end`.

    Args:
        takes: How long a job takes; a tenth of it is spent in the queue.
        ends_as: `succeeded` or `failed`.
        is_idempotent: Whether a second request under a token finds the first one's job, instead of making another.

    Attributes:
        clock: The kit's; it is set before the first call.
        things: All that were ever made, in order.
        repeatable: Names of the calls that a network may deliver twice, as repeating them does no harm.
    """

    def __init__(
        self,
        takes: timedelta = timedelta(seconds=30),
        ends_as: str = "succeeded",
        *,
        is_idempotent: bool = False,
    ) -> None:
        self.clock: ports.Clock
        self.things: MutableSequence[Thing] = []
        self.repeatable = frozenset(
            {"get", "list", "find", "delete"} | ({"create"} if is_idempotent else set())
        )
        self._takes = takes
        self._ends_as = ends_as
        self._is_idempotent = is_idempotent
        self._ids = itertools.count(1)

    async def create(self, token: str, **spec: Any) -> str:
        """Make a job; returns its id."""
        known = next((thing for thing in self.things if thing.token == token), None)
        if self._is_idempotent and known is not None:
            return known.id
        return self.make(token, self._takes, **spec).id

    async def get(self, id: str) -> ServiceJob:  # noqa: A002 - what the service calls it
        """Where a job stands.

        Raises:
            NotFoundError: There is none, or the service has lost it.
        """
        return self._told(self.thing(id))

    async def list(self) -> list[ServiceJob]:
        """All jobs that the service knows."""
        return [self._told(thing) for thing in self._known()]

    async def find(self, token: str) -> str | None:
        """The id of the job that was asked for under a token; None if there is none."""
        return next((thing.id for thing in self._known() if thing.token == token), None)

    async def delete(self, id: str) -> None:  # noqa: A002
        """End a job; one that has ended, or is unknown, is fine."""
        for thing in self._known():
            if thing.id == id and thing.is_running(self.clock.now()):
                self.end(thing)

    def make(self, token: str, takes: timedelta | None = None, **spec: Any) -> Thing:
        """Put a new thing into the ledger.

        Args:
            token: Under which it was asked for.
            takes: When it ends by itself; None for never.
            spec: What was asked for.
        """
        now = self.clock.now()
        made = Thing(
            id=f"job-{next(self._ids)}",
            token=token,
            spec=spec,
            created_at=now,
            ends_at=None if takes is None else now + takes,
        )
        self.things.append(made)
        return made

    def end(self, thing: Thing) -> None:
        """End a thing before its time."""
        thing.deleted_at = self.clock.now()

    def thing(self, id: str) -> Thing:  # noqa: A002
        """The thing of that id.

        Raises:
            NotFoundError: There is none, or the service has lost it.
        """
        for thing in self._known():
            if thing.id == id:
                return thing
        raise errors.NotFoundError(f"the service knows no {id}")

    def forget(self) -> Thing | None:
        """Lose the newest thing that runs; returns it, or None if there is none."""
        now = self.clock.now()
        lost = next((thing for thing in reversed(self.things) if thing.is_running(now)), None)
        if lost is not None:
            lost.is_forgotten = True
        return lost

    def _known(self) -> Iterable[Thing]:
        return [thing for thing in self.things if not thing.is_forgotten]

    def _told(self, thing: Thing) -> ServiceJob:
        return ServiceJob(id=thing.id, token=thing.token, status=self._status(thing), spec=thing.spec)

    def _status(self, thing: Thing) -> str:
        now = self.clock.now()
        if thing.deleted_at is not None:
            return "deleted"
        if thing.ends_at is None:
            return "running"
        if thing.ends_at <= now:
            return self._ends_as
        return "queued" if now - thing.created_at < self._takes / 10 else "running"
