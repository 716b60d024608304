"""The executors of one engine: who serves which task type, and where the calls run.

An executor is initialized when the first execution that needs it is loaded, beside all others: a slow one holds up
nobody else, and one that nobody needs costs nothing. One that discovers its types is needed by every execution with a
type that nobody registers. A type that nobody serves, or whose executor could not be
initialized, makes attempts wait with the reason; it never fails them, and it never ends the engine.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeAlias

from elevon import errors, ports
from elevon.compiler.graphs import Graph
from elevon.plugin import hosts
from elevon.plugin.contexts import SetupContext
from elevon.plugin.registry import Registration, Registry
from elevon.primitives.clocks import SystemClock
from elevon.primitives.redaction import Redactor
from elevon.propeller.discoveries import Discovered, Discoveries

PATIENCE: Final = timedelta(seconds=5)
HostOf: TypeAlias = Callable[[Registration, SetupContext[Any]], hosts.ExecutorHost]
_log = logging.getLogger(__name__)


class Executors:
    """Registry and hosts together.

    Args:
        registry: Who serves which type.
        setup_of: What each executor is initialized with.
        patience: After this, executors whose `initialize` is still waited for are named in the log.
        clock: Of the engine; None for that of the machine.
        redactor: Masks what is told of executors that could not be initialized; None for one that knows no secrets.
        host_of: Makes the host of each executor; the default has no processes.
    """

    def __init__(
        self,
        registry: Registry,
        setup_of: Callable[[Registration], SetupContext[Any]],
        patience: timedelta = PATIENCE,
        clock: ports.Clock | None = None,
        redactor: Redactor | None = None,
        host_of: HostOf = hosts.host_of,
    ) -> None:
        self._redactor = redactor or Redactor()
        self.registry = registry
        self._patience = patience
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()  # executors that could not be initialized, which the log has said
        self._hosts = {one.id: host_of(one, setup_of(one)) for one in registry.registrations}
        self._discoveries = Discoveries(registry, self._host_when_ready, clock or SystemClock())

    def observe(self, callback: Discovered) -> None:
        """Have it called with types that somebody serves newly, or again; on the engine's loop."""
        self._discoveries.observe(callback)

    async def discover(self, task_types: Iterable[str]) -> None:
        """Look whether anybody discovers those of these types that nobody registers.

        Args:
            task_types: Read only if an executor discovers types at all.
        """
        await self._discoveries.find(task_types)

    async def ready(self, task_types: Iterable[str]) -> None:
        """Wait until the executors of these types are initialized, or could not be: `of_type` then says which.

        The log names those that could not be, each once. To cancel the wait is safe: initialization goes on for the
        next one who asks.
        """
        wanted = frozenset(task_types)
        await self._settled(wanted)
        found = [self.registry.find(task_type) for task_type in wanted]
        for executor_id in {one.id for one in found if one is not None} - self._told:
            failure = self._hosts[executor_id].failure
            if failure is not None:
                self._told.add(executor_id)
                sentence = "executor %r could not be initialized, its task types are refused: %s"
                _log.warning(sentence, executor_id, self._redactor.text(failure.message))

    async def _settled(self, wanted: frozenset[str]) -> None:
        """Wait until the executors of these types are initialized, or could not be."""
        await self.discover(wanted)
        found = [self.registry.find(task_type) for task_type in wanted]
        starts = {one.id: self._started(one.id) for one in found if one is not None}
        waiting = [start for start in starts.values() if not start.done()]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=self._patience.total_seconds())
        if late:
            names = ", ".join(name for name, start in starts.items() if start in late)
            _log.warning("waiting for executors that are still being initialized: %s", names)
            await asyncio.wait(late)

    async def ensure_served(self, task_types: Iterable[str]) -> None:
        """Wait until everybody is there whom tasks of these types need, and those that they are known to generate.

        Raises:
            UnavailableError: Somebody is not; the log does not say so too.
        """
        new: dict[str, str] = dict.fromkeys(task_types, "")
        seen: set[str] = set()
        while new:
            await self._settled(frozenset(new))
            served = {task_type: self._of_type_from(new[task_type], task_type) for task_type in sorted(new)}
            seen.update(new)
            new = {
                generated: task_type
                for task_type, registration in served.items()
                for generated in registration.properties.generates_types
                if generated not in seen
            }

    async def stop(self) -> None:
        """End all of them, those too that are still being initialized."""
        await self._discoveries.stop()
        for start in self._starts.values():
            start.cancel()
        await asyncio.gather(*self._starts.values(), return_exceptions=True)
        async with asyncio.TaskGroup() as group:
            for host in self._hosts.values():
                group.create_task(host.stop())

    def watch(self) -> None:
        """Look whether they still answer."""
        for host in self._hosts.values():
            host.watch()

    def of_type(self, task_type: str) -> Registration:
        """Who serves a type.

        Raises:
            UnavailableError: Nobody does, or its executor could not be initialized.
        """
        registration = self.registry.find(task_type)
        if registration is None and (problem := self.registry.problem_of(task_type)):
            raise errors.UnavailableError(
                f"no executor is registered for the task type {task_type!r}, because of {problem}; mend that, "
                "then run or resume again"
            )
        if registration is None:
            reasons = "".join(f"; {problem}" for problem in self._discoveries.problems)
            raise errors.UnavailableError(
                f"no executor is registered for the task type {task_type!r}: install the package that has it, or name "
                f"it by --tasktype MODULE:CLASS, then run or resume again{self._redactor.text(reasons)}"
            )
        failure = self._hosts[registration.id].failure
        if failure is not None:
            raise errors.UnavailableError(
                f"executor {registration.id!r} could not be initialized: {self._redactor.text(failure.message)}; "
                "mend that, then run or resume again"
            )
        return registration

    def may_discover(self, task_type: str) -> bool:
        """Whether somebody who is there may discover a type that nobody serves now."""
        looking = (one for one in self.registry.discoverers if self._hosts[one.id].failure is None)
        return self.registry.find(task_type) is None and any(looking)

    def host(self, registration: Registration) -> hosts.ExecutorHost:
        """Where the calls of an executor run."""
        return self._hosts[registration.id]

    def _of_type_from(self, generator: str, task_type: str) -> Registration:
        """Who serves a type; if nobody does, whose tasks generate it is said too."""
        try:
            return self.of_type(task_type)
        except errors.UnavailableError as error:
            if not generator:
                raise
            raise errors.UnavailableError(
                f"tasks of the type {generator!r} go on as tasks of the type {task_type!r}: {error}"
            ) from error

    async def _host_when_ready(self, registration: Registration) -> hosts.ExecutorHost:
        await asyncio.wait([self._started(registration.id)])
        return self._hosts[registration.id]

    def _started(self, executor_id: str) -> asyncio.Task[None]:
        """Its start, under way or over; `stop` ends and awaits it."""
        if executor_id not in self._starts:
            start = self._hosts[executor_id].start()
            self._starts[executor_id] = asyncio.get_running_loop().create_task(start)
        return self._starts[executor_id]


def task_types_of(graph: Graph) -> Iterator[str]:
    """The types of all tasks of a workflow, its subworkflows, branches and arrays; one may come several times."""
    for node in graph.nodes.values():
        if node.settings is not None:
            yield node.settings.task_type
        if node.inner is not None:
            yield from task_types_of(node.inner)
