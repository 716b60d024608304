"""Which executor serves which task type; built once by the composition root, never filled at import.

It owns the check that executors can live together, those of this process and those that host processes describe.
Types that executors discover at run time are adopted beside those that somebody registers for, and never displace them.
A type that nobody serves is an error here and never silently something else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from elevon import errors
from elevon.idl import pods
from elevon.plugin import declarations, implementations
from elevon.plugin.descriptions import Description, Hosted, HostSettings
from elevon.plugin.discovery import Problem
from elevon.plugin.executors import Executor, ExecutorProperties, Isolation
from elevon.plugin.implementations import Implementation
from elevon.plugin.states import STATE_LIMIT_BYTES
from elevon.primitives import suggestions

AnyExecutor = Executor[Any, Any]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One executor as the engine uses it.

    Attributes:
        description: What it says of itself.
        host: The process in which it runs; None for this one.
        settings: Its configuration, as it was read.
        local: The executor itself; None if it is in another environment, where this process can't import it.
    """

    description: Description
    host: HostSettings | None = None
    settings: Mapping[str, Any] = {}
    local: Implementation | None = None

    @property
    def id(self) -> str:
        """The executor's id."""
        return self.description.id

    @property
    def path(self) -> str:
        """Its class, `module:Class`."""
        return self.description.path

    @property
    def task_types(self) -> tuple[str, ...]:
        """The type strings that it serves."""
        return self.description.task_types

    @property
    def properties(self) -> ExecutorProperties:
        """What it says of itself before it is called."""
        return self.description.properties

    @property
    def isolation(self) -> Isolation:
        """Where it runs: what is in a host that the configuration names runs there, whatever it says."""
        return self.properties.isolation if self.host is None else "process"

    @property
    def has_finalizer(self) -> bool:
        """Whether `finalize_task` does anything: only then is it called, and is the call made durable."""
        return self.description.has_finalizer

    @property
    def config(self) -> Any:
        """Its configuration, checked; plain data if it is in another environment, None if it takes none."""
        return self.description.config if self.local is None else self.local.config

    @property
    def implementation(self) -> Implementation:
        """The executor itself, with codec and message.

        Raises:
            BugError: It is in another environment.
        """
        if self.local is None:
            raise errors.BugError(f"executor {self.id!r} is in {self.host}, and not in this process")
        return self.local


