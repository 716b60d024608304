"""The launcher of a simulated engine: jobs take their time, and go down with their engine as real processes do.

It keeps to `ports.Launcher`, and tells the run's story what becomes of each job. What a job would compute, the scenario
says.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from elevon import ports
from elevon.records.failures import Failure
from elevon.testing.conformance.calls import CURRENT
from elevon.testing.conformance.faults import DONE, LAUNCHER, Action
from elevon.testing.conformance.stories import What

SLOT_COUNT: Final = 4
_KILLED: Final = Failure(code="USER:Killed", message="the job was killed")


class Process(Protocol):
    """What a launcher needs of the simulated process that it belongs to."""

    def check_alive(self) -> None:
        """Raise if the process is dead."""
        ...

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; what goes wrong there, as far as the process did not see to it."""
        ...

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story; returns its index."""
        ...


class _Running(msgspec.Struct):
    """A job under way, or over.

    Attributes:
        ended: Set at its end.
        alarm: Ends it.
        result: How it ended; None before.
    """

    ended: asyncio.Event
    alarm: asyncio.TimerHandle | None = None
    result: ports.JobResult | None = None

    @property
    def status(self) -> ports.JobStatus:
        return ports.JobStatus(is_started=True, result=self.result)


class SimulatedLauncher:
    """Runs the jobs of one simulated engine.

    Args:
        process: Whose launcher it is.
        takes: How long a job runs.
        outputs: What it returns, serialized.
    """

    def __init__(self, process: Process, takes: timedelta, outputs: bytes) -> None:
        self._process = process
        self._takes_s = takes.total_seconds()
        self._outputs = outputs
        self._jobs: dict[str, _Running] = {}

    @property
    def slot_count(self) -> int:
        return SLOT_COUNT

    async def start(
        self, job: ports.Job, wake: Callable[[], None], grace: timedelta = timedelta(0)
    ) -> ports.JobStatus:
        return await self._disturbed("start", lambda: self._start(job, wake, grace))

    async def poll(self, name: str) -> ports.JobStatus:
        async def poll() -> ports.JobStatus:
            running = self._jobs.get(name)
            return ports.JobStatus(is_known=False) if running is None else running.status

        return await self._disturbed("poll", poll)

    async def kill(self, name: str) -> None:
        async def kill() -> ports.JobStatus:
            running = self._jobs.get(name)
            if running is not None and running.result is None:
                self._finish(name, running, ports.JobResult(failure=_KILLED))
            return ports.JobStatus(is_known=running is not None)

        await self._disturbed("kill", kill)

    def forget(self, name: str) -> None:
        running = self._jobs.pop(name, None)
        if running is not None and running.alarm is not None:
            running.alarm.cancel()

    async def close(self) -> None:
        for name in list(self._jobs):
            self.forget(name)

    def is_running(self, name: str) -> bool:
        """Whether a job of that name is under way."""
        running = self._jobs.get(name)
        return running is not None and running.result is None

    async def _start(self, job: ports.Job, wake: Callable[[], None], grace: timedelta) -> ports.JobStatus:
        running = self._jobs.get(job.name)
        if running is None:
            running = self._jobs[job.name] = _Running(asyncio.Event())
            self._tell(f"the job of attempt {job.id.attempt} begins", job.id.attempt)
            done = ports.JobResult(outputs=self._outputs)

            def end() -> None:
                self._tell(f"the job of attempt {job.id.attempt} ends", job.id.attempt)
                self._finish(job.name, running, done)
                wake()

            running.alarm = asyncio.get_running_loop().call_later(self._takes_s, end)
        if grace > timedelta(0) and running.result is None:
            try:
                async with asyncio.timeout(grace.total_seconds()):
                    await running.ended.wait()
            except TimeoutError:
                return running.status
        return running.status

    async def _disturbed(
        self, name: str, carry_out: Callable[[], Awaitable[ports.JobStatus]]
    ) -> ports.JobStatus:
        """A call of the launcher is a moment too; unlike a service it is part of the engine and never lost alone."""
        self._process.check_alive()
        if CURRENT.get() is None:  # the engine's own call, at the end of an attempt
            return await carry_out()
        await self._process.reach(f"{LAUNCHER}{name}")
        status = await carry_out()
        await self._process.reach(f"{LAUNCHER}{name}{DONE}")
        return status

    def _finish(self, name: str, running: _Running, result: ports.JobResult) -> None:
        running.result = result
        running.ended.set()
        if running.alarm is not None:
            running.alarm.cancel()
        if result.failure is not None:
            self._tell(f"the job {name} is killed", None)

    def _tell(self, text: str, attempt: int | None) -> None:
        self._process.tell(What.SERVICE, text, attempt=attempt)
