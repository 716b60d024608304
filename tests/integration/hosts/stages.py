"""A home whose executors run in host processes, and what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from elevon import app
from elevon.plugin import Executor
from elevon.records.executions import ExecutionRecord
from tests.integration.engine import flows
from tests.integration.engine.worlds import World, drive
from tests.integration.hosts import players
from tests.integration.hosts.players import Player


class Stage:
    """One home.

    Args:
        world: The home.
        folder: Where players take notes.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What players noted."""
        return players.notes(self.folder)

    def kinds(self) -> list[str]:
        """What was called, in order."""
        return [note["kind"] for note in self.notes]

    def pids(self) -> list[int]:
        """The processes in which there were calls, each once, in order."""
        return list(dict.fromkeys(note["pid"] for note in self.notes))

    @contextlib.asynccontextmanager
    async def engine(
        self,
        executor: type[Executor[Any, Any]] = Player,
        *,
        settings: dict[str, Any] | None = None,
        **script: Any,
    ) -> AsyncGenerator[app.Embedded]:
        """An engine whose player plays a script."""
        written = {name: _listed(steps) for name, steps in script.items()}
        configuration = {executor.id: {"folder": str(self.folder), **written}}
        options = {"configuration": configuration, **(settings or {})}
        async with self.world.engine(executor(), **options) as embedded:
            yield embedded

    async def run(
        self, executor: type[Executor[Any, Any]] = Player, *, workflow: Any = flows.single, **more: Any
    ) -> ExecutionRecord:
        """Drive one execution to its end, and say how it ended."""
        async with self.engine(executor, **more) as embedded:
            execution = await self.world.create(embedded, workflow)
            await drive(embedded, execution)
            return await embedded.admin.get(execution)

    async def noted(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return when something was noted so often; what was noted last."""
        await until(lambda: self.kinds().count(kind) >= count)
        return [note for note in self.notes if note["kind"] == kind][count - 1]


async def until(condition: Callable[[], bool]) -> None:
    """Return when what another process does has shown."""
    async with asyncio.timeout(45):
        while not condition():  # noqa: ASYNC110 - no event crosses from there
            await asyncio.sleep(0.01)


def _listed(steps: str | Sequence[str]) -> list[str]:
    return [steps] if isinstance(steps, str) else list(steps)
