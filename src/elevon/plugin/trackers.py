"""Resources of a service that are followed in memory: what the last sync saw of each, and how the syncs went.

It owns what becomes of an answer, of a missing one and of a failed sync; the cache owns when to ask, and the executor
what to ask. Nothing here is truth: a lost item is made anew from custom state.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

import msgspec

from elevon import errors
from elevon.plugin.caches import Item, SyncAction, SyncResponse
from elevon.plugin.statuses import TaskStatus
from elevon.plugin.transports import TransportError

R = TypeVar("R")
T = TypeVar("T")


class Tracked(msgspec.Struct, Generic[R], frozen=True):
    """One resource, as of its last sync.

    Attributes:
        meta: What names it in the service.
        resource: What the service said when its status last changed; None before the first answer.
        status: What that meant; None before the first answer.
    """

    meta: R
    resource: Any = None
    status: TaskStatus[Any] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status is not None and self.status.phase is not None and self.status.phase.is_terminal


class _Trouble(msgspec.Struct):
    """What went wrong with one resource since it was last seen.

    Attributes:
        missing_count: Syncs in a row for which the service did not know it.
        failed_count: Syncs in a row that brought nothing to go by.
        problem: What the last of these raised.
    """

    missing_count: int = 0
    failed_count: int = 0
    problem: Exception | None = None


class Tracker(Generic[R, T]):
    """Syncs the items of a cache with a service.

    Args:
        read: Asks the service for resources, in the order of their metas; None for one that it does not know.
        status: What a resource means for its task.
        missing_limit: After more syncs in a row that do not find it, a resource is lost.
        failed_limit: After more syncs in a row that fail, so does the check.
    """

    def __init__(
        self,
        read: Callable[[Sequence[R]], Awaitable[Sequence[T | None]]],
        status: Callable[[T], TaskStatus[Any]],
        *,
        missing_limit: int,
        failed_limit: int,
    ) -> None:
        self._read = read
        self._status = status
        self._missing_limit = missing_limit
        self._failed_limit = failed_limit
        self._troubles: dict[str, _Trouble] = {}

    def forget(self, item_id: str) -> None:
        """Drop what is known of the syncs of a resource."""
        self._troubles.pop(item_id, None)

    async def sync(self, batch: Sequence[Item[Tracked[R]]]) -> list[SyncResponse[Tracked[R]]]:
        """Ask for one page; an item is news only where its status has changed.

        Nothing is made for an item that has not: with ten thousand of them, it is garbage that costs.

        Raises:
            Exception: What the read raised, as an error of elevon's tree where it is a transport error. It is counted
                for each item, and the cache asks again later, for fewer at once.
        """
        try:
            found = await self._read([item.item.meta for item in batch])
        except Exception as error:
            for item in batch:
                self._count_failure(item.id, error)
            if isinstance(error, TransportError):
                raise error.as_error(f"get of {len(batch)} resources") from error
            raise
        pairs = zip(batch, found, strict=True)
        return [
            SyncResponse(item.id, tracked, SyncAction.UPDATE)
            for item, resource in pairs
            if (tracked := self._take_in(item, resource)) is not None
        ]

    def ensure_synced(self, item_id: str, what: str, again_after: timedelta) -> None:
        """Do nothing while the syncs of a resource go well enough to rely on its last status.

        Args:
            item_id: Of the resource.
            what: The read, as the subject of a sentence.
            again_after: The time to the next sync: a check before it would count the same failure twice.

        Raises:
            RetryableError: Too many syncs failed; a later one may succeed.
            UserError: Too many syncs failed, in a way that no repetition mends.
        """
        trouble = self._troubles.get(item_id)
        if trouble is None or trouble.problem is None or trouble.failed_count <= self._failed_limit:
            return
        problem = trouble.problem
        sentence = f"{what} failed {trouble.failed_count} times in a row: {_described(problem)}"
        is_transport = isinstance(problem, TransportError)
        is_final = errors.policy_of(problem).retry is errors.Retry.NEVER
        if is_final or (is_transport and not problem.is_transient):
            raise errors.UserError(sentence) from problem
        asked = problem.retry_after if is_transport else None
        raise errors.RetryableError(sentence, max(asked or timedelta(0), again_after)) from problem

    def _take_in(self, item: Item[Tracked[R]], resource: T | None) -> Tracked[R] | None:
        """One item as it is known now; None if that is no news."""
        known = item.item
        if resource is None:
            status = self._missed(item)
        elif resource == known.resource and item.id not in self._troubles:
            return None
        else:
            status = self._understood(item.id, resource)
        return None if status is None or status == known.status else Tracked(known.meta, resource, status)

    def _understood(self, item_id: str, resource: T) -> TaskStatus[Any] | None:
        """The status of a resource; None if its author's code can't say."""
        try:
            status = self._status(resource)
        except Exception as error:  # noqa: BLE001 - a stranger's code; it concerns this one resource only
            self._count_failure(item_id, error)
            return None
        self._troubles.pop(item_id, None)
        return status

    def _missed(self, item: Item[Tracked[R]]) -> TaskStatus[Any] | None:
        """Count that the service did not know it; the status of a lost one."""
        trouble = self._troubles.setdefault(item.id, _Trouble())
        trouble.failed_count = 0
        trouble.missing_count += 1
        if trouble.missing_count <= self._missing_limit:
            return None
        return TaskStatus[Any].retryable_failure(
            f"the service has not known {item.item.meta!r} for {trouble.missing_count} syncs in a row"
        )

    def _count_failure(self, item_id: str, error: Exception) -> None:
        trouble = self._troubles.setdefault(item_id, _Trouble())
        trouble.problem = error
        trouble.failed_count += 1


def _described(problem: Exception) -> str:
    is_known = isinstance(problem, TransportError | errors.ElevonError)
    return str(problem) if is_known else f"{type(problem).__name__}: {problem}"
