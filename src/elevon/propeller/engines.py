"""The engine: takes executions over, drives them, keeps its leases, and obeys requests.

One engine serves any number of executions on one event loop, those that it is handed or whatever comes. Several engines
may share a store: leases with fencing numbers say who may write.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from elevon import compiler, errors
from elevon.compiler.graphs import Graph
from elevon.idl import pods
from elevon.idl.messages import CompiledWorkflowClosure
from elevon.primitives import failpoints
from elevon.propeller import expansions
from elevon.propeller.arrivals import Arrivals
from elevon.propeller.drivers import Driver
from elevon.propeller.measures import Standing
from elevon.propeller.places import Places
from elevon.propeller.services import Services
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease

logger = logging.getLogger(__name__)
_KEPT_GRAPHS = 64
_TAKEOVER_POLL_S = 0.02


class Engine:
    """Drives executions.

    Args:
        engine_id: Unique; the owner of its leases.
        services: Adapters and settings.
    """

    def __init__(self, engine_id: str, services: Services) -> None:
        self.id = engine_id
        self._services = services
        self._places = Places(services.executors, services.launcher.slot_count)
        self._drivers: dict[ExecutionId, Driver] = {}
        self._observers: list[Callable[[ExecutionId, Sequence[Change]], None]] = []
        self._graphs: dict[str, Graph] = {}
        self._arrivals = Arrivals(services.store, services.clock)
        self._suspension = asyncio.Event()
        self._pressing: set[ExecutionId] = set()  # what is given up once an operator is needed for all of it
        self._stalls: Mapping[ExecutionId, Sequence[AttemptRecord]] = {}
        self._looking = asyncio.Lock()  # for what operators ask
        self._looks_begun = 0
        self._looks_ended = 0
        services.measures.look_at(self._standings)
        services.executors.observe(self._reopen)

    def observe(self, callback: Callable[[ExecutionId, Sequence[Change]], None]) -> None:
        """Have it called with every batch of changes once it is durable; on the engine's loop."""
        self._observers.append(callback)

    async def drive(
        self, *executions: ExecutionId, waits_for_operators: bool = True
    ) -> Mapping[ExecutionId, Sequence[AttemptRecord]]:
        """Take executions over and drive each until it is terminal, or until the engine is suspended.

        Args:
            executions: Which.
            waits_for_operators: Whether to wait on where nothing goes on unless an operator acts, who can do so from
                elsewhere. Otherwise the engine is suspended once that is so of all executions that have not ended.

        Returns:
            If the engine was suspended for that: what waits for an operator, of each execution that has not ended.

        Raises:
            NotFoundError: There is no such execution.
            ConflictError: A live engine has one of them, or took it over; raised once the others have ended.
            UnavailableError: The store can't be written; everything durable stays.
        """
        lost: list[errors.ConflictError] = []
        muster = _Muster(executions)
        self._pressing = set() if waits_for_operators else set(executions)
        async with self._at_work() as group:
            drives = [group.create_task(self._drive(execution, lost, muster)) for execution in executions]
            await asyncio.wait(drives)
        if lost:
            raise lost[0]
        return self._stalls

    async def serve(self) -> None:
        """Drive whatever is unfinished in the store and nobody else drives, now and from now on, until suspended.

        What is created by somebody else is taken up within seconds, what `take_up` names at once. An execution that
        can't be driven is told of in the log, and left alone from then on; the others go on.

        Raises:
            UnavailableError: The store can't be written; everything durable stays.
        """
        drives: set[asyncio.Task[None]] = set()
        async with self._at_work() as group:
            looking = group.create_task(self._arrivals.look_always())
            while taken := await self._arrivals.next():
                muster = _Muster(taken)
                for execution in taken:
                    drive = group.create_task(self._drive_served(execution, muster))
                    drives.add(drive)
                    drive.add_done_callback(drives.discard)
            looking.cancel()
            if drives:
                await asyncio.wait(set(drives))

    @property
    def is_ready(self) -> bool:
        """Whether `serve` has taken up what it found, and takes up what comes."""
        return self._arrivals.has_looked and not self._suspension.is_set()

    async def ready(self) -> None:
        """Return when `serve` has found what is unfinished."""
        await self._arrivals.looked()

    def take_up(self, execution: ExecutionId, *, is_asked: bool = False) -> None:
        """Have `serve` drive an execution from now on; on the engine's loop.

        Args:
            execution: Which.
            is_asked: Whether a person asks for it: then also one that could not be driven here and was left alone.
        """
        if is_asked:
            self._arrivals.give_another_chance(execution)
        self._arrivals.announce(execution)

    async def suspend(self) -> None:
        """Make no more calls; `drive` and `serve` return once what has come in is durable."""
        self._suspend()

    def _suspend(self) -> None:
        self._suspension.set()
        self._arrivals.close()
        for driver in self._drivers.values():
            driver.suspend()

    @contextlib.asynccontextmanager
    async def _at_work(self) -> AsyncGenerator[asyncio.TaskGroup]:
        """Keep leases and obey while drives run in the group."""
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(one) for one in (self._renew(), self._obey(), self._watch())]
                yield group
                for helper in helpers:
                    helper.cancel()
        except* errors.ElevonError as group:
            raise _first_of(group) from None

    async def _drive(
        self, execution: ExecutionId, lost: list[errors.ConflictError], muster: "_Muster"
    ) -> None:
        try:
            lease = await self._acquire(execution, self._services.takeover_patience)
            await self._drive_under(lease, muster)
        except errors.ConflictError as error:
            lost.append(error)
        finally:
            muster.arrive(execution)
            self._pressing.discard(execution)
            self._give_up_if_stalled()

    def _give_up_if_stalled(self) -> None:
        """Suspend if nothing of all that is to be driven goes on unless an operator acts."""
        drivers = {execution: self._drivers.get(execution) for execution in self._pressing}
        stalls = {execution: driver.stalls() if driver else () for execution, driver in drivers.items()}
        if stalls and all(stalls.values()):
            self._stalls = stalls
            self._suspend()

    async def _drive_served(self, execution: ExecutionId, muster: "_Muster") -> None:
        """Drive one of many: what is wrong with it alone ends nothing else."""
        try:
            await self._drive_under(await self._acquire(execution, timedelta()), muster)
        except errors.ConflictError as error:
            logger.info("%s", error)
        except errors.UnavailableError:
            raise
        except Exception as error:  # whatever it is, thousands of others may be under way
            self._arrivals.set_aside(execution)
            is_foreign = not isinstance(error, errors.ElevonError)
            sentence = "execution %s can't be driven here and is left alone: %s"
            logger.log(logging.ERROR, sentence, execution.name, error, exc_info=is_foreign)
        finally:
            muster.arrive(execution)
            self._arrivals.leave(execution)

    async def _drive_under(self, lease: Lease, muster: "_Muster") -> None:
        """Drive the execution of a lease; what was asked before counts before anything is begun."""
        failpoints.hit("engine.after_acquire")
        execution = lease.execution
        try:
            driver = await self._load(lease)
            self._drivers[execution] = driver
            muster.arrive(execution)
            await self._unless_suspended(muster.complete())
            await self._unless_suspended(self._services.executors.ready(driver.task_types))
            await self.heed()
            if self._suspension.is_set():
                driver.suspend()
            await driver.run(self._publish, self._give_up_if_stalled)
            await self._remove_obeyed(driver)
        finally:
            self._drivers.pop(execution, None)
            failpoints.hit("engine.before_release")
            with contextlib.suppress(errors.UnavailableError):
                await self._services.store.release_lease(lease)

    async def _acquire(self, execution: ExecutionId, patience: timedelta) -> Lease:
        """Take it over; an owner that was killed counts as alive until the last of its processes is gone."""
        services = self._services
        deadline = services.clock.monotonic() + patience.total_seconds()
        while True:
            now = services.clock.now()
            lease = await services.store.acquire_lease(execution, self.id, now + services.lease_time, now)
            if lease is not None:
                return lease
            if services.clock.monotonic() >= deadline:
                raise errors.ConflictError(
                    f"execution {execution.name} is being driven by another engine: "
                    f"watch it with `elevon show {execution.name}`, or end it with `elevon abort {execution.name}`"
                )
            await services.clock.sleep(_TAKEOVER_POLL_S)

    async def _load(self, lease: Lease) -> Driver:
        stored = await self._services.store.load_execution(lease.execution)
        digest = stored.execution.closure_digest
        if digest not in self._graphs:
            content = await self._services.store.get_artifact(digest)
            while len(self._graphs) >= _KEPT_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            self._graphs[digest] = compiler.index(CompiledWorkflowClosure.FromString(content))
        expanded = await expansions.load(stored, self._services.store)
        graph = self._graphs[digest]
        return Driver(lease, stored, graph, self._services, self._places, expansions=expanded)

    async def _unless_suspended(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for something that may take long, but no longer than the engine goes on."""
        async with asyncio.TaskGroup() as group:
            awaited = [group.create_task(one) for one in (work, self._suspended())]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for one in awaited:
                one.cancel()

    async def _suspended(self) -> None:
        await self._suspension.wait()

    def _reopen(self, task_types: frozenset[str]) -> None:
        """Let attempts go on whose types are served now, or not drained any more."""
        for driver in self._drivers.values():
            driver.reopen(task_types)

    def _standings(self) -> Iterator[Standing]:
        for driver in self._drivers.values():
            yield from driver.standings()

    def _publish(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        for callback in self._observers:
            callback(execution, changes)

    async def _renew(self) -> None:
        """Keep the leases; a driver that has lost its own ends, if not by the fencing number of a commit before."""
        lease_time = self._services.lease_time
        while True:
            await self._services.clock.sleep(lease_time.total_seconds() / 3)
            drivers = list(self._drivers.values())
            kept = await self._services.store.renew_leases(self.id, self._services.clock.now() + lease_time)
            owned = {lease.execution for lease in kept}
            for driver in drivers:
                if driver.lease.execution not in owned:
                    driver.fence()

    async def _obey(self) -> None:
        """Look for what other processes ask of this engine and of the executions that it drives."""
        while True:
            await self.heed()
            await self._services.clock.sleep(self._services.request_interval.total_seconds())

    async def heed(self) -> None:
        """Look now for what is asked, and not only when it is time.

        A look serves everybody who asked before it began, so thousands that begin at once cost a few.
        """
        asked = self._looks_begun
        async with self._looking:
            if self._looks_ended > asked:
                return
            self._looks_begun += 1
            await self._look()
            self._looks_ended = self._looks_begun

    async def _look(self) -> None:
        drains = {drain.task_type: drain for drain in await self._services.store.list_drains()}
        lifted = self._places.drain(drains)
        if lifted:
            self._reopen(lifted | {pods.pod_type(one) for one in lifted})
        asked: dict[
            ExecutionId, Driver
        ] = {}  # a request is listed until it is removed: no other driver has any
        for request in await self._services.store.list_requests(self.id):
            driver = self._drivers.get(request.execution)
            if driver is not None:
                driver.obey(request)
                asked[request.execution] = driver
        for driver in asked.values():
            await self._remove_obeyed(driver)

    async def _remove_obeyed(self, driver: Driver) -> None:
        for request in driver.take_obeyed():
            # A row that can't be removed now is obeyed once more, which changes nothing, and then removed.
            with contextlib.suppress(errors.UnavailableError):
                await self._services.store.remove_request(request)

    async def _watch(self) -> None:
        """Look whether executors still answer."""
        while True:
            await self._services.clock.sleep(1.0)
            self._services.executors.watch()


class _Muster:
    """Executions that are taken up together: none begins anything before all that went on in others has its place.

    Args:
        executions: Those that are awaited.
    """

    def __init__(self, executions: Iterable[ExecutionId]) -> None:
        self._missing = set(executions)
        self._is_complete = asyncio.Event()

    def arrive(self, execution: ExecutionId) -> None:
        """One has its places, or will never need any; to arrive twice is fine."""
        self._missing.discard(execution)
        if not self._missing:
            self._is_complete.set()

    async def complete(self) -> None:
        """Return when all have arrived."""
        await self._is_complete.wait()


def _first_of(group: BaseExceptionGroup[errors.ElevonError]) -> errors.ElevonError:
    """One error of a group: the engine has ended, and the first reason says why."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
