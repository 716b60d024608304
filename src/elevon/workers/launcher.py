"""The launcher of this machine: slots, the queue for them, and what is known of each job.

It owns the rules of `ports.Launcher`: idempotent by name, first come first served, a slot is free only when its job
was forgotten or killed, or is to be begun anew. It must never know how a job runs: `pools` and `commands` do.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import msgspec

from elevon import errors, ports
from elevon.primitives import alarms, failpoints
from elevon.records import failures
from elevon.records.failures import Failure
from elevon.workers import captures, codes, commands, mounts, pools, processes
from elevon.workers.settings import WorkerSettings
from elevon.workers.warm_workers import WarmWorker

_KILLED = "SYSTEM:Killed"


class _Runner(Protocol):
    """What runs a job: a warm worker or a command."""

    process: processes.OwnedProcess

    def kill(self) -> None:
        """End the process, and take no other job to it."""

    def show_output(self) -> None:
        """Let the attempt's directory show the output so far."""


class _Entry:
    """What is known of one job."""

    def __init__(
        self, job: ports.Job, code: codes.Code | None, wake: Callable[[], None], fault_count: int
    ) -> None:
        self.job = job
        self.code = code
        self.wake = wake
        self.fault_count = fault_count
        self.runner: _Runner | None = None
        self.holds_slots = False
        self.is_started = False
        self.is_reported = False
        self.is_forgotten = False
        self.is_faulty = False
        self.is_spent = False
        self.verdict: Failure | None = None
        self.result: ports.JobResult | None = None
        self.waiters: set[asyncio.Future[None]] = set()

    @property
    def is_running(self) -> bool:
        return self.is_started and self.result is None

    @property
    def status(self) -> ports.JobStatus:
        return ports.JobStatus(is_started=self.is_started, result=self.result)

    def finish(self, result: ports.JobResult) -> None:
        """Keep the result, and tell whoever waits for it, or else `wake`."""
        self.result = result
        self.notify()
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def notify(self) -> None:
        """Wake, unless a call of `start` is about to return the news itself, or nobody wants to know any more."""
        if self.is_reported and not self.waiters and not self.is_forgotten:
            self.wake()

    async def wait_end(self, grace: timedelta, graces: alarms.Alarms) -> None:
        """Return when the job has ended, or after `grace`."""
        if self.result is None and grace > timedelta(0):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.add(waiter)
            alarm = graces.set(grace.total_seconds(), functools.partial(_ring, waiter))
            try:
                await waiter
            finally:
                alarm.cancel()
                self.waiters.discard(waiter)


