"""A real engine over a store in memory, with a ledger of what became durable and what was called, in order."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from elevon import app
from elevon.admin.executions import Admin
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import Executor, SetupContext
from elevon.plugin.registry import Registry
from elevon.primitives.clocks import SystemClock
from elevon.primitives.figures import Figures
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors
from elevon.propeller.measures import Measures
from elevon.propeller.services import Services
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.leases import Lease
from elevon.stores.memory import MemoryStateStore
from elevon.workers.launcher import LocalLauncher
from elevon.workers.processes import Household
from tests.integration.engine.worlds import IMPATIENT, Scripted


class Entry(NamedTuple):
    """One line of the ledger: a row of an attempt that is durable from now on, or a call."""

    what: str
    node_id: str
    attempt: int
    row: AttemptRecord | None = None


class ShiftedClock(SystemClock):
    """The machine's clock, set to another time."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift


class SlowStore(MemoryStateStore):
    """Answers each commit some turns of the loop after it was handed in, in order, and notes it then."""

    def __init__(self, ledger: list[Entry], turn_count: int, fail_commit: Callable[[int], bool]) -> None:
        super().__init__(SystemClock(), fail_commit=fail_commit)
        self._ledger = ledger
        self._turn_count = turn_count
        self._latest: asyncio.Task[None] | None = None
        self._is_held: Callable[[Change], bool] = lambda _change: False
        self._release = asyncio.Event()

    def hold(self, is_meant: Callable[[Change], bool]) -> asyncio.Event:
        """Let the commit of a change take until the event is set that this returns."""
        self._is_held = is_meant
        self._release = asyncio.Event()
        return self._release

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        before = self._latest if self._latest is not None and not self._latest.done() else None
        self._latest = asyncio.ensure_future(self._commit_slowly(before, lease, tuple(changes)))
        return self._latest

    async def _commit_slowly(
        self, before: asyncio.Task[None] | None, lease: Lease, changes: Sequence[Change]
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
            if error := before.exception():
                raise error
        for _ in range(self._turn_count):
            await asyncio.sleep(0)
        if any(self._is_held(change) for change in changes):
            await self._release.wait()
        await super().commit(lease, changes)
        for change in changes:
            if isinstance(change, AttemptRecord):
                self._ledger.append(Entry("row", change.node_id, change.attempt, change))


class Noted(Scripted):
    """Scripted, with its calls in the ledger."""

    def __init__(self, ledger: list[Entry], **steps: Any) -> None:
        super().__init__(**steps)
        self._ledger = ledger

    async def _answer(self, kind: str, ctx: Any) -> Any:
        attempt = ctx.task_execution_id.attempt
        self._ledger.append(Entry(kind, attempt.node_id, attempt.attempt))
        return await super()._answer(kind, ctx)


class Memory:
    """What outlives an engine: one store, and the ledger.

    Args:
        path: Where files go.
        turn_count: How long a commit takes, in turns of the loop.
    """

    def __init__(self, path: Path, turn_count: int = 5) -> None:
        self._path = path
        self._lost_from = 0
        self.ledger: list[Entry] = []
        self.clock = ShiftedClock()
        self.store = SlowStore(self.ledger, turn_count, self._is_lost)

    def lose(self, number: int) -> None:
        """Let the commit of that number, from 1, and all after it fail, as on a full disk."""
        self._lost_from = number

    def mend(self) -> None:
        """Let commits succeed again."""
        self._lost_from = 0

    def _is_lost(self, number: int) -> bool:
        return 0 < self._lost_from <= number

    @contextlib.asynccontextmanager
    async def engine(self, *executors: Executor[Any, Any], name: str = "e") -> AsyncGenerator[app.Embedded]:
        """An engine on the store."""
        async with contextlib.AsyncExitStack() as stack:
            await self.store.open()
            launcher = LocalLauncher(
                1, self.store.get_artifact, self.clock, Household(self._path / "scratch", None)
            )
            stack.push_async_callback(launcher.close)
            setup: SetupContext[None] = SetupContext(
                config=None, clock=self.clock, blobs=LocalBlobStore(), state_dir=self._path
            )
            there = Executors(Registry.of(executors), lambda _registration: setup)
            stack.push_async_callback(there.stop)
            figures = Figures()
            services = Services(
                store=self.store,
                executors=there,
                launcher=launcher,
                clock=self.clock,
                data_dir=self._path,
                measures=Measures(figures),
                backoff=IMPATIENT,
            )
            yield app.Embedded(Admin(self.store, self.clock), Engine(name, services), there, figures)
