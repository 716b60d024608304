"""An AutoRefreshCache with thousands of items, against a service in memory that takes its time over each page.

It owns the workload `cache`: what the cache costs while nothing changes, with and without the author's sync, how old
news is when its owner is woken, and for how long anything else has to wait for the loop.

Usage: python -m bench.runners.elevon_cache
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import psutil

from bench.runners import requests
from elevon.plugin import AutoRefreshCache, Item, SyncAction, SyncResponse, pages_of
from elevon.primitives.clocks import SystemClock

_PERIOD_S = 10.0
_LATENCY_S = 0.02
_NEWS_COUNT = 200
_HEARTBEAT_S = 0.002


class Service:
    """Jobs by name, each with a version; it adds up what its answers cost."""

    def __init__(self, count: int) -> None:
        self.versions = {f"job-{number}": 0 for number in range(count)}
        self.cpu_seconds = 0.0

    async def sync(self, batch: Sequence[Item[int]]) -> list[SyncResponse[int]]:
        """List one page."""
        await asyncio.sleep(_LATENCY_S)
        begun_at = time.process_time()
        responses = [self._response(one) for one in batch]
        self.cpu_seconds += time.process_time() - begun_at
        return responses

    def _response(self, one: Item[int]) -> SyncResponse[int]:
        version = self.versions[one.id]
        return SyncResponse(
            one.id, version, SyncAction.UNCHANGED if version == one.item else SyncAction.UPDATE
        )


async def idle(service: Service, seconds: float) -> dict[str, Any]:
    """What it costs while nothing changes."""
    sync_before, cpu_before, begun_at = service.cpu_seconds, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed, cpu = time.perf_counter() - begun_at, time.process_time() - cpu_before
    own = cpu - (service.cpu_seconds - sync_before)
    passes = elapsed / _PERIOD_S
    return {
        "core_share": cpu / elapsed,
        "pass_cpu_seconds": cpu / passes,
        "own_pass_cpu_seconds": own / passes,
    }


async def news(service: Service, woken_at: dict[str, float]) -> dict[str, Any]:
    """How old changes are when their owners are woken, and how long the loop is held meanwhile."""
    changed_at: dict[str, float] = {}
    names = list(service.versions)[:: len(service.versions) // _NEWS_COUNT][:_NEWS_COUNT]
    held = asyncio.create_task(longest_hold(2 * _PERIOD_S))
    for name in names:
        changed_at[name] = time.perf_counter()
        service.versions[name] += 1
        await asyncio.sleep(_PERIOD_S / _NEWS_COUNT)
    longest = await held
    ages = [woken_at.get(name, float("inf")) - at for name, at in changed_at.items()]
    return {
        "median_age_seconds": statistics.median(ages),
        "worst_age_seconds": max(ages),
        "longest_hold_seconds": longest,
    }


async def longest_hold(seconds: float) -> float:
    """The most CPU that the loop spent between two heartbeats; time that others took of the machine is not in it."""
    until = time.perf_counter() + seconds
    longest = 0.0
    while time.perf_counter() < until:
        before = time.process_time()
        await asyncio.sleep(_HEARTBEAT_S)
        longest = max(longest, time.process_time() - before)
    return longest


async def measure(count: int, page: int, idle_s: float) -> dict[str, Any]:
    """Fill a cache and watch it."""
    service = Service(count)
    woken_at: dict[str, float] = {}
    before_bytes = psutil.Process().memory_info().rss
    async with AutoRefreshCache(
        "jobs",
        service.sync,
        clock=SystemClock(),
        resync_period=timedelta(seconds=_PERIOD_S),
        size=count,
        create_batches=pages_of(page),
    ) as cache:
        for name in service.versions:
            cache.get_or_create(name, 0, partial(note, woken_at, name))
        await asyncio.sleep(_PERIOD_S)
        resident_bytes = psutil.Process().memory_info().rss - before_bytes
        costs = await idle(service, idle_s)
        seen = await news(service, woken_at)
    return {**costs, **seen, "resident_bytes": resident_bytes}


def note(woken_at: dict[str, float], name: str) -> None:
    """The wake of an owner."""
    woken_at[name] = time.perf_counter()


def main() -> None:
    """Answer requests until there are no more."""
    pipe = requests.answers()
    while (asked := requests.read()) is not None:
        requests.answer(pipe, **asyncio.run(measure(**asked)))


if __name__ == "__main__":
    main()
