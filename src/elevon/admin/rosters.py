"""The executors of a home or of a server, as an operator sees them: who they are, what is drained, what is left.

It exists so that a command says the same of the executors that an engine of a home would have, and of those that a
running server has. It owns who is meant by an id or a task type; what is registered is decided elsewhere.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from elevon import errors
from elevon.admin.drains import Census, Drains
from elevon.plugin.descriptions import Description
from elevon.plugin.executors import Isolation
from elevon.plugin.registry import Registration, Registry
from elevon.primitives import suggestions
from elevon.primitives.figures import EngineFigures
from elevon.records.drains import Drain


class ExecutorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One executor.

    Attributes:
        description: What it says of itself.
        isolation: Where it runs.
        host: The host of the configuration that it is in; None if that names none.
        place: The host that it is in, in words; empty for the engine's process.
        origin: Where it comes from, in words.
    """

    description: Description
    isolation: Isolation
    host: str | None = None
    place: str = ""
    origin: str

    def drains_among(self, drains: Sequence[Drain]) -> tuple[Drain, ...]:
        """Which of its types are drained."""
        return tuple(drain for drain in drains if drain.task_type in self.description.task_types)


class ExecutorList(msgspec.Struct, frozen=True, kw_only=True):
    """All executors.

    Attributes:
        executors: In the order of registration.
        problems: Executors and hosts that can't be had, as sentences.
        drains: What is drained.
        stray_drains: Those of types that nobody registers.
    """

    executors: tuple[ExecutorEntry, ...]
    problems: tuple[str, ...] = ()
    drains: tuple[Drain, ...] = ()
    stray_drains: tuple[Drain, ...] = ()


class ExecutorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One executor with all that is known of it now.

    Attributes:
        entry: Itself.
        drains: Those of its types.
        census: Its attempts that are not over.
        engines: What running engines have counted and measured.
    """

    entry: ExecutorEntry
    drains: tuple[Drain, ...] = ()
    census: Census = Census()
    engines: tuple[EngineFigures, ...] = ()


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """A type of which nothing is started any more.

    Attributes:
        drain: What was asked.
        census: Its attempts that are not over.
    """

    drain: Drain
    census: Census


class RosterSource(Protocol):
    """The side of an engine that knows its executors."""

    @property
    def registry(self) -> Registry:
        """Who is registered."""
        ...

    def origin_of(self, registration: Registration) -> str:
        """Where an executor comes from, in words."""
        ...

    def figures(self) -> Sequence[EngineFigures]:
        """What the running engines of the home have counted and measured."""
        ...


class Roster:
    """What can be asked of executors.

    Args:
        source: Knows them.
        drains: What is drained.
    """

    def __init__(self, source: RosterSource, drains: Drains) -> None:
        self._source = source
        self._drains = drains

    async def list_executors(self) -> ExecutorList:
        """All of them."""
        known = self._source.registry
        drains = tuple(await self._drains.list_drains())
        return ExecutorList(
            executors=tuple(self._entry_of(one) for one in known.registrations),
            problems=tuple(problem.sentence for problem in known.problems),
            drains=drains,
            stray_drains=tuple(drain for drain in drains if drain.task_type not in known.known_types),
        )

    async def show(self, name: str) -> ExecutorDetails:
        """The executor of an id, or that serves a task type.

        Raises:
            NotFoundError: There is none; says why, or what is near.
        """
        found = self._find(name)
        entry = self._entry_of(found)
        return ExecutorDetails(
            entry=entry,
            drains=entry.drains_among(await self._drains.list_drains()),
            census=await self._drains.census(found.task_types),
            engines=tuple(self._source.figures()),
        )

    async def drain(self, task_type: str, by: str, reason: str) -> Drained:
        """Have no attempt of a type started until it is resumed; what runs goes on.

        Raises:
            UserError: Nobody serves the type, or ever will.
        """
        known = self._source.registry
        # A type whose package is broken is drained while that is mended, and one that is discovered while it is not
        # there.
        if not known.problem_of(task_type) and not known.discoverers:
            known.of_type(task_type)
        drain = await self._drains.drain(task_type, by=by, reason=reason)
        return Drained(drain=drain, census=await self._drains.census({task_type}))

    async def resume(self, task_type: str) -> None:
        """Have attempts of a type started again.

        Raises:
            UserError: It is not drained; names what is.
        """
        await self._drains.resume(task_type)

    def _find(self, text: str) -> Registration:
        known = self._source.registry
        for one in known.registrations:
            if one.id == text:
                return one
        found = known.find(text)
        if found is not None:
            return found
        problem = known.problem_of(text)
        if problem:
            raise errors.NotFoundError(f"the executor {text!r} is not there: {problem}")
        names = {name for one in known.registrations for name in (one.id, *one.task_types)}
        raise errors.NotFoundError(
            f"there is no executor or task type {text!r}: {suggestions.hint(text, sorted(names))}"
        )

    def _entry_of(self, found: Registration) -> ExecutorEntry:
        host = found.host
        return ExecutorEntry(
            description=found.description,
            isolation=found.isolation,
            host=host.name if host is not None and host.is_shared else None,
            place=str(host) if host is not None else "",
            origin=self._source.origin_of(found),
        )
