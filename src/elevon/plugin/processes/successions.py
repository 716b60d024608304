"""One host process after the other.

It owns when the next one is started: at once for the first, and later each time one ends, until one has lived. It holds
each to its memory. It must never know what is called in them.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Final

from elevon import errors, ports
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.processes.lives import HostLife
from elevon.plugin.processes.suspects import Suspects

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 30.0
SOUND_AFTER_S: Final = 60.0  # a process that lived so long was not broken from the start
LOOK_INTERVAL_S: Final = 0.2
_MIB: Final = 1 << 20


class HostProcess:
    """One host: a process, and after its end the next one.

    Attributes:
        settings: What it is.
        suspects: Which of its attempts may have ended it.
    """

    def __init__(
        self, settings: HostSettings, owner: ports.ProcessOwner, clock: ports.Clock, log_path: Path
    ) -> None:
        self.settings = settings
        self.suspects = Suspects()
        self._owner = owner
        self._clock = clock
        self._log_path = log_path
        self._life: HostLife | None = None
        self._born = 0.0
        self._fault_count = 0
        self._not_before = 0.0
        self._opening = asyncio.Lock()
        self._look: asyncio.TimerHandle | None = None
        self._user_count = 0

    @property
    def delay(self) -> timedelta:
        """How long it is until there may be a process again."""
        return timedelta(seconds=max(0.0, self._not_before - self._clock.monotonic()))

    def enter(self) -> None:
        """Count one more executor that needs it."""
        self._user_count += 1

    async def leave(self) -> None:
        """Count one executor less; the last one ends the process."""
        self._user_count -= 1
        if self._user_count == 0:
            if self._look is not None:
                self._look.cancel()
            if self._life is not None:
                await self._life.stop()

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncGenerator[HostLife]:
        """The process, to initialize one executor at a time: so it is clear whose doing the end of the process is.

        Raises:
            UnavailableError: It can't be started, or ended before it was ready.
        """
        async with self._opening:
            yield await self._present()

    async def _present(self) -> HostLife:
        """The process that there is, or the next one when its time has come."""
        if self._life is not None and not self._life.is_over:
            return self._life
        if self._life is not None:
            await self._life.stop()  # nothing of the last one may run beside the next one
        if self.delay:
            await self._clock.sleep(self.delay.total_seconds())
        self._life = life = self._begin()
        await life.greet()
        return life

    def _begin(self) -> HostLife:
        self._born = self._clock.monotonic()
        try:
            life = HostLife(self.settings, self._owner, self._clock, self._log_path, self._bury)
        except errors.UnavailableError:
            self._count_fault()
            raise
        self._look_later()
        return life

    def _bury(self, life: HostLife) -> None:
        under_way = [attempt for attempt, _ in life.in_flight.values()]
        self.suspects.accuse(under_way if life.guilty is None else [life.guilty])
        self._count_fault()

    def _count_fault(self) -> None:
        """Wait longer each time, unless the last process was a sound one."""
        now = self._clock.monotonic()
        is_sound = now - self._born >= SOUND_AFTER_S
        self._fault_count = 1 if is_sound else self._fault_count + 1
        self._not_before = now + min(FIRST_DELAY_S * 2 ** (self._fault_count - 1), LONGEST_DELAY_S)

    def _look_later(self) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = asyncio.get_running_loop().call_later(LOOK_INTERVAL_S, self._look_at)

    def _look_at(self) -> None:
        """Hold the process to its memory, and its log to its size."""
        life = self._life
        self._look = None
        if life is None or life.is_over:
            return
        limit = self.settings.memory_limit_bytes
        used = life.resident_bytes() if limit else 0
        if used > limit:
            life.kill(
                f"{self.settings} used {used // _MIB} MiB of memory and was ended, its limit is {limit // _MIB} MiB: "
                f"raise memory_limit in [hosts.{self.settings.name}], or make its executors use less"
            )
            return
        life.tend_log()
        self._look_later()
