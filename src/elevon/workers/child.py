"""The program of a warm worker process: takes tasks from a pipe, one after the other, and runs them.

The engine starts it as `python -P -m elevon.workers.child READ_FD WRITE_FD FOLDER TEMPORARY`, before it knows what to
run: everything that every task needs is imported here, at the top. It must never take down more than the attempt it
runs, and never outlive its pipe.
"""

import contextlib
import gc
import logging
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple, TextIO

from elevon import errors
from elevon.idl import messages
from elevon.primitives import frames, memory_shortages
from elevon.records import failures
from elevon.sdk import bundles, contexts, entrypoint, sources
from elevon.workers import protocol, surroundings

_MEASURE_INTERVAL_S = 0.1
_handler: logging.StreamHandler[TextIO] = logging.StreamHandler(sys.stderr)


class _Result(NamedTuple):
    """How a task ended; two of the three are None."""

    outputs: bytes | None = None
    futures: bytes | None = None
    failure: failures.Failure | None = None


class Worker:
    """Runs what it is told."""

    def __init__(self, pipes: frames.BlockingFrames, folder: Path, temporary: Path) -> None:
        self._pipes = pipes
        self._is_spoiled = False
        self._resident_bytes = 0
        self._measure_at = 0.0
        self._finder = bundles.BundleFinder()
        self._surroundings = surroundings.Surroundings(folder, temporary)
        sys.meta_path.insert(0, self._finder)

    def serve(self) -> None:
        """Run tasks until the pipe ends."""
        self._pipes.send(protocol.encode(protocol.Ready()))
        while (payload := self._pipes.receive()) is not None:
            match protocol.decode_order(payload):
                case protocol.LoadCode(content):
                    self._finder.add(sources.decode(content))
                case protocol.Run() as run:
                    self._answer(self._run(run))

    def _answer(self, result: _Result) -> None:
        is_spoiled = self._is_spoiled or _has_children()
        now = time.monotonic()
        if now >= self._measure_at:
            self._measure_at = now + _MEASURE_INTERVAL_S
            self._resident_bytes = _measure_resident_bytes()
            is_spoiled = is_spoiled or self._surroundings.is_littered()
        report = protocol.Ended(
            result.outputs, result.failure, self._resident_bytes, is_spoiled, result.futures
        )
        try:
            self._pipes.send(protocol.encode(report))
        except errors.UserError as error:
            self._pipes.send(
                protocol.encode(protocol.Ended(None, failures.from_exception(error), 0, is_spoiled))
            )

    def _run(self, run: protocol.Run) -> _Result:
        try:
            for value in run.masked:
                self._surroundings.redactor.learn(value)
            with self._surroundings.entered(
                Path(run.data_dir), run.environment, run.output_limit_bytes
            ) as scratch:
                return _run_task(run, scratch)
        except OSError as error:
            self._is_spoiled = True
            message = f"{run.id}: its output can't be kept in {run.data_dir}: {error}"
            return _Result(failure=failures.from_exception(errors.UnavailableError(message)))


def _run_task(run: protocol.Run, scratch: Path) -> _Result:
    context = contexts.ExecutionContext(
        execution_id=run.id.execution,
        node_id=run.id.node_id,
        attempt=run.id.attempt,
        logger=_logger(f"elevon.task.{run.module}.{run.task}"),
        scratch_dir=scratch,
        raw_output_prefix=run.raw_output_prefix,
    )
    try:
        task = entrypoint.load_task(run.module, run.task)
        made = entrypoint.run_task(task, messages.LiteralMap.FromString(run.inputs), context)
        content = made.SerializeToString(deterministic=True)
        return _Result(futures=content) if entrypoint.is_futures(made) else _Result(outputs=content)
    except entrypoint.TaskFailedError as error:
        return _Result(failure=error.failure)
    except BaseException as error:  # noqa: BLE001 - what is raised here is the attempt's failure, not the worker's
        return _Result(failure=entrypoint.failure_of(error))


def _logger(name: str) -> logging.Logger:
    """A logger whose records go to the attempt's captured stderr, as that is now."""
    _handler.setStream(sys.stderr)
    return logging.getLogger(name)


def _configure_logging() -> None:
    root = logging.getLogger("elevon.task")
    root.addHandler(_handler)
    root.setLevel(logging.INFO)
    root.propagate = False  # a handler that user code installs must not print every record twice


def _measure_resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - often
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _has_children() -> bool:
    """Whether any child process is left, after burying the dead."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def main() -> None:
    """Serve on the descriptors and in the folders of the command line."""
    read_fd, write_fd = (int(text) for text in sys.argv[1:3])
    for descriptor in (read_fd, write_fd):
        os.set_inheritable(descriptor, False)
    folder, temporary = map(Path, sys.argv[3:5])
    sys.argv[1:] = []
    _configure_logging()
    memory_shortages.volunteer()
    worker = Worker(frames.BlockingFrames(read_fd, write_fd), folder, temporary)
    gc.freeze()  # what was imported until here is never garbage
    worker.serve()
    # The engine is gone or has done with this worker, and user code's exit handlers may hang.
    os._exit(0)


if __name__ == "__main__":
    main()
