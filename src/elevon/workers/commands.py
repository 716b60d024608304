"""A container's command as a local process: what happened is read from the files that it left.

It owns the process from the check of its name to the reading of `outputs.pb`, `futures.pb` and `error.pb`. It must
never trust the exit code alone: flytekit's entrypoint exits with 0 after a failure that it wrote to `error.pb`. What a
command writes that was given secrets stays out of the attempt's directory until it is masked.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError

from elevon import errors, ports
from elevon.idl import messages
from elevon.plugin import results
from elevon.primitives.redaction import Redactor
from elevon.records.failures import Failure
from elevon.workers import captures, error_files, exits, folders, mounts, processes
from elevon.workers.settings import WorkerSettings

OUTPUTS = "outputs.pb"
FUTURES = "futures.pb"
_WORK = "work"


def check(job: ports.Job, settings: WorkerSettings) -> None:
    """Refuse a command that this machine does not have.

    Raises:
        UserError: There is no command, or it is not found.
    """
    if not job.args:
        raise errors.UserError(
            f"{job.id.spelled}: the task's container has no command: set its command or its args"
        )
    if any("\0" in arg for arg in job.args):
        raise errors.UserError(
            f"{job.id.spelled}: an argument of the command {job.args[0]!r} holds a null character"
        )
    path = settings.environment(job.environment).get("PATH", os.defpath)
    if shutil.which(job.args[0], path=path) is None:
        raise errors.UserError(
            f"{job.id.spelled}: there is no command {job.args[0]!r} on this machine: install it, or give its full path"
        )


class CommandRun:
    """One run of a command."""

    def __init__(
        self,
        household: processes.Household,
        job: ports.Job,
        settings: WorkerSettings,
        on_end: Callable[[ports.JobResult], None],
    ) -> None:
        """Start it.

        Raises:
            UnavailableError: Its directory can't be written, or the system can start no process now.
        """
        self._job = job
        self._on_end = on_end
        self._settings = settings
        self._redactor = Redactor()
        for secret in job.secrets:
            self._redactor.learn(secret.value)
        self._folder = household.make_folder()
        self._temporary = household.make_temporary()
        self._private = self._folder if job.secrets else None
        try:
            with contextlib.ExitStack() as stack:
                self.process = self._start(household, stack)
        except OSError as error:
            self._remove_folders()
            raise errors.UnavailableError(
                f"{job.id.spelled}: {job.data_dir} can't be set up: {error}"
            ) from error

    def _start(self, household: processes.Household, stack: contextlib.ExitStack) -> processes.OwnedProcess:
        work_dir = self._folder / _WORK
        work_dir.mkdir()
        self._job.data_dir.mkdir(parents=True, exist_ok=True)
        for name in (OUTPUTS, FUTURES, error_files.ERROR):
            (self._job.data_dir / name).unlink(missing_ok=True)
        environment = {folders.TMPDIR: str(self._temporary), **self._job.environment}
        if self._private is not None:
            captures.clear(self._job.data_dir)
            mounts.write(self._job.secrets, self._private)
            environment = environment | mounts.variables(self._job.secrets, self._private)
        outputs = captures.create(self._private or self._job.data_dir)
        for descriptor in outputs:
            stack.callback(os.close, descriptor)
        command = ports.ProcessCommand(
            args=self._job.args,
            environment=self._settings.environment(environment),
            cwd=work_dir,
            streams=(-1, *outputs),
        )
        return household.spawn_gated(command, self._bury)

    def kill(self) -> None:
        """End the process and everything it started."""
        self.process.kill()

    def show_output(self) -> None:
        """Let nothing be seen of a command with secrets, and else nothing is to be done."""
        if self._private is not None:
            captures.cut(self._private, self._settings.output_limit_bytes)

    def _bury(self, process: processes.OwnedProcess) -> None:
        result = self._result(process.exit_code or 0)
        self._remove_folders()
        self._on_end(result)

    def _remove_folders(self) -> None:
        if self._private is not None:  # before anybody is told of the end
            shutil.rmtree(self._private, ignore_errors=True)
        folders.remove_soon(self._folder, self._temporary)

    def _result(self, exit_code: int) -> ports.JobResult:
        try:
            if self._private is not None:
                captures.mask(self._private, self._redactor)
                captures.deliver_remains(self._private, self._job.data_dir)
            failure = self._written_failure()
            if failure is None and exit_code == 0:
                futures = self._written_futures()
                outputs = self._written_outputs() if futures is None else None
                return ports.JobResult(outputs=outputs, futures=futures, exit_code=exit_code)
        except (DecodeError, OSError) as error:
            message = f"{self._job.id.spelled}: what the command left in {self._job.data_dir} can't be read: {error}"
            failure = Failure(code="USER:BadOutput", message=message, kind=errors.ErrorKind.USER)
        if failure is not None:
            return ports.JobResult(failure=failure, exit_code=exit_code)
        message = f"{self._job.id.spelled}: the command {self._job.args[0]!r} {exits.describe(exit_code)}"
        return exits.result_of(message, exit_code, captures.tail(self._job.data_dir / captures.STDERR))

    def _written_outputs(self) -> bytes:
        """What the command wrote as its outputs, checked to be a `LiteralMap`; empty if it wrote nothing."""
        content = _read(self._job.data_dir / OUTPUTS)
        messages.LiteralMap.FromString(content)
        return content

    def _written_futures(self) -> bytes | None:
        """What the command wrote to go on as, checked to be a `DynamicJobSpec`; None if it wrote none."""
        path = self._job.data_dir / FUTURES
        if not path.exists():
            return None
        content = _read(path)
        messages.DynamicJobSpec.FromString(content)
        return content

    def _written_failure(self) -> Failure | None:
        """What the command wrote as its error; None if it wrote none."""
        path = self._job.data_dir / error_files.ERROR
        if not path.exists():
            return None
        error_files.mask(self._job.data_dir, self._redactor)
        document = messages.ErrorDocument.FromString(_read(path))
        return results.failure_of(document, f"{self._job.id.spelled}: the command")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
