"""The process that the kit will kill: one engine with the scenario's executor, over a home on disk.

It is forked from a server that has imported elevon, but nothing of the author's: what the author's modules and
libraries remember is as old as the process. It owns the engine's side of the wire; every judgement about more than one
call is the kit's.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from elevon.app.homes import Home
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin.contexts import SetupContext
from elevon.plugin.pools import ResourcePools
from elevon.plugin.registry import Registration, Registry
from elevon.primitives import failpoints, locks
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors
from elevon.propeller.pools import EnginePools
from elevon.propeller.services import Services
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.tokens import PoolLimits
from elevon.stores.sqlite import SqliteStateStore
from elevon.testing.conformance import allowances, modules, wires
from elevon.testing.conformance.calls import CURRENT, Watch
from elevon.testing.conformance.faults import Action
from elevon.testing.conformance.launchers import SimulatedLauncher
from elevon.testing.conformance.paces import PacedClock, PacedLoop
from elevon.testing.conformance.processes import PATIENCE
from elevon.testing.conformance.promises import Promise
from elevon.testing.conformance.stories import Story, What
from elevon.testing.scenarios import EXECUTION, subject_of


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to do.

    Attributes:
        scenario: `MODULE:CLASS`.
        path: Where modules are found.
        home: Directory of the home.
        socket: Where the kit listens.
        engine: Number of the engine.
        pace: How fast time passes.
        origin_s: Since when, by the machine's monotonic clock.
        failpoint: Where the process kills itself; empty for nowhere.
    """

    scenario: str
    path: tuple[str, ...]
    home: str
    socket: str
    engine: int
    pace: float
    origin_s: float
    failpoint: str = ""


class _RemoteStory(Story):
    """The story is the kit's; what is complained about goes there."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._writer = writer

    def complain(self, promise: Promise, sentence: str, place: int | None = None) -> None:
        wires.write(self._writer, wires.Complained(promise, sentence))


class _Child:
    """The engine's process, as its watch, its launcher and its service know it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: PacedClock) -> None:
        self.story: Story = _RemoteStory(writer)
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[wires.Answered]] = {}

    def check_alive(self) -> None:
        """A real process that is dead does nothing anyway."""

    def committed(self, attempt: int) -> AttemptRecord | None:
        """What is judged by commits, the other gear judges."""
        return None

    def monotonic(self) -> float:
        """Seconds of the run's own time."""
        return self._clock.monotonic()

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the kit's story."""
        wires.write(self._writer, wires.Told(what, text, attempt, name))
        return 0

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; the process may not survive it."""
        number = next(self._numbers)
        return (await self._ask(number, wires.Reached(number, moment))).result

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the service."""
        number, call = next(self._numbers), CURRENT.get()
        answer = await self._ask(number, wires.Called(number, method, args, kwargs, call))
        if call is not None and answer.is_disturbed:
            call.is_disturbed = True
        if answer.error is not None:
            raise answer.error
        return answer.result

    async def listen(self) -> None:
        """Take answers, until the kit is gone; then there is nothing to live for."""
        with contextlib.suppress(EOFError):
            while True:
                answer: wires.Answered = await wires.read(self._reader)
                waiting = self._waiting.pop(answer.number)
                if not waiting.done():  # who asked may have given up meanwhile
                    waiting.set_result(answer)
        os._exit(1)

    def notice(self, _execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Tell what has become durable."""
        for change in changes:
            match change:
                case AttemptRecord():
                    text = f"durable: attempt {change.attempt} is {change.phase}"
                    self.tell(What.COMMITTED, text, attempt=change.attempt, name=change.phase)
                    if change.is_parked:
                        wires.write(self._writer, wires.Parked())
                case ExecutionRecord() if change.phase.is_terminal:
                    self.tell(What.EXECUTION_ENDED, f"the execution is {change.phase}")
                case _:
                    continue

    async def _ask(self, number: int, message: object) -> wires.Answered:
        self._waiting[number] = asyncio.get_running_loop().create_future()
        wires.write(self._writer, message)
        return await self._waiting[number]


class _RemoteService:
    """The service, which lives with the kit."""

    def __init__(self, child: _Child) -> None:
        self._child = child

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._child.call(name, args, kwargs)

        return call


async def _live(assignment: Assignment, clock: PacedClock) -> None:
    """Drive the execution to its end."""
    reader, writer = await asyncio.open_unix_connection(assignment.socket)
    wires.write(writer, wires.Hello(os.getpid()))
    child = _Child(reader, writer, clock)
    listening = asyncio.get_running_loop().create_task(child.listen())
    scenario = modules.load(assignment.scenario)()
    executor = scenario.executor(None if scenario.service() is None else _RemoteService(child))
    least = allowances.of_pace(assignment.pace)
    executor.properties = msgspec.structs.replace(  # pyright: ignore[reportAttributeAccessIssue] - of this one instance
        allowances.properties(executor.properties, least), isolation="engine"
    )
    Watch(child, {}).wrap(executor)
    home = Home(Path(assignment.home))
    home.prepare()
    engine_id = f"e{assignment.engine:011}"
    with locks.hold(home.lock_path(engine_id)):
        store = SqliteStateStore(home.database, clock, home.is_alive)
        await store.open()
        limits = {name: PoolLimits(limit=2) for name in scenario.pools}
        pools = EnginePools(store, limits)

        def setup_of(registration: Registration) -> SetupContext[Any]:
            return allowances.PatientSetup(
                least=least,
                config=registration.config,
                clock=clock,
                blobs=LocalBlobStore(),
                state_dir=home.executors_dir / registration.id,
                pools=ResourcePools(frozenset(limits), pools),
            )

        configuration = {executor.id: scenario.config} if scenario.config else {}
        registry = Registry.of([executor], configuration=configuration)
        executors = Executors(registry, setup_of, host_of=allowances.PatientHost)
        services = Services(
            store=store,
            executors=executors,
            launcher=SimulatedLauncher(child, scenario.job_takes, subject_of(scenario).job_outputs),
            clock=clock,
            data_dir=home.data_dir,
            backoff=PATIENCE,
        )
        engine = Engine(engine_id, services)
        engine.observe(child.notice)
        engine.observe(pools.notice)
        await pools.load()
        child.tell(What.ENGINE_BEGAN, f"the engine begins, as process {os.getpid()}")
        await engine.drive(EXECUTION)
        await executors.stop()
        await store.close()
    listening.cancel()
    await writer.drain()
    writer.close()


def _carry_out(assignment: Assignment) -> None:
    """The life of the process; it ends with it."""
    status = 1
    try:
        sys.path[:] = assignment.path
        failpoints.arm(assignment.failpoint)
        clock = PacedClock(assignment.pace, assignment.origin_s)
        with asyncio.Runner(loop_factory=lambda: PacedLoop(clock)) as runner:
            runner.run(_live(assignment, clock))
        status = 0
    finally:
        os._exit(status)


def serve() -> None:
    """Fork a process for each assignment that comes on stdin, until it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            _carry_out(msgspec.json.decode(line, type=Assignment))