class Registry:
    """The executors of one engine, by type and by id.

    Args:
        registrations: Those that are there.
        default_id: The executor for types that nobody registered; empty for none.
        problems: Executors and hosts that can't be had.
    """

    def __init__(
        self, registrations: Iterable[Registration], default_id: str = "", problems: Iterable[Problem] = ()
    ) -> None:
        self._by_id: dict[str, Registration] = {}
        self._by_type: dict[str, Registration] = {}
        self._discovered: dict[str, Registration] = {}
        self._problems = {problem.name: problem for problem in problems}
        for registration in registrations:
            self._add(registration)
        self._default = self.by_id(default_id) if default_id else None

    @classmethod
    def of(
        cls,
        executors: Iterable[AnyExecutor | Hosted],
        *,
        configuration: Mapping[str, Mapping[str, Any]] | None = None,
        origin: str = "the configuration",
        default_id: str = "",
        state_limit_bytes: int = STATE_LIMIT_BYTES,
        problems: Iterable[Problem] = (),
    ) -> "Registry":
        """Check executors and bring them together.

        Args:
            executors: The instances, and those that hosts have found in their environments.
            configuration: Settings of each executor, by its id.
            origin: Where the configuration was read, for errors.
            default_id: The executor for types that nobody registered; empty for none, the default.
            state_limit_bytes: Largest encoded custom state.
            problems: Executors and hosts that can't be had; named when such a type is asked for.

        Raises:
            UserError: An executor can't be served, two claim the same type or id, or a setting is wrong.
        """
        given = dict(configuration or {})
        registrations: list[Registration] = []
        for one in executors:
            if isinstance(one, Hosted):
                settings = given.get(one.description.id, {})
                registrations.append(
                    Registration(description=one.description, host=one.host, settings=settings)
                )
                continue
            declarations.check_class(type(one))
            settings = given.get(one.id, {})
            try:
                config = implementations.configure(one, settings)
            except errors.UserError as error:
                raise errors.UserError(f"{origin}: {error}") from error
            registrations.append(_register(Implementation.of(one, config, state_limit_bytes), settings))
        try:
            registry = cls(registrations, default_id, problems)
        except errors.NotFoundError as error:
            raise errors.UserError(f"{origin}: the default executor is missing: {error}") from error
        registry._check_served(given, origin)
        return registry

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """All of them, in the order of registration."""
        return tuple(self._by_id.values())

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Executors and hosts that can't be had."""
        return tuple(self._problems.values())

    @property
    def discoverers(self) -> tuple[Registration, ...]:
        """Those that find out at run time which types they serve."""
        return tuple(one for one in self._by_id.values() if one.properties.discovers_types)

    @property
    def known_types(self) -> frozenset[str]:
        """The type strings that somebody registered or has discovered; a default executor adds none."""
        return frozenset(self._by_type) | frozenset(self._discovered)

    @property
    def has_default(self) -> bool:
        """Whether there is an executor for types that nobody registered."""
        return self._default is not None

    def find(self, task_type: str) -> Registration | None:
        """Who serves a type: its executor, else who has discovered it, else the default one, else None.

        Args:
            task_type: As in a template; with a pod as its target, see `idl.pods`, whoever serves that is preferred.
        """
        return self._serving(task_type) or self._serving(pods.plain_type(task_type)) or self._default

    def _serving(self, task_type: str) -> Registration | None:
        return self._by_type.get(task_type) or self._discovered.get(task_type)

    def adopt(self, discoverer: Registration, task_types: Iterable[str]) -> list[str]:
        """Take in all types that an executor has discovered; those of its earlier discoveries are forgotten.

        Returns:
            A sentence for each type that it is refused, because another executor serves it.
        """
        self._discovered = {name: one for name, one in self._discovered.items() if one is not discoverer}
        refused: list[str] = []
        for task_type in task_types:
            other = self._by_type.get(task_type) or self._discovered.setdefault(task_type, discoverer)
            if other is not discoverer:
                refused.append(
                    f"{discoverer.path} has discovered the task type {task_type!r}, which {other.path} serves already: "
                    "it stays there; leave one of them out"
                )
        return refused

    def of_type(self, task_type: str) -> Registration:
        """Who serves a type.

        Raises:
            UserError: Nobody does.
        """
        found = self.find(task_type)
        if found is None:
            raise errors.UserError(
                f"no executor is registered for the task type {task_type!r}: install the package that has it, or "
                f"name it by --tasktype MODULE:CLASS; {suggestions.hint(task_type, self._by_type)}"
            )
        return found

    def problem_of(self, task_type: str) -> str:
        """Why an executor is not there that has the name of a type, or may serve it; empty for no reason."""
        problem = self._problems.get(task_type)
        if problem is not None:
            return problem.sentence
        return "; ".join(one.sentence for one in self._problems.values() if one.is_of_host)

    def by_id(self, executor_id: str) -> Registration:
        """The executor of that id.

        Raises:
            NotFoundError: There is none.
        """
        found = self._by_id.get(executor_id)
        if found is None:
            raise errors.NotFoundError(
                f"there is no executor {executor_id!r}: {suggestions.hint(executor_id, self._by_id)}"
            )
        return found

    def _check_served(self, configured: Iterable[str], origin: str) -> None:
        """Refuse settings for nobody; where packages are broken, they may be for an executor of theirs."""
        for executor_id in configured:
            if executor_id not in self._by_id and not self._problems:
                raise errors.UserError(
                    f"{origin} has settings for the executor {executor_id!r}, which is not there: "
                    f"{suggestions.hint(executor_id, self._by_id)}"
                )

    def _add(self, new: Registration) -> None:
        other = self._by_id.setdefault(new.id, new)
        if other is not new:
            raise errors.UserError(
                f"{other.path} and {new.path} both have the id {new.id!r}: rename one of them"
            )
        for task_type in new.task_types:
            other = self._by_type.setdefault(task_type, new)
            if other is not new:
                raise errors.UserError(
                    f"{other.path} and {new.path} both register for the task type {task_type!r}: leave one of them out"
                )


def _register(local: Implementation, settings: Mapping[str, Any]) -> Registration:
    executor = local.executor
    is_apart = executor.properties.isolation == "process"
    return Registration(
        description=local.describe(),
        host=HostSettings(name=executor.id, is_shared=False) if is_apart else None,
        settings=settings,
        local=local,
    )
