"""The task types that executors discover at run time: when they are asked, and who is told of what they find.

It owns the rhythm and the log; the registry owns who serves what. It must never hold up an execution whose types are
all registered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Final

from elevon import ports
from elevon.plugin.hosts import ExecutorHost
from elevon.plugin.registry import Registration, Registry
from elevon.records import failures

INTERVAL: Final = timedelta(seconds=10)
_log = logging.getLogger(__name__)

Discovered = Callable[[frozenset[str]], None]


class Discoveries:
    """What the discovering executors of one engine have found.

    Args:
        registry: Adopts it.
        host_of: Returns the host of an executor once it is initialized, or could not be.
        clock: Of the engine.
    """

    def __init__(
        self,
        registry: Registry,
        host_of: Callable[[Registration], Awaitable[ExecutorHost]],
        clock: ports.Clock,
    ) -> None:
        self._registry = registry
        self._host_of = host_of
        self._clock = clock
        self._observers: list[Discovered] = []
        self._problems: dict[str, str] = {}
        self._refused: set[str] = set()
        self._recent: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def problems(self) -> Iterable[str]:
        """What is in the way of finding more, a sentence each."""
        return filter(None, self._problems.values())

    def observe(self, callback: Discovered) -> None:
        """Have it called with types that are served newly, or again; on the engine's loop."""
        self._observers.append(callback)

    async def find(self, task_types: Iterable[str]) -> None:
        """Ask for types, unless all of them are served by somebody who is there.

        Args:
            task_types: Read only if there is anybody to ask.
        """
        if not self._registry.discoverers or self._registry.known_types.issuperset(task_types):
            return
        await self._discover()
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Ask no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL.total_seconds())
            await self._discover()

    async def _discover(self) -> None:
        """Ask everybody, each beside the others, and tell what is served newly.

        It is told twice: an attempt may have found out that its type is missing, and be waiting only after the first
        time.
        """
        async with self._turn:
            before = self._registry.known_types
            await asyncio.gather(*(self._ask(one) for one in self._registry.discoverers))
            new = self._registry.known_types - before
        told, self._recent = new | self._recent, new
        for callback in self._observers if told else ():
            callback(told)

    async def _ask(self, discoverer: Registration) -> None:
        host = await self._host_of(discoverer)
        try:
            found = await host.discover_types()
        except Exception as error:  # noqa: BLE001 - whatever an executor raises is why it finds nothing
            text = failures.from_exception(error).message
            self._note(discoverer, f"executor {discoverer.id!r} could not discover its task types: {text}")
            return
        self._note(discoverer, found.problem)
        for sentence in self._registry.adopt(discoverer, found.task_types):
            if sentence not in self._refused:
                self._refused.add(sentence)
                _log.warning("%s", sentence)

    def _note(self, discoverer: Registration, problem: str) -> None:
        """Keep what is in the way, and log it when it changes."""
        if problem and problem != self._problems.get(discoverer.id):
            _log.warning("%s", problem)
        self._problems[discoverer.id] = problem
