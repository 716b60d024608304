"""The home directory: where everything of one installation is, and which one is meant."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.primitives import locks
from elevon.propeller import layouts
from elevon.records.identities import AttemptId, ExecutionId

_STREAMS: Final = ("stdout", "stderr")
_CONTAINERS: Final = "containers"


class Home(msgspec.Struct, frozen=True):
    """The layout of one home directory.

    Attributes:
        path: The directory.
    """

    path: Path

    @property
    def configuration(self) -> Path:
        """What the commands of this home are told; optional."""
        return self.path / "elevon.toml"

    @property
    def database(self) -> Path:
        """All durable state."""
        return self.path / "elevon.db"

    @property
    def engines_dir(self) -> Path:
        """One lock file for each engine that lives, and its figures."""
        return self.path / "engines"

    @property
    def data_dir(self) -> Path:
        """Files of attempts."""
        return self.path / "data"

    @property
    def scratch_dir(self) -> Path:
        """Folders of running processes."""
        return self.path / "scratch"

    @property
    def executors_dir(self) -> Path:
        """Files of executors that are no truth."""
        return self.path / "executors"

    @property
    def hosts_dir(self) -> Path:
        """What the host processes of executors say."""
        return self.path / "hosts"

    @property
    def cluster_dir(self) -> Path:
        """Resources of the local cluster; made by whoever needs it."""
        return self.path / "cluster"

    def execution_dir(self, execution: ExecutionId) -> Path:
        """Where the files of an execution's attempts are."""
        return layouts.execution_dir(self.data_dir, execution)

    def attempt_dir(self, attempt: AttemptId) -> Path:
        """Where an attempt's files and captured output are."""
        directory = self.execution_dir(attempt.execution)
        return layouts.attempt_paths(directory, attempt.node_id, attempt.attempt).data_dir

    def log_path(self, attempt: AttemptId, stream: str) -> Path:
        """The file of one of the `streams` of an attempt."""
        return self.attempt_dir(attempt) / f"{stream}.log"

    def streams(self, attempt: AttemptId) -> tuple[str, ...]:
        """What an attempt may have written: its own, and those of each further container of its pod.

        Those are where the keeper of a local pod puts them, and are called `containers/NAME/stdout`.
        """
        containers = self.attempt_dir(attempt) / _CONTAINERS
        names = sorted(one.name for one in containers.iterdir()) if containers.is_dir() else ()
        return (*_STREAMS, *(f"{_CONTAINERS}/{name}/{stream}" for name in names for stream in _STREAMS))

    def lock_path(self, engine_id: str) -> Path:
        """The lock that an engine holds until the last of its processes is gone."""
        return self.engines_dir / f"{engine_id}.lock"

    def is_alive(self, engine_id: str) -> bool:
        """Whether a process of that engine, or one that it started, still runs."""
        return locks.is_held(self.lock_path(engine_id))

    def detached_log(self, execution: ExecutionId) -> Path:
        """What the process in the background says that drives an execution."""
        return self.engines_dir / f"{execution.name}.log"

    def remove_files(self, execution: ExecutionId) -> None:
        """Remove all files of an execution; none at all is fine."""
        shutil.rmtree(self.execution_dir(execution), ignore_errors=True)
        self.detached_log(execution).unlink(missing_ok=True)

    def prepare(self) -> None:
        """Make the directories.

        Raises:
            UnavailableError: The place can't be written.
        """
        try:
            for directory in (
                self.path,
                self.engines_dir,
                self.data_dir,
                self.scratch_dir,
                self.executors_dir,
            ):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            match error:
                case FileExistsError():
                    why = "it is a file"
                case NotADirectoryError():
                    why = "it would lie below a file"
                case _:
                    why = error.strerror
            raise errors.UnavailableError(
                f"the home {self.path} can't be used: {why}; choose another by --home or ELEVON_HOME"
            ) from error


def home_path(option: str | None) -> Path:
    """Which home to use: the option, else `ELEVON_HOME`, else a default for each user."""
    chosen = option or os.environ.get("ELEVON_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "elevon"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "elevon"
