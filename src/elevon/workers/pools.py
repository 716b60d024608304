"""The warm workers together: which one takes a job, when one is added, when one goes.

It owns the number of processes. It must never wait: a job is handed to a worker that is still importing, and its pipe
keeps it until then.
"""

import contextlib

from elevon import errors, ports
from elevon.workers import processes
from elevon.workers.codes import Code
from elevon.workers.settings import WorkerSettings
from elevon.workers.warm_workers import OnEnd, WarmWorker


class WorkerPool:
    """Idle and busy workers; the caller bounds how many are busy at once."""

    def __init__(self, household: processes.Household, settings: WorkerSettings) -> None:
        self._household = household
        self._settings = settings
        self._idle: list[WarmWorker] = []
        self._workers: set[WarmWorker] = set()
        self._wanted_count = 0

    def grow(self, count: int) -> None:
        """See to it that there are at least so many workers, from now on.

        Raises:
            UnavailableError: The system can start no process now.
        """
        self._wanted_count = max(self._wanted_count, count)
        while len(self._workers) < self._wanted_count:
            self._idle.append(self._spawn())

    def run(
        self, job: ports.Job, entrypoint: tuple[str, str], code: Code | None, on_end: OnEnd
    ) -> WarmWorker:
        """Give a job to the worker that suits it best, or to a new one.

        Raises:
            UnavailableError: The system can start no process now, or the attempt's directory can't be written.
            UserError: The inputs are too large.
        """
        while True:
            worker = self._choose(code)
            try:
                if worker.run(job, entrypoint, code, on_end):
                    return worker
            except errors.ElevonError:
                self.release(worker)
                raise
            self._retire(worker)

    def release(self, worker: WarmWorker) -> None:
        """Take a worker back, after its job was forgotten; a lost one is gone already."""
        if worker not in self._workers:
            return
        if worker.is_worn:
            self._retire(worker)
            self._replace()
        else:
            self._idle.append(worker)

    def stop(self) -> None:
        """Add no more workers."""
        self._wanted_count = 0

    def _choose(self, code: Code | None) -> WarmWorker:
        # The one used last is the warmest.
        fitting = [
            worker
            for worker in reversed(self._idle)
            if not worker.is_doomed
            and (code is None or code.digest in worker.codes or code.fits_with(worker.codes.values()))
        ]
        worker = max(fitting, key=lambda worker: _suitability(worker, code), default=None)
        if worker is not None:
            self._idle.remove(worker)
            return worker
        if self._idle and len(self._workers) >= self._wanted_count:
            self._retire(self._idle[0])
        return self._spawn()

    def _spawn(self) -> WarmWorker:
        worker = WarmWorker(self._household, self._settings, self._lose)
        self._workers.add(worker)
        return worker

    def _retire(self, worker: WarmWorker) -> None:
        self._workers.discard(worker)
        with contextlib.suppress(ValueError):
            self._idle.remove(worker)
        worker.process.kill()

    def _lose(self, worker: WarmWorker) -> None:
        """Take note that a worker's process has ended."""
        is_retired = worker not in self._workers
        self._workers.discard(worker)
        with contextlib.suppress(ValueError):
            self._idle.remove(worker)
        # One that could not even start would not start again and again.
        if worker.is_ready and not is_retired:
            self._replace()

    def _replace(self) -> None:
        # If it can't be done now, the next job will try again and tell.
        with contextlib.suppress(errors.UnavailableError):
            self.grow(self._wanted_count)


def _suitability(worker: WarmWorker, code: Code | None) -> tuple[bool, bool]:
    return (code is not None and code.digest in worker.codes, worker.is_ready)
