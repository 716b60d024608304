"""Warm Python processes, seen from the engine: one, and the pool of them.

A worker runs one task at a time and is kept for the next, as long as it is clean: its process died, grew, served its
number of tasks, or holds other code, and it is replaced. This module must never hand a worker to a job while the job
before it is not forgotten.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable

import msgspec

from elevon import errors, ports
from elevon.primitives import frames
from elevon.primitives.redaction import Redactor
from elevon.records.failures import Failure
from elevon.workers import captures, exits, folders, mounts, processes, protocol
from elevon.workers.codes import Code
from elevon.workers.settings import WorkerSettings

OnEnd = Callable[[ports.JobResult], None]


class WarmWorker:
    """One process, and the job that it runs or has run."""

    def __init__(
        self,
        household: processes.Household,
        settings: WorkerSettings,
        on_gone: Callable[["WarmWorker"], None],
    ) -> None:
        self.codes: dict[str, Code] = {}
        self.task_count = 0
        self.resident_bytes = 0
        self.is_ready = False
        self.is_doomed = False
        self._settings = settings
        self._on_gone = on_gone
        self._job: tuple[ports.Job, OnEnd] | None = None
        self._breach = ""
        self._redactor = (
            Redactor()
        )  # knows what the worker's own does, for when that one could not do its work
        self.folder = household.make_folder()
        self._temporary = household.make_temporary()
        try:
            with contextlib.ExitStack() as stack:
                self.process, self._pipes = self._start(household, stack)
        except OSError as error:
            raise errors.UnavailableError(f"no worker can be started: {error}") from error

    def _start(
        self, household: processes.Household, stack: contextlib.ExitStack
    ) -> tuple[processes.OwnedProcess, frames.LoopFrames]:
        """Start the process; the stack closes what only the process needs, and everything if that fails."""

        def closed_later(*descriptors: int) -> tuple[int, ...]:
            for descriptor in descriptors:
                stack.callback(os.close, descriptor)
            return descriptors

        order_fd, engine_write_fd = os.pipe()
        closed_later(order_fd)
        with contextlib.ExitStack() as ours:
            ours.callback(os.close, engine_write_fd)
            engine_read_fd, report_fd = os.pipe()
            ours.callback(os.close, engine_read_fd)
            closed_later(report_fd)
            stdin, stdout, stderr = closed_later(
                os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), *captures.create(self.folder)
            )
            command = ports.ProcessCommand(
                args=(
                    *(sys.executable, "-P", "-m", "elevon.workers.child"),
                    *(str(order_fd), str(report_fd), str(self.folder), str(self._temporary)),
                ),
                environment=self._settings.environment({folders.TMPDIR: str(self._temporary)}),
                streams=(stdin, stdout, stderr),
                passed_fds=(order_fd, report_fd),
            )
            process = household.spawn(command, self._bury)
            ours.pop_all()
        return process, frames.LoopFrames(
            asyncio.get_running_loop(), engine_read_fd, engine_write_fd, self._take, self._break
        )

    @property
    def is_worn(self) -> bool:
        """Whether it has served its time, by the settings, or is about to end."""
        return (
            self.is_doomed
            or self.task_count >= self._settings.max_task_count
            or self.resident_bytes > self._settings.max_resident_bytes
        )

    def run(self, job: ports.Job, entrypoint: tuple[str, str], code: Code | None, on_end: OnEnd) -> bool:
        """Send a job; `on_end` is called once, in the loop, when it is over or the process is.

        Returns:
            False if the process has ended already; the job was not sent then.

        Raises:
            UserError: The inputs are too large.
            UnavailableError: The attempt's directory can't be written.
        """
        try:
            captures.clear(job.data_dir)
            mounts.write(job.secrets, self.folder)
        except OSError as error:
            raise errors.UnavailableError(
                f"{job.id.spelled}: {job.data_dir} can't be set up: {error}"
            ) from error
        if code is not None and code.digest not in self.codes:
            self.codes[code.digest] = code
            self._pipes.send(protocol.encode(protocol.LoadCode(code.content)))
        order = protocol.Run(
            id=job.id,
            module=entrypoint[0],
            task=entrypoint[1],
            inputs=job.inputs,
            environment=job.environment | mounts.variables(job.secrets, self.folder),
            masked=tuple(secret.value for secret in job.secrets),
            data_dir=str(job.data_dir),
            raw_output_prefix=job.raw_output_prefix,
            output_limit_bytes=self._settings.output_limit_bytes,
        )
        is_sent = self._pipes.send(protocol.encode(order))
        if is_sent:
            self._job = (job, on_end)
            for secret in job.secrets:
                self._redactor.learn(secret.value)
        return is_sent

    def kill(self) -> None:
        """End the process; what it still says of its job counts, but it gets no other one."""
        self.is_doomed = True
        self.process.kill()

    def show_output(self) -> None:
        """Let the running job's directory show what it has written so far."""
        if self._job is not None:
            job = self._job[0]
            if job.secrets:
                captures.cut(self.folder, self._settings.output_limit_bytes)
            else:
                captures.show(self.folder, job.data_dir)

    def _take(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            try:
                report = protocol.decode_report(payload)
            except msgspec.MsgspecError as error:
                self._break(error)
                return
            if isinstance(report, protocol.Ready):
                self.is_ready = True
            else:
                self._end(report)

    def _end(self, report: protocol.Ended) -> None:
        self.task_count += 1
        self.resident_bytes = report.resident_bytes
        if report.is_spoiled:
            self.kill()
        self._finish(ports.JobResult(outputs=report.outputs, futures=report.futures, failure=report.failure))

    def _break(self, error: Exception) -> None:
        self._breach = f"the task wrote to descriptors that it did not open ({error})"
        self.kill()

    def _bury(self, process: processes.OwnedProcess) -> None:
        self._pipes.drain()
        self._pipes.close()
        if self._job is not None:
            self._finish(self._lost(self._job[0], process))
        folders.remove_soon(self.folder, self._temporary)
        self._on_gone(self)

    def _finish(self, result: ports.JobResult) -> None:
        if self._job is not None:
            job, on_end = self._job
            self._job = None
            if job.secrets:
                mounts.remove(self.folder)
            on_end(result)

    def _lost(self, job: ports.Job, process: processes.OwnedProcess) -> ports.JobResult:
        """The result of a job whose worker ended before it."""
        how = exits.describe(process.exit_code or 0)
        if not self.is_ready:
            last = captures.tail(self.folder / captures.STDERR)
            message = f"{job.id.spelled}: the worker process {how} before it could run anything: {last}"
            return ports.JobResult(failure=Failure(code="SYSTEM:WorkerStart", message=message))
        reason = f": {self._breach}" if self._breach else ""
        try:
            captures.mask(self.folder, self._redactor)
            captures.deliver_remains(self.folder, job.data_dir)
        except OSError as error:
            reason += f"; its output can't be kept in {job.data_dir}: {error}"
        message = f"{job.id.spelled}: the worker process {how} while it ran the task{reason}"
        return exits.result_of(message, process.exit_code or 0, captures.tail(job.data_dir / captures.STDERR))
