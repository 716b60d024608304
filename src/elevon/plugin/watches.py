"""What a cluster tells of the resources of one kind, kept in memory, and who is to be woken by it.

One watch serves all attempts of an executor, so that a check costs the cluster nothing. It is an accelerator and never
a truth: as long as it can't be relied on, it says so by knowing nothing. It must never end because the cluster does not
answer.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from elevon import errors, ports
from elevon.plugin import crossings
from elevon.plugin.metering import Metrics
from elevon.records.resources import Manifest, ResourceChanges, ResourceKey, ResourceKind, key_of

PATIENCE: Final = timedelta(seconds=30)
"""How long the cluster is asked to wait for news."""
_ANSWER_S: Final = 10.0  # for the way there and back
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_log = logging.getLogger("elevon.plugin")


class ResourceWatch:
    """Follows the resources of a kind that carry certain labels.

    Args:
        cluster: Where they are.
        kind: Their kind.
        labels: What they carry.
        clock: Paces what is tried again.
        metrics: Counts what fails.
    """

    def __init__(
        self,
        cluster: ports.ClusterApi,
        kind: ResourceKind,
        labels: Mapping[str, str],
        clock: ports.Clock,
        metrics: Metrics,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._labels = labels
        self._clock = clock
        self._failures = metrics.counter(
            "watch_failures", "watches of the cluster that failed and were begun again"
        )
        self._known: dict[ResourceKey, Manifest] = {}
        self._wakes: dict[ResourceKey, Callable[[], None]] = {}
        self._cursor = ""
        self._pause_s = _FIRST_PAUSE_S
        self._is_fresh = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        work = crossings.contained(self._keep)
        self._task = asyncio.get_running_loop().create_task(work, name=f"watch {self._kind}")

    async def close(self) -> None:
        """Watch no more; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def follow(self, key: ResourceKey, wake: Callable[[], None]) -> None:
        """Call `wake` whenever there is news of a resource, until `forget`; the last one given counts."""
        self._wakes[key] = wake

    def forget(self, key: ResourceKey) -> None:
        """Wake nobody for it any more."""
        self._wakes.pop(key, None)

    def find(self, key: ResourceKey) -> Manifest | None:
        """The resource as it was last seen; None if it was not, or if the watch can't be relied on at the moment."""
        return self._known.get(key) if self._is_fresh else None

    async def _keep(self) -> None:
        while True:
            # After a failure it is not to take long until the watch can be relied on again, news or not.
            patience = PATIENCE if self._is_fresh else timedelta(0)
            try:
                async with asyncio.timeout(patience.total_seconds() + _ANSWER_S):
                    changes = await self._cluster.watch(self._kind, self._labels, self._cursor, patience)
            except Exception as error:  # noqa: BLE001 - whatever it is, attempts wait for what comes after it
                await self._recover(error)
            else:
                self._pause_s = _FIRST_PAUSE_S
                self._is_fresh = True
                self._take_in(changes)

    async def _recover(self, error: Exception) -> None:
        """Wait a while; the cursor stays, so that nothing is missed."""
        self._is_fresh = False
        self._failures.add()
        is_known = isinstance(error, errors.ElevonError | OSError)  # a time-out is one too
        _log.warning(
            "the watch of %s failed and is begun again in %g s: %s",
            self._kind,
            self._pause_s,
            error if is_known and str(error) else repr(error),
            exc_info=None if is_known else error,
        )
        await self._clock.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _take_in(self, changes: ResourceChanges) -> None:
        present = {key_of(resource): resource for resource in changes.present}
        gone = {key_of(resource) for resource in changes.gone}
        if changes.is_whole:
            gone |= self._known.keys() - present.keys()
        news = {key for key, resource in present.items() if self._known.get(key) != resource} | gone
        self._known |= present
        for key in gone - present.keys():
            self._known.pop(key, None)
        self._cursor = changes.cursor
        for key in news:
            wake = self._wakes.get(key)
            if wake is not None:
                wake()
