"""Which adapters make up an engine: the only place that picks them.

`reading` opens the store alone, for whoever only looks; `embedded` brings up an engine in this process.
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any, Final

import msgspec

from elevon import ports
from elevon.admin.executions import Admin, NewExecution
from elevon.app import announcements, logs, publications
from elevon.app.control_planes import HomeControlPlane
from elevon.app.homes import Home
from elevon.app.settings import Settings
from elevon.app.supplies import Supplies
from elevon.idl import pods
from elevon.plugin import declarations, discovery, hosts
from elevon.plugin.descriptions import Hosted
from elevon.plugin.discovery import Problem
from elevon.plugin.executors import Executor
from elevon.plugin.pools import ResourcePools
from elevon.plugin.registry import Registry
from elevon.primitives import ids, locks
from elevon.primitives.clocks import SystemClock
from elevon.primitives.figures import Figures
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors, HostOf
from elevon.propeller.pools import EnginePools
from elevon.propeller.services import Services
from elevon.stores.sqlite import SqliteStateStore
from elevon.tasktypes.container.executor import ContainerExecutor
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.hive.executor import HiveExecutor
from elevon.tasktypes.hive.generators import BatchHiveExecutor
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.tasktypes.sidecar.executor import SidecarExecutor
from elevon.tasktypes.sleep.executor import SleepExecutor
from elevon.tasktypes.spark.executor import SparkExecutor
from elevon.tasktypes.waitable.executor import WaitableExecutor
from elevon.workers import folders
from elevon.workers.cluster.clusters import LocalCluster
from elevon.workers.launcher import LocalLauncher
from elevon.workers.processes import Household

_log = logging.getLogger(__name__)
SHIPPED = (
    PythonExecutor,
    ContainerExecutor,
    EchoExecutor,
    SleepExecutor,
    BatchHiveExecutor,
    HiveExecutor,
    SidecarExecutor,
    WaitableExecutor,
    SparkExecutor,
)
"""The executors that come with elevon; they have no privilege over those of strangers."""
ON_DEMAND: Final = {"connector": "elevon.tasktypes.connector.executor:ConnectorExecutor"}
"""Those that come with it and are there once the configuration names them: without settings they serve nothing."""


class Embedded(msgspec.Struct, frozen=True):
    """An engine in this process, and the control plane beside it.

    Attributes:
        admin: Creates, finds and shows executions.
        engine: Drives them.
        executors: Who serves which task type there.
        figures: What is counted and measured there.
    """

    admin: Admin
    engine: Engine
    executors: Executors
    figures: Figures

    async def task_types(self, wanted: Iterable[str]) -> frozenset[str] | None:
        """The types that it serves; None for all.

        Args:
            wanted: Types that executors are to look for which discover theirs; read only if there is one.
        """
        await self.executors.discover(wanted)
        return _served_by(self.executors.registry)

    async def ensure_served(self, new: NewExecution) -> None:
        """Wait until all executors are there that an execution which is to be created is known to need.

        Raises:
            UnavailableError: One of them could not be initialized: the execution is to be refused.
        """
        await self.executors.ensure_served(pods.served_type(task.template) for task in new.closure.tasks)


def registry(settings: Settings, *, are_problems_told: bool = True) -> Registry:
    """The executors that are there: shipped ones, those of installed packages, those named in the settings.

    Args:
        settings: What names and configures them.
        are_problems_told: An installed package that is broken costs its own types only; whether a warning says so.

    Raises:
        UserError: One that is named can't be had, two of them claim the same type, or a setting is wrong.
    """
    hosted, missing = _ask_hosts(settings)
    installed, broken = discovery.discover()
    served = {task_type for one in hosted for task_type in one.description.task_types}
    problems = [*missing, *(problem for problem in broken if problem.name not in served)]
    for problem in problems if are_problems_told else ():
        _log.warning("%s; its task types are not there", problem.sentence)
    made: list[Executor[Any, Any]] = [cls() for cls in SHIPPED]
    made += [
        discovery.load_executor(path) for name, path in ON_DEMAND.items() if name in settings.configuration
    ]
    named = [discovery.load_executor(reference) for reference in settings.tasktypes]
    apart = {one.description.path for one in hosted}  # what a host has is not taken from here
    here = [one for one in (*made, *installed, *named) if declarations.path_of(type(one)) not in apart]
    return Registry.of(
        [*here, *hosted, *settings.executors],
        configuration=settings.configuration,
        origin=settings.configuration_origin,
        default_id=settings.default_executor,
        state_limit_bytes=settings.state_limit_bytes,
        problems=problems,
    )


async def task_types(home: Home, settings: Settings, wanted: Iterable[str]) -> frozenset[str] | None:
    """The task types that an engine with these settings serves; None for all.

    Args:
        home: Of the engine.
        settings: What it would be told.
        wanted: Types that executors are to look for which discover theirs; read only if there is one.
    """
    known = registry(settings)
    clock = SystemClock()
    supplies = Supplies.of(home, clock, settings)
    household = Household(home.scratch_dir / ids.new("e", 12), None)
    host_of = _host_of(known, household, home, settings)
    executors = Executors(known, supplies.setup_of, redactor=supplies.redactor, host_of=host_of)
    with logs.masked(supplies.redactor):
        try:
            await executors.discover(wanted)
        finally:
            await executors.stop()
            await household.close(clock)
    return _served_by(known)


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
    publications.remove_stale(home)
    announcements.remove_stale(home)
    engine_id = ids.new("e", 12)
    # In a thread: it may be much, and nobody waits for it.
    asyncio.get_running_loop().run_in_executor(None, folders.remove_stale, home.scratch_dir, home.is_alive)
    known = registry(settings)
    async with contextlib.AsyncExitStack() as stack:
        lock = stack.enter_context(locks.hold(home.lock_path(engine_id)))
        store = await stack.enter_async_context(_open_store(home))
        household = Household(home.scratch_dir / engine_id, lock.fileno())
        launcher = LocalLauncher(settings.workers, store.get_artifact, clock, household)
        stack.push_async_callback(launcher.close)
        # One, so that its imports overlap with ours; the others come with the work, and don't slow a small run down.
        launcher.start_workers(1)
        pools = EnginePools(store, settings.pools)
        shared_pools = ResourcePools(frozenset(settings.pools), pools)
        admin = Admin(store, clock)
        control_plane = HomeControlPlane(admin, home)
        alone = Supplies.of(home, clock, settings, shared_pools, control_plane)
        cluster = LocalCluster(home.cluster_dir, clock, settings.workers, settings.images, alone.secrets)
        stack.push_async_callback(cluster.close)
        supplies = msgspec.structs.replace(alone, cluster=cluster)
        stack.enter_context(logs.masked(supplies.redactor))
        host_of = _host_of(known, household, home, settings)
        executors = Executors(
            known, supplies.setup_of, clock=clock, redactor=supplies.redactor, host_of=host_of
        )
        stack.push_async_callback(executors.stop)
        # What has been imported stays: the collector need not walk through it over and over while executions run.
        gc.freeze()
        stack.callback(gc.unfreeze)
        engine = Engine(engine_id, _services(settings, supplies, store, executors, launcher))
        if settings.pools:
            supplies.measures.look_at_pools(pools.counts)
            await pools.load()
            engine.observe(pools.notice)
        publication = publications.published(home, engine_id, supplies.figures, clock, settings.metrics_port)
        await stack.enter_async_context(publication)
        yield Embedded(admin, engine, executors, supplies.figures)


@contextlib.asynccontextmanager
async def _open_store(home: Home) -> AsyncGenerator[SqliteStateStore]:
    store = SqliteStateStore(home.database, SystemClock(), home.is_alive)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _ask_hosts(settings: Settings) -> tuple[Sequence[Hosted], Sequence[Problem]]:
    """The executors that are in other environments, and what keeps others from being had."""
    if not settings.hosts:
        return (), ()
    from elevon.plugin.processes import inquiries  # few homes have hosts

    return inquiries.ask(settings.hosts, settings.configuration, settings.configuration_origin)


def _host_of(known: Registry, household: Household, home: Home, settings: Settings) -> HostOf:
    """What makes the hosts of executors."""
    if all(registration.host is None for registration in known.registrations):
        return hosts.host_of
    from elevon.plugin.processes.hosts import ProcessHosting  # few homes have executors in processes

    return ProcessHosting(household, SystemClock(), home.hosts_dir, settings.state_limit_bytes).host_of


def _services(
    settings: Settings,
    supplies: Supplies,
    store: ports.StateStore,
    executors: Executors,
    launcher: ports.Launcher,
) -> Services:
    return Services(
        store=store,
        executors=executors,
        launcher=launcher,
        clock=supplies.clock,
        data_dir=supplies.home.data_dir,
        secrets=supplies.secrets,
        measures=supplies.measures,
        redactor=supplies.redactor,
        backoff=settings.backoff,
        lease_time=settings.lease_time,
    )


def _served_by(known: Registry) -> frozenset[str] | None:
    return None if known.has_default else known.known_types
