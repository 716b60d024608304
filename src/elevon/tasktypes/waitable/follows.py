"""Executions that are followed in memory: what the control plane last said of each.

One cache serves all attempts of an executor, so that ten thousand awaited executions cost a few list calls. It owns
what is news and what a missing execution means; it is an accelerator and never a truth.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from elevon import errors, ports
from elevon.plugin import AutoRefreshCache, Item, SetupContext, SyncAction, SyncResponse, pages_of
from elevon.records.identities import ExecutionId
from elevon.records.standings import ExecutionStanding


class FollowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how many at once.

    Attributes:
        resync_period: How old an answer may get.
        page_size: The most executions that are asked for in one call.
        workers: Pages that are asked for at the same time.
        size: The most executions that are followed.
        call_time: A call that takes longer has failed.
        missing_limit: After more answers in a row that do not have it, an execution is not there.
    """

    resync_period: timedelta
    page_size: int
    workers: int
    size: int
    call_time: timedelta
    missing_limit: int


class Followed(msgspec.Struct, frozen=True):
    """One execution.

    Attributes:
        execution: Which.
        standing: Where it stood when it was first seen, or how it has ended; None before the first answer.
        missing_count: How many answers in a row did not have it.
    """

    execution: ExecutionId
    standing: ExecutionStanding | None = None
    missing_count: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.standing is not None and self.standing.phase.is_terminal


class Follows:
    """Follows executions.

    Args:
        control_plane: Whom to ask.
        setup: Makes the cache.
        settings: How often, and how many at once.
    """

    def __init__(
        self, control_plane: ports.ControlPlane, setup: SetupContext[Any], settings: FollowSettings
    ) -> None:
        self._control_plane = control_plane
        self._missing_limit = settings.missing_limit
        self._page_size = settings.page_size
        self._trouble: Exception | None = None
        self._cache: AutoRefreshCache[Followed] = setup.make_cache(
            "executions",
            self._sync,
            resync_period=settings.resync_period,
            size=settings.size,
            workers=settings.workers,
            create_batches=pages_of(settings.page_size),
            is_terminal=lambda followed: followed.has_ended,
            sync_timeout=settings.call_time,
        )

    @property
    def trouble(self) -> Exception | None:
        """What the last call raised; None if it was answered."""
        return self._trouble

    def expect(self, execution: ExecutionId, wake: Callable[[], None]) -> None:
        """Begin to follow it, from nothing: another one of the same id may have ended before."""
        known = self._cache.get_or_create(str(execution), Followed(execution), wake)
        if known.has_ended:
            self._cache.update(str(execution), Followed(execution))

    def look(self, execution: ExecutionId, wake: Callable[[], None]) -> Followed:
        """What is known of it; `wake` is called on news."""
        return self._cache.get_or_create(str(execution), Followed(execution), wake)

    def is_missing(self, followed: Followed) -> bool:
        """Whether it is not there, by so many answers that it is to be believed."""
        return followed.missing_count > self._missing_limit

    def forget(self, execution: ExecutionId) -> None:
        """Follow it no more."""
        self._cache.delete_delayed(str(execution))

    async def workflows_of(self, executions: Iterable[ExecutionId]) -> dict[ExecutionId, str]:
        """The workflow that each runs, but of those that are gone; only what the cache has lost is asked for."""
        known = {execution: self._cache.get(str(execution)) for execution in executions}
        standings = [one.standing for one in known.values() if one is not None and one.standing is not None]
        unknown = [execution for execution, one in known.items() if one is None or one.standing is None]
        for first in range(0, len(unknown), self._page_size):
            page = await self._control_plane.get_many(unknown[first : first + self._page_size])
            standings += [standing for standing in page if standing is not None]
        return {standing.id: standing.workflow for standing in standings}

    async def _sync(self, batch: Sequence[Item[Followed]]) -> list[SyncResponse[Followed]]:
        try:
            found = await self._control_plane.get_many([item.item.execution for item in batch])
        except asyncio.CancelledError:
            self._trouble = TimeoutError("it took too long")
            raise
        except Exception as error:
            self._trouble = error
            raise
        if len(found) != len(batch):
            raise errors.BugError(
                f"the control plane answered for {len(found)} executions instead of {len(batch)}"
            )
        self._trouble = None
        pairs = zip(batch, found, strict=True)
        return [
            SyncResponse(item.id, news, SyncAction.UPDATE)
            for item, standing in pairs
            if (news := self._news(item.item, standing)) is not None
        ]

    def _news(self, known: Followed, standing: ExecutionStanding | None) -> Followed | None:
        """What is to be told: that it is there, that it is not, and its end; None for what changes nothing."""
        if standing is None:
            # Counted no further than needed: each count wakes all who wait.
            is_counted = known.missing_count > self._missing_limit
            return None if is_counted else Followed(known.execution, known.standing, known.missing_count + 1)
        if known.standing is None or known.missing_count or standing.phase.is_terminal:
            return Followed(known.execution, standing)
        return None
