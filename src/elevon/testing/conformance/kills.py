"""The other gear: real processes on disk, really killed, with the service on the kit's side of a wire.

What an author's modules and libraries remember is lost here as it is in production. It owns the processes of a run, and
what the plans of the virtual gear mean for them.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from elevon import errors
from elevon.app.homes import Home
from elevon.records.leases import Request, RequestKind
from elevon.stores.sqlite import SqliteStateStore
from elevon.testing.conformance import judges, wires
from elevon.testing.conformance.calls import CURRENT
from elevon.testing.conformance.children import Assignment
from elevon.testing.conformance.faults import COMMIT, COMMITTED, TURN, Action, Fault, Plan
from elevon.testing.conformance.memories import Survival
from elevon.testing.conformance.paces import PacedClock, PacedLoop
from elevon.testing.conformance.proxies import Outage, ServiceProxy
from elevon.testing.conformance.stories import Story, What
from elevon.testing.conformance.worlds import Setting, World
from elevon.testing.scenarios import EXECUTION

_SERVER: Final = "from elevon.testing.conformance import children; children.serve()"
_PROCESS_LIMIT: Final = 8
_PATIENCE_S: Final = 30.0
_HOLD_S: Final = 0.2  # of real time, in which the engine looks for requests
_FAILPOINTS: Final = {COMMIT: "driver.before_commit", COMMITTED: "driver.after_commit"}
_HARSHER: Final = {Action.STALL: Action.KILL, Action.HANG: Action.LOSE}


def translated(plan: Plan) -> Plan:
    """What a plan of the virtual gear means for real processes, which nobody stalls, and whose time-outs take long."""
    faults = (
        Fault(fault.moment, fault.number, _HARSHER.get(fault.action, fault.action)) for fault in plan.faults
    )
    return Plan(tuple(dict.fromkeys(faults)))


class Forkery:
    """A server that forks processes: it has imported elevon, and nothing of the author's."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of this package
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._server.stdin is not None:
            self._server.stdin.close()
        self._server.wait()

    def fork(self, assignment: Assignment) -> None:
        """Let a process carry an assignment out."""
        assert self._server.stdin is not None  # noqa: S101 - it was asked for
        self._server.stdin.write(msgspec.json.encode(assignment) + b"\n")
        self._server.stdin.flush()


class RealRun:
    """One run with real processes.

    Args:
        setting: What all runs of a check have in common.
        plan: What goes wrong, translated.
        clock: Of the run.
        directory: Empty; for the home.
    """

    def __init__(self, setting: Setting, plan: Plan, clock: PacedClock, directory: Path) -> None:
        self.world = World(setting, plan, clock, Survival.NOTHING)
        self._clock = clock
        self._home = Home(directory / "home")
        self._socket = directory / "kit"
        self._engine = 0
        self._keeper: _Keeper | None = None
        self._outage = Outage()

    def carry_out(self, reference: str, forkery: Forkery) -> World:
        """Let processes live one after another until the execution has ended, and judge what came of it."""
        with asyncio.Runner(loop_factory=lambda: PacedLoop(self._clock)) as runner:
            runner.run(self._carry_out(reference, forkery))
        judges.judge(self.world)
        return self.world

    async def _carry_out(self, reference: str, forkery: Forkery) -> None:
        world = self.world
        self._home.prepare()
        store = SqliteStateStore(self._home.database, self._clock, self._home.is_alive)
        await store.open()
        try:
            await store.create_execution(world.subject.record, world.subject.artifacts)
            server = await asyncio.start_unix_server(self._serve, str(self._socket))
            async with server:
                for self._engine in range(1, _PROCESS_LIMIT + 1):
                    if await self._live(reference, forkery, store):
                        break
            stored = await store.load_execution(EXECUTION)
            world.execution = stored.execution
            world.committed = {attempt.attempt: attempt for attempt in stored.attempts}
        finally:
            await store.close()

    async def _live(self, reference: str, forkery: Forkery, store: SqliteStateStore) -> bool:
        """One process; whether it was the last."""
        failpoint = self._failpoint()
        self._keeper = keeper = _Keeper(self.world, self._engine, store, self._outage)
        forkery.fork(
            Assignment(
                scenario=reference,
                path=tuple(sys.path),
                home=str(self._home.path),
                socket=str(self._socket),
                engine=self._engine,
                pace=self._clock.pace,
                origin_s=self._clock.origin_s,
                failpoint=failpoint,
            )
        )
        try:
            async with asyncio.timeout(_PATIENCE_S * self._clock.pace):
                await keeper.over.wait()
        except TimeoutError:
            self.world.is_endless = True
            keeper.kill("it goes on and on")
            await keeper.over.wait()
        if keeper.is_ended or keeper.is_parked or self.world.is_endless:
            return True
        if not keeper.is_killed and not failpoint:
            raise errors.UnavailableError(
                f"a process of {reference} ended by itself: it says above why; can its module be imported by its name?"
            )
        if not keeper.is_killed:
            self.world.tell(What.FAULT, f"the engine is killed (kill -9) at {failpoint}", engine=self._engine)
        return False

    def _failpoint(self) -> str:
        """Where the process kills itself: only the first one does."""
        for fault in self.world.plan.faults:
            if fault.moment in _FAILPOINTS and fault.action is Action.KILL and self._engine == 1:
                return f"{_FAILPOINTS[fault.moment]}:{fault.number}"
        return ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keeper = self._keeper
        if keeper is not None:
            await keeper.serve(reader, writer)
        writer.close()


