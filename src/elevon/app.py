"""The composition root: the only place that picks adapters and knows the home directory.

`reading` opens the store alone, for whoever only looks; `embedded` brings up an engine in this process.
"""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from elevon import errors
from elevon.admin.executions import Admin, NewExecution
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import discovery
from elevon.plugin.contexts import SetupContext
from elevon.plugin.executors import Executor
from elevon.plugin.registry import Registration, Registry
from elevon.plugin.states import STATE_LIMIT_BYTES
from elevon.primitives import ids, locks
from elevon.primitives.clocks import SystemClock
from elevon.propeller import layouts
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.services import Services
from elevon.records.identities import AttemptId, ExecutionId
from elevon.stores.sqlite import SqliteStateStore
from elevon.tasktypes.container.executor import ContainerExecutor
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.tasktypes.sleep.executor import SleepExecutor
from elevon.workers.launcher import LocalLauncher

_log = logging.getLogger(__name__)
SHIPPED = (PythonExecutor, ContainerExecutor, EchoExecutor, SleepExecutor)
"""The executors that come with elevon; they have no privilege over those of strangers."""


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
        """One lock file for each engine that lives, held until the last of its processes is gone."""
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

    def attempt_dir(self, attempt: AttemptId) -> Path:
        """Where an attempt's files and captured output are."""
        directory = layouts.execution_dir(self.data_dir, attempt.execution)
        return layouts.attempt_paths(directory, attempt.node_id, attempt.attempt).data_dir

    def is_alive(self, engine_id: str) -> bool:
        """Whether a process of that engine, or one that it started, still runs."""
        return locks.is_held(_lock_path(self, engine_id))

    def remove_files(self, execution: ExecutionId) -> None:
        """Remove all files of an execution's attempts; none at all is fine."""
        shutil.rmtree(layouts.execution_dir(self.data_dir, execution), ignore_errors=True)

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
            raise errors.UnavailableError(
                f"the home {self.path} can't be used: {error.strerror}; choose another by --home or ELEVON_HOME"
            ) from error


def home_path(option: str | None) -> Path:
    """Which home to use: the option, else `ELEVON_HOME`, else a default for each user."""
    chosen = option or os.environ.get("ELEVON_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "elevon"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "elevon"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedded engine can be told.

    Attributes:
        workers: Slots for tasks.
        tasktypes: Executors that are being written, as `module:Class`.
        executors: Executors that whoever composes the engine has made.
        configuration: Settings of executors, by their ids.
        configuration_origin: Where the configuration was read, for whoever has to mend it.
        default_executor: Id of the executor for types that nobody registered; empty for none.
        state_limit_bytes: Largest encoded custom state.
        max_parallelism: Limit on attempts under way at once of a new execution; 0 for none.
        backoff: Patience with calls that raise.
        lease_time: After this, executions of an engine that has stopped are taken over although it lives.
    """

    workers: int = max(1, os.cpu_count() or 1)
    tasktypes: tuple[str, ...] = ()
    executors: tuple[Executor[Any, Any], ...] = ()
    configuration: Mapping[str, Mapping[str, Any]] = {}
    configuration_origin: str = "the configuration"
    default_executor: str = ""
    state_limit_bytes: int = STATE_LIMIT_BYTES
    max_parallelism: int = 0
    backoff: Backoff = Backoff()
    lease_time: timedelta = timedelta(seconds=30)


class Embedded(msgspec.Struct, frozen=True):
    """An engine in this process, and the control plane beside it.

    Attributes:
        admin: Creates, finds and shows executions.
        engine: Drives them.
        executors: Who serves which task type there.
    """

    admin: Admin
    engine: Engine
    executors: Executors

    @property
    def task_types(self) -> frozenset[str] | None:
        """The types that it serves; None for all."""
        return _served_by(self.executors.registry)

    async def ensure_served(self, new: NewExecution) -> None:
        """Wait until all executors are there that an execution needs which is to be created.

        Raises:
            UnavailableError: One of them could not be initialized: the execution is to be refused.
        """
        needed = {task.template.type for task in new.closure.tasks}
        await self.executors.ready(needed)
        for task_type in sorted(needed):
            self.executors.of_type(task_type)


def registry(settings: Settings) -> Registry:
    """The executors that are there: shipped ones, those of installed packages, those named in the settings.

    An installed package that is broken costs its own types only; a warning says so.

    Raises:
        UserError: One that is named can't be had, two of them claim the same type, or a setting is wrong.
    """
    installed, problems = discovery.discover()
    for problem in problems:
        _log.warning("%s; its task types are not there", problem.sentence)
    made: list[Executor[Any, Any]] = [cls() for cls in SHIPPED]
    named = [discovery.load_executor(reference) for reference in settings.tasktypes]
    return Registry.of(
        [*made, *installed, *named, *settings.executors],
        configuration=settings.configuration,
        origin=settings.configuration_origin,
        default_id=settings.default_executor,
        state_limit_bytes=settings.state_limit_bytes,
        problems=problems,
    )


def task_types(settings: Settings) -> frozenset[str] | None:
    """The task types that an engine with these settings serves; None for all."""
    return _served_by(registry(settings))


@contextlib.asynccontextmanager
async def reading(home: Home) -> AsyncGenerator[Admin]:
    """The control plane over the home's store, without an engine."""
    home.prepare()
    async with _open_store(home) as store:
        yield Admin(store, SystemClock())


@contextlib.asynccontextmanager
async def embedded(home: Home, settings: Settings) -> AsyncGenerator[Embedded]:
    """An engine in this process; at the end everything that it started is gone."""
    home.prepare()
    clock = SystemClock()
    locks.remove_stale(home.engines_dir)
    engine_id = ids.new("e", 12)
    known = registry(settings)
    async with contextlib.AsyncExitStack() as stack:
        lock = stack.enter_context(locks.hold(_lock_path(home, engine_id)))
        store = await stack.enter_async_context(_open_store(home))
        launcher = LocalLauncher(
            settings.workers, store.get_artifact, clock, home.scratch_dir, engine_lock_fd=lock.fileno()
        )
        stack.push_async_callback(launcher.close)
        # One, so that its imports overlap with ours; the others come with the work, and don't slow a small run down.
        launcher.start_workers(1)
        executors = Executors(known, lambda registration: _setup(home, clock, registration))
        stack.push_async_callback(executors.stop)
        services = Services(
            store=store,
            executors=executors,
            launcher=launcher,
            clock=clock,
            data_dir=home.data_dir,
            backoff=settings.backoff,
            lease_time=settings.lease_time,
        )
        yield Embedded(Admin(store, clock), Engine(engine_id, services), executors)


@contextlib.asynccontextmanager
async def _open_store(home: Home) -> AsyncGenerator[SqliteStateStore]:
    store = SqliteStateStore(
        home.database, SystemClock(), lambda owner: locks.is_held(_lock_path(home, owner))
    )
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _served_by(known: Registry) -> frozenset[str] | None:
    return None if known.has_default else known.known_types


def _lock_path(home: Home, engine_id: str) -> Path:
    return home.engines_dir / f"{engine_id}.lock"


def _setup(home: Home, clock: SystemClock, registration: Registration) -> SetupContext[Any]:
    return SetupContext(
        config=registration.config,
        clock=clock,
        blobs=LocalBlobStore(),
        state_dir=home.executors_dir / registration.id,
    )
