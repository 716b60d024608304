"""More time for what takes real time: the clock of a run is fast, and a busy machine is no broken promise.

It owns which of the limits of an executor hold for so much real time at least. It must never make one shorter.
"""

from datetime import timedelta
from typing import Any, Final, TypeVar, Unpack

import msgspec

from elevon.plugin.caches.caches import AutoRefreshCache
from elevon.plugin.caches.items import Sync
from elevon.plugin.caches.options import CacheOptions, CacheSettings
from elevon.plugin.contexts import SetupContext
from elevon.plugin.executors import ExecutorProperties
from elevon.plugin.hosts import INITIALIZE_TIME_LIMIT, STOP_GRACE, EngineHost
from elevon.plugin.registry import Registration

T = TypeVar("T")
_LEAST_S: Final = 10.0


def of_pace(pace: float) -> timedelta:
    """How long everything may take at least, by a clock of which so many seconds pass in a real one."""
    return timedelta(seconds=_LEAST_S * pace)


def properties(declared: ExecutorProperties, least: timedelta) -> ExecutorProperties:
    """The same with patience for its calls."""
    return msgspec.structs.replace(declared, call_timeout=max(declared.call_timeout, least))


class PatientSetup(SetupContext[Any], frozen=True, kw_only=True):
    """What an executor is initialized with, whose caches have patience for a sync.

    Attributes:
        least: How long one may take at least.
    """

    least: timedelta

    def make_cache(self, name: str, sync: Sync[T], **options: Unpack[CacheOptions[T]]) -> AutoRefreshCache[T]:
        options["sync_timeout"] = max(CacheSettings[T](**options).sync_timeout, self.least)
        return super().make_cache(name, sync, **options)


class PatientHost(EngineHost):
    """Runs the calls of an executor, and has patience for its `initialize`, which may import much.

    Args:
        registration: The executor.
        setup: What it is initialized with.
    """

    def __init__(self, registration: Registration, setup: SetupContext[Any]) -> None:
        super().__init__(registration, setup)
        self._least = setup.least if isinstance(setup, PatientSetup) else timedelta(0)

    async def start(
        self, time_limit: timedelta = INITIALIZE_TIME_LIMIT, grace: timedelta = STOP_GRACE
    ) -> None:
        await super().start(max(time_limit, self._least), grace)