class _Keeper:
    """The kit's side of one process: it serves it, and kills it when the plan wants it."""

    def __init__(self, world: World, engine: int, store: SqliteStateStore, outage: Outage) -> None:
        self.over = asyncio.Event()
        self.is_ended = False
        self.is_parked = False
        self.is_killed = False
        self._world = world
        self._engine = engine
        self._store = store
        self._proxy = ServiceProxy(world.service, self, outage)
        self._pid = 0

    @property
    def story(self) -> Story:
        """Of the run."""
        return self._world.story

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, until the process has gone."""
        answering: set[asyncio.Task[None]] = set()
        try:
            while True:
                message = await wires.read(reader)
                if isinstance(message, wires.Hello):
                    self._pid = message.pid
                    continue
                if self._world.faults.reach(TURN) is Action.KILL:
                    self.kill("out of the blue")
                task = asyncio.get_running_loop().create_task(self._take(message, writer))
                answering.add(task)
                task.add_done_callback(answering.discard)
        except EOFError:
            for task in answering:
                task.cancel()
            self.over.set()

    def kill(self, why: str) -> None:
        """Kill the process."""
        self.is_killed = True
        self.tell(What.FAULT, f"the engine is killed (kill -9), {why}")
        self._strike()

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story, under this engine's number."""
        return self._world.tell(what, text, engine=self._engine, attempt=attempt, name=name)

    def monotonic(self) -> float:
        """Seconds of the run's own time."""
        return self._world.clock.monotonic()

    def service_error(self) -> Exception:
        """What a service raises that can't be reached."""
        return self._world.scenario.service_error()

    def made_things(self, place: int) -> None:
        """Look what the service has made by the call that the story tells of at that place."""
        self._world.note_things(place)

    def check_alive(self) -> None:
        """What a dead process asked for before its end may still happen."""

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come, and let happen what is planned for it."""
        action = self._world.faults.reach(moment)
        if action is Action.KILL:
            self.kill(f"at {moment}")
            await asyncio.get_running_loop().create_future()
        elif action is Action.ABORT:
            self.tell(What.FAULT, "somebody asks for the abort of the execution")
            await self._store.put_request(
                Request(
                    execution=EXECUTION,
                    kind=RequestKind.ABORT,
                    by="the plan",
                    reason="aborted, as the plan wants it",
                    at=self._world.clock.now(),
                )
            )
            await asyncio.sleep(_HOLD_S * self._pace)
        return action

    @property
    def _pace(self) -> float:
        clock = self._world.clock
        return clock.pace if isinstance(clock, PacedClock) else 1.0

    def _strike(self) -> None:
        if not self._pid:  # it never came, and 0 would be all of us
            self.over.set()
            return
        # What it said last may be read when it has ended already, and nobody waits for its burial.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    async def _take(self, message: Any, writer: asyncio.StreamWriter) -> None:
        match message:
            case wires.Told():
                self.is_ended |= message.what is What.EXECUTION_ENDED
                self.tell(message.what, message.text, attempt=message.attempt, name=message.name)
            case wires.Complained():
                self.story.complain(message.promise, message.sentence)
            case wires.Parked():
                self.is_parked = True
                self._strike()
            case wires.Reached():
                action = await self.reach(message.moment)
                wires.write(writer, wires.Answered(message.number, result=action))
            case _:
                wires.write(writer, await self._called(message))

    async def _called(self, message: wires.Called) -> wires.Answered:
        CURRENT.set(message.call)
        try:
            result = await getattr(self._proxy, message.method)(*message.args, **message.kwargs)
        except Exception as error:  # noqa: BLE001 - what the service raises is its answer
            disturbed = message.call is not None and message.call.is_disturbed
            return wires.Answered(message.number, error=error, is_disturbed=disturbed)
        disturbed = message.call is not None and message.call.is_disturbed
        return wires.Answered(message.number, result=result, is_disturbed=disturbed)
