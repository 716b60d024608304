"""The executors of one engine: who serves which task type, and where the calls run.

A type that nobody serves, or whose executor could not be initialized, makes attempts wait with the reason; it never
fails them, and it never ends the engine.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from elevon import errors
from elevon.plugin import hosts
from elevon.plugin.contexts import SetupContext
from elevon.plugin.registry import Registration, Registry


class Executors:
    """Registry and hosts together.

    Args:
        registry: Who serves which type.
        setup_of: What each executor is initialized with.
    """

    def __init__(self, registry: Registry, setup_of: Callable[[Registration], SetupContext[Any]]) -> None:
        self.registry = registry
        self._hosts = {one.id: hosts.host_of(one.executor, setup_of(one)) for one in registry.registrations}

    async def start(self) -> None:
        """Initialize all of them; one that fails is refused by name and costs its own types only."""
        async with asyncio.TaskGroup() as group:
            for host in self._hosts.values():
                group.create_task(host.start())

    async def stop(self) -> None:
        """End all of them."""
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
        if registration is None:
            raise errors.UnavailableError(
                f"no executor is registered for the task type {task_type!r}: resume with the package installed that "
                "has it, or with --tasktype MODULE:CLASS"
            )
        failure = self._hosts[registration.id].failure
        if failure is not None:
            raise errors.UnavailableError(
                f"executor {registration.id!r} could not be initialized: {failure.message}; mend it and resume"
            )
        return registration

    def host(self, registration: Registration) -> hosts.ExecutorHost:
        """Where the calls of an executor run."""
        return self._hosts[registration.id]