def _ring(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class LocalLauncher:
    """Runs jobs as processes of this machine; the adapter of `ports.Launcher`.

    A job's memory limit counts the resident memory of its whole process group, a warm worker's own 40 MB included. It
    is looked at every `WorkerSettings.watch_interval_s`, so that a short peak may go unseen.

    All methods belong to the loop in which the first of them was called.
    """

    def __init__(
        self,
        slot_count: int,
        load_artifact: Callable[[str], Awaitable[bytes]],
        clock: ports.Clock,
        household: processes.Household,
        settings: WorkerSettings | None = None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            slot_count: How many slots there are.
            load_artifact: Fetches a bundle of sources by its digest.
            clock: Paces the waiting for processes to be gone.
            household: Starts the processes, in folders on the disk of the attempts' directories; closed with the
                launcher.
            settings: Limits and habits.
        """
        self._slot_count = slot_count
        self._free_count = slot_count
        self._clock = clock
        self._settings = settings or WorkerSettings()
        self._household = household
        self._pool = pools.WorkerPool(self._household, self._settings)
        self._codes = codes.CodeCache(load_artifact)
        self._entries: dict[str, _Entry] = {}
        self._queue: deque[_Entry] = deque()
        self._graces = alarms.Alarms()
        self._watch: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def slot_count(self) -> int:
        return self._slot_count

    def start_workers(self, count: int | None = None) -> None:
        """Start workers ahead of the first job, so that their imports overlap with the engine's own start.

        Args:
            count: How many; None for one a slot.

        Raises:
            UnavailableError: The system can start no process now.
        """
        self._pool.grow(self._slot_count if count is None else min(count, self._slot_count))

    async def start(
        self, job: ports.Job, wake: Callable[[], None], grace: timedelta = timedelta(0)
    ) -> ports.JobStatus:
        entry = self._find(job.name)
        if entry is None:
            self._check(job)
            code = await self._codes.get(job.code_digest) if job.entrypoint and job.code_digest else None
            while (former := self._entries.get(job.name)) is not None and former.is_forgotten:
                await self._wait_gone(former)
            entry = self._find(job.name) or self._add(job, code, wake)  # another call may have come first
        entry.wake = wake
        try:
            await entry.wait_end(grace, self._graces)
        finally:
            entry.is_reported = True
        return self._tell(entry)

    async def poll(self, name: str) -> ports.JobStatus:
        entry = self._find(name)
        return ports.JobStatus(is_known=False) if entry is None else self._tell(entry)

    async def kill(self, name: str) -> None:
        entry = self._entries.get(name)
        if entry is not None:
            self._end_early(entry)
            await self._wait_gone(entry)
            self._release(entry)

    def forget(self, name: str) -> None:
        entry = self._entries.get(name)
        if entry is not None:
            entry.is_forgotten = True
            self._end_early(entry)
            if entry.result is not None:
                self._drop(entry)

    async def close(self) -> None:
        self._is_closed = True
        self._pool.stop()
        if self._watch is not None:
            self._watch.cancel()
        while self._queue:
            await self.kill(self._queue[0].job.name)
        for entry in self._entries.values():
            message = f"{entry.job.id.spelled}: the job was ended because the engine closed"
            entry.verdict = entry.verdict or Failure(code=_KILLED, message=message)
        await self._household.close(self._clock)

    def _find(self, name: str) -> _Entry | None:
        """The job of that name, unless it is to be begun anew."""
        entry = self._entries.get(name)
        return None if entry is None or entry.is_forgotten or entry.is_spent else entry

    def _add(self, job: ports.Job, code: codes.Code | None, wake: Callable[[], None]) -> _Entry:
        if self._is_closed:
            raise errors.UnavailableError(f"{job.id.spelled}: the engine is closing and starts nothing")
        former = self._entries.get(job.name)
        entry = _Entry(job, code, wake, former.fault_count if former else 0)
        self._entries[job.name] = entry
        self._queue.append(entry)
        self._dispatch()
        return entry

    def _tell(self, entry: _Entry) -> ports.JobStatus:
        """Answer a call; a job that is to be begun anew holds no slots meanwhile."""
        if entry.is_faulty:
            entry.is_spent = True
            self._release(entry)
        return entry.status

    def _end_early(self, entry: _Entry) -> None:
        """End a job that has not ended: at once if it waits, and else as soon as its process is gone."""
        if entry.result is not None:
            return
        verdict = Failure(code=_KILLED, message=f"{entry.job.id.spelled}: the job was killed by the engine")
        if entry.is_running and entry.runner is not None:
            entry.verdict = entry.verdict or verdict
            entry.runner.kill()
        else:
            self._queue.remove(entry)
            entry.finish(ports.JobResult(failure=verdict))
            self._dispatch()  # it may have been the big one that all others waited for

    async def _wait_gone(self, entry: _Entry) -> None:
        """Return when nothing is left of a job that was ended early."""
        if entry.verdict is not None and entry.runner is not None:
            await entry.runner.process.wait_gone(self._clock)

    def _check(self, job: ports.Job) -> None:
        if job.cpu_slots > self._slot_count:
            raise errors.UserError(
                f"{job.id.spelled}: the task asks for {job.cpu_slots} cores, and there are {self._slot_count} slots: "
                "lower its cpu request, or raise --workers"
            )
        for name, text in job.environment.items():
            if not name or "=" in name or "\0" in name + text:
                raise errors.UserError(
                    f"{job.id.spelled}: the variable {name!r} can't be set: "
                    "a name holds no '=', and neither part a null character"
                )
        mounts.check(job)
        if job.entrypoint is None:
            commands.check(job, self._settings)

    def _dispatch(self) -> None:
        """Start what fits, in the order of arrival: a big job at the head is waited for, so that it never starves."""
        while self._queue and self._queue[0].job.cpu_slots <= self._free_count and not self._is_closed:
            entry = self._queue.popleft()
            self._free_count -= entry.job.cpu_slots
            entry.holds_slots = True
            entry.is_started = True
            self._begin(entry)
            entry.notify()
        if self._watch is None and not self._is_closed and len(self._queue) < len(self._entries):
            self._watch = asyncio.get_running_loop().call_later(self._settings.watch_interval_s, self._look)

    def _begin(self, entry: _Entry) -> None:
        job = entry.job

        def on_end(result: ports.JobResult) -> None:
            self._end(entry, result)

        try:
            failpoints.hit("launcher.before_start")
            if job.entrypoint is None:
                entry.runner = commands.CommandRun(self._household, job, self._settings, on_end)
            else:
                entry.runner = self._pool.run(job, job.entrypoint, entry.code, on_end)
        except Exception as error:  # noqa: BLE001 - whatever it is, a job that never began must not count as running
            self._finish(entry, ports.JobResult(failure=failures.from_exception(error)))
        failpoints.hit("launcher.after_start")

    def _end(self, entry: _Entry, result: ports.JobResult) -> None:
        failpoints.hit("launcher.after_end")
        if result.exit_code is not None:
            try:
                captures.cut(entry.job.data_dir, self._settings.output_limit_bytes)
            except OSError as error:
                result = ports.JobResult(failure=_unwritable(entry.job, error), exit_code=result.exit_code)
        if entry.verdict is not None and result.failure is not None:
            result = ports.JobResult(failure=entry.verdict, exit_code=result.exit_code)
        self._finish(entry, result)
        if entry.is_forgotten:
            self._drop(entry)

    def _finish(self, entry: _Entry, result: ports.JobResult) -> None:
        """End a job; one that the system has failed is to be begun anew, unless that was so too often."""
        failure = result.failure
        if failure is not None and failure.is_system_fault and failure.code != _KILLED:
            entry.fault_count += 1
            entry.is_faulty = entry.fault_count < self._settings.max_fault_count
            if not entry.is_faulty:
                failure = msgspec.structs.replace(failure, is_recoverable=False)
                result = msgspec.structs.replace(result, failure=failure)
        entry.finish(result)

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry.job.name]
        self._release(entry)

    def _release(self, entry: _Entry) -> None:
        """Free the slots of a job that was forgotten or killed, once."""
        if entry.holds_slots:
            entry.holds_slots = False
            self._free_count += entry.job.cpu_slots
            if isinstance(entry.runner, WarmWorker):
                self._pool.release(entry.runner)
            self._dispatch()

    def _look(self) -> None:
        """Hold running jobs to their memory and their output."""
        self._watch = None
        running = [entry for entry in self._entries.values() if entry.is_running]
        for entry in running:
            if entry.runner is not None and entry.verdict is None:
                entry.verdict = self._judge(entry.job, entry.runner)
                if entry.verdict is not None:
                    entry.runner.kill()
        if running:
            self._watch = asyncio.get_running_loop().call_later(self._settings.watch_interval_s, self._look)

    def _judge(self, job: ports.Job, runner: _Runner) -> Failure | None:
        """Why a running job must be ended; None while it may go on."""
        try:
            runner.show_output()
            captures.cut(job.data_dir, self._settings.output_limit_bytes)
        except OSError as error:
            return _unwritable(job, error)
        used_bytes = runner.process.resident_bytes() if job.memory_bytes else 0
        if used_bytes <= job.memory_bytes:
            return None
        message = (
            f"{job.id.spelled}: the task used {used_bytes >> 20} MiB of memory and its limit is "
            f"{job.memory_bytes >> 20} MiB: raise its mem limit, or make it use less"
        )
        return Failure(code="USER:OutOfMemory", message=message, kind=errors.ErrorKind.USER)


def _unwritable(job: ports.Job, error: OSError) -> Failure:
    message = f"{job.id.spelled}: its output can't be kept in {job.data_dir}: {error}"
    return failures.from_exception(errors.UnavailableError(message))
