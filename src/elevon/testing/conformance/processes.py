"""Simulated processes: real engines on a loop of virtual time, that can be killed, stalled and fenced off.

A process is a loop. Each engine in it has an executor, a launcher and a way to the service of its own; when the process
is killed nothing of them acts any more, because whatever they reach for is dead. It owns the moments around commits
and what the faults there do; what is right or wrong is the judges' matter.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin.contexts import SetupContext
from elevon.plugin.executors import Executor
from elevon.plugin.pools import ResourcePools
from elevon.plugin.registry import Registration, Registry
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.pools import EnginePools
from elevon.propeller.services import Services
from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease, Request
from elevon.records.snapshots import StoredExecution
from elevon.records.tokens import PoolLimits
from elevon.testing.conformance import tokens
from elevon.testing.conformance.caches import SimulatedSetup
from elevon.testing.conformance.calls import Watch
from elevon.testing.conformance.faults import BEGIN, COMMIT, COMMITTED, TURN, Action
from elevon.testing.conformance.launchers import SimulatedLauncher
from elevon.testing.conformance.loops import HousekeepingClock, ProcessKilledError, ProcessLoop, VirtualClock
from elevon.testing.conformance.stories import Story, What
from elevon.testing.conformance.worlds import World
from elevon.testing.scenarios import EXECUTION

PATIENCE: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=20), limit=8)
HOLD_S: Final = 1.0
STALL_S: Final = 40.0
TURN_LIMIT: Final = 20_000


class NeverEndsError(BaseException):
    """The execution goes on and on."""


class SimulatedProcess:
    """One process, from its begin to its end.

    Args:
        world: Of the run that it is a part of.
        clock: Of the run.
    """

    def __init__(self, world: World, clock: VirtualClock) -> None:
        self.world = world
        self.clock = clock
        self.is_dead = False
        self._drives: set[asyncio.Task[None]] = set()

    def live(self) -> None:
        """Drive the execution to its end, or to the process's.

        Raises:
            ProcessKilledError: It was killed.
            StandstillError: Nothing is left that could happen.
            NeverEndsError: The execution goes on and on.
        """
        ProcessLoop(self.clock, self._take_turn).live(self._main())

    def add_engine(self) -> None:
        """Let another engine drive the execution too."""
        self._drives.add(asyncio.get_running_loop().create_task(SimulatedEngine(self).drive()))

    def kill(self) -> None:
        """End it: nothing of it acts any more, and its loop ends with this turn."""
        self.is_dead = True

    async def _main(self) -> None:
        await self.world.prepare()
        self.add_engine()
        while self._drives:
            done, _ = await asyncio.wait(self._drives, return_when=asyncio.FIRST_COMPLETED)
            self._drives -= done
            for drive in done:
                drive.result()

    def _take_turn(self) -> None:
        world = self.world
        if self.is_dead:
            raise ProcessKilledError
        if world.faults.reach(TURN) is Action.KILL:
            world.tell(What.FAULT, "the engine is killed (kill -9)")
            self.is_dead = True
            raise ProcessKilledError
        if (
            world.clock.monotonic() > world.time_limit_s
            or world.faults.counts[TURN] > TURN_LIMIT
            or world.is_hopeless
        ):
            raise NeverEndsError


class SimulatedEngine:
    """One engine with everything of its own: what the watch, the proxies and the launcher know as their process."""

    def __init__(self, process: SimulatedProcess) -> None:
        world = process.world
        self.number = world.next_engine()
        self.id = f"engine-{self.number}"
        self.thawed = asyncio.Event()
        self.thawed.set()
        self._has_stalled = False
        self._process = process
        self._world = world
        self._executor = self._make_executor()
        self._launcher = SimulatedLauncher(self, world.scenario.job_takes, world.subject.job_outputs)
        world.launchers.append(self._launcher)
        self._limits = {name: PoolLimits(limit=2) for name in world.scenario.pools}
        self._pools: ResourcePools

    @property
    def story(self) -> Story:
        """Of the world."""
        return self._world.story

    async def drive(self) -> None:
        """Drive the execution until it is terminal, or the engine is fenced off."""
        world = self._world
        world.living.add(self.id)
        self.tell(What.ENGINE_BEGAN, "the engine begins")
        await self.reach(BEGIN)
        store: Any = SimulatedStore(self)
        pools = EnginePools(store, self._limits)
        self._pools = ResourcePools(
            frozenset(self._limits), tokens.SimulatedPools(self, pools, world.attempts)
        )
        registry = Registry.of([self._executor], configuration=world.configuration_of(self._executor))
        executors = Executors(registry, self._setup)
        services = Services(
            store=store,
            executors=executors,
            launcher=self._launcher,
            clock=HousekeepingClock(self._process.clock),
            data_dir=world.directory,
            measures=world.measures,
            backoff=PATIENCE,
        )
        try:
            engine = Engine(self.id, services)
            if self._limits:
                await pools.load()
                engine.observe(pools.notice)
            await engine.drive(EXECUTION)
        except errors.ConflictError:
            self.tell(What.ENGINE_ENDED, "the engine finds that another one has taken over")
        await executors.stop()
        world.living.discard(self.id)

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story, under this engine's number."""
        return self._world.tell(what, text, engine=self.number, attempt=attempt, name=name)

    def committed(self, attempt: int) -> AttemptRecord | None:
        """The attempt as it was last committed; None for an engine that may have missed commits."""
        return None if self._has_stalled else self._world.committed.get(attempt)

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self._world.clock.monotonic()

    def service_error(self) -> Exception:
        """What a service raises that can't be reached."""
        return self._world.scenario.service_error()

    def made_things(self, place: int) -> None:
        """Look what the service has made by the call that the story tells of at that place."""
        made = self._world.note_things(place)
        if self._limits:
            tokens.judge_creations(made, self._world.attempts, self.story)

    def runs_anything(self, attempt: int) -> bool:
        """Whether something that the attempt began at the service still runs."""
        return self._world.runs_anything(attempt)

    def check_alive(self) -> None:
        """Raise if the process is dead."""
        if self._process.is_dead:
            raise ProcessKilledError

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come, and let happen what is planned for it."""
        self.check_alive()
        action = self._world.faults.reach(moment)
        if action is Action.KILL:
            self.tell(What.FAULT, "the engine is killed (kill -9)")
            self._process.kill()
            await asyncio.get_running_loop().create_future()
        elif action is Action.ABORT:
            await self._world.abort()
            await asyncio.sleep(HOLD_S)
        elif action is Action.STALL:
            await self.stall()
        return action

    def strike(self, moment: str) -> Action | None:
        """Say that a moment has come at which nothing can be awaited."""
        self.check_alive()
        return self._world.faults.reach(moment)

    async def stall(self) -> None:
        """Stand still for so long that another engine takes over, then go on as if nothing had been."""
        self.tell(What.FAULT, f"the engine stalls for {STALL_S:g} s, and another one takes over")
        self._world.living.discard(self.id)
        self._has_stalled = True
        self.thawed.clear()
        self._process.add_engine()
        # By a timer: the call that waits here may be given up before.
        asyncio.get_running_loop().call_later(STALL_S, self._thaw)
        await self.thawed.wait()

    def _thaw(self) -> None:
        self.thawed.set()
        self.tell(What.FAULT, "the engine comes back")

    def kill_process(self) -> None:
        """End the process at a moment where nothing can be awaited."""
        self.tell(What.FAULT, "the engine is killed (kill -9)")
        self._process.kill()

    @property
    def world(self) -> World:
        """The world of the run that it is a part of."""
        return self._world

    def _make_executor(self) -> Executor[Any, Any]:
        executor = self._world.memory.executor(self)
        # On virtual time there is one loop: whatever the executor asks for, its calls world inline.
        inline = msgspec.structs.replace(type(executor).properties, isolation="engine")
        executor.properties = inline  # pyright: ignore[reportAttributeAccessIssue] - of this one instance
        Watch(self, self._world.attempts).wrap(executor)
        return executor

    def _setup(self, registration: Registration) -> SetupContext[Any]:
        return SimulatedSetup(
            process=self,
            config=registration.config,
            clock=self._world.clock,
            blobs=LocalBlobStore(),
            state_dir=self._world.directory / "executors" / registration.id,
            pools=self._pools,
        )


class SimulatedStore:
    """The run's store as one engine reaches it: each commit is a moment, and may be the engine's last."""

    def __init__(self, engine: SimulatedEngine) -> None:
        self._engine = engine
        self._store = engine.world.store

    def __getattr__(self, name: str) -> Any:
        self._engine.check_alive()
        return getattr(self._store, name)

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        """See `ports.StateStore`."""
        engine = self._engine
        engine.check_alive()
        action = engine.world.faults.reach(COMMIT)
        if action is Action.KILL:
            engine.kill_process()
            return asyncio.get_running_loop().create_future()
        if action is Action.STALL or not engine.thawed.is_set():
            return asyncio.ensure_future(self._commit_late(lease, changes))
        return self._commit(lease, changes)

    async def renew_leases(self, owner: str, expires_at: datetime) -> Sequence[Lease]:
        """See `ports.StateStore`; an engine that stalls renews nothing."""
        await self._engine.thawed.wait()
        self._engine.check_alive()
        return await self._store.renew_leases(owner, expires_at)

    async def list_requests(self, owner: str) -> Sequence[Request]:
        """See `ports.StateStore`; an engine that stalls obeys nobody."""
        await self._engine.thawed.wait()
        self._engine.check_alive()
        return await self._store.list_requests(owner)

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        """See `ports.StateStore`; the second engine may find a state as an earlier release wrote it."""
        stored = await self._store.load_execution(execution)
        world, version = self._engine.world, self._engine.world.plan.old_version
        if version is None or self._engine.number == 1:
            return stored
        old = msgspec.json.encode(world.scenario.old_states[version])
        self._engine.tell(What.FAULT, f"the state is one of version {version}: {old.decode()}")
        attempts = (
            msgspec.structs.replace(record, custom_state=old, state_version=version)
            if record.custom_state is not None
            else record
            for record in stored.attempts
        )
        return msgspec.structs.replace(stored, attempts=tuple(attempts))

    async def _commit_late(self, lease: Lease, changes: Sequence[Change]) -> None:
        if self._engine.thawed.is_set():
            await self._engine.stall()
        else:
            await self._engine.thawed.wait()
        await self._commit(lease, changes)

    def _commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        engine = self._engine
        answer = self._store.commit(lease, changes)
        if answer.exception() is None:
            for change in changes:
                self._note(change)
        if engine.world.faults.reach(COMMITTED) is Action.KILL:
            engine.kill_process()
            return asyncio.get_running_loop().create_future()
        return answer

    def _note(self, change: Change) -> None:
        engine, world = self._engine, self._engine.world
        match change:
            case ExecutionRecord():
                world.execution = change
                if change.phase.is_terminal:
                    engine.tell(What.EXECUTION_ENDED, f"the execution is {change.phase}")
            case AttemptRecord():
                before = world.committed.get(change.attempt)
                world.committed[change.attempt] = change
                if change.custom_state is not None:
                    world.states.add((change.state_version, change.custom_state))
                if before is None or (before.phase, before.custom_state) != (
                    change.phase,
                    change.custom_state,
                ):
                    state = f", state {change.custom_state.decode()}" if change.custom_state else ""
                    engine.tell(
                        What.COMMITTED,
                        f"committed: attempt {change.attempt} is {change.phase}{state}",
                        attempt=change.attempt,
                        name=change.phase,
                    )
            case OnceRecord():
                what = "intent" if change.result is None else "result"
                engine.tell(
                    What.COMMITTED,
                    f"committed: the {what} of once({change.key!r})",
                    attempt=change.attempt,
                )
            case _:
                return
