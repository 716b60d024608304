"""The program of a host process: makes executors, and carries out their calls.

The engine starts it as `python -P -m elevon.plugin.processes.child VERSION READ_FD WRITE_FD`. All executors of the
process share one loop, which serves the pipe too. It must never outlive its pipe.
"""

import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import elevon
from elevon import errors
from elevon.plugin import discovery, hosts
from elevon.plugin.executors import DiscoveredTypes
from elevon.plugin.invocations import Invocation
from elevon.plugin.processes import protocol, services
from elevon.plugin.processes.interfaces import Interface, interface_of
from elevon.plugin.processes.links import Link
from elevon.plugin.processes.protocol import EngineNotes, Greeting, HostCalls, LogLine, Opening
from elevon.plugin.registry import Registry
from elevon.primitives import frames, log_contexts, memory_shortages
from elevon.records.answers import Reply
from elevon.records.failures import Failure, from_exception

_log = logging.getLogger("elevon.plugin")


class HostProgram:
    """What the engine calls: `protocol.HostCalls`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hosts: dict[str, hosts.EngineHost] = {}

    async def greet(self, greeting: Greeting) -> str:
        """Take in what the engine says first."""
        sys.path.extend(place for place in greeting.import_path if place not in sys.path)
        logging.basicConfig(level=greeting.log_level, handlers=[_Forwarder(self._link)], force=True)
        return elevon.__version__

    async def open(self, opening: Opening) -> Failure | None:
        """Make an executor anew, and initialize it."""
        try:
            host = self._host_of(opening)
        except errors.UserError as error:
            return from_exception(error)
        await host.start(opening.time_limit, opening.grace)
        if host.failure is None:
            self._hosts[opening.id] = host
            gc.freeze()  # what was imported for it stays
        return host.failure

    async def carry_out(self, executor_id: str, invocation: Invocation) -> Reply:
        """Make a call."""
        attempt = services.RemoteAttempt(self._link, invocation.id)
        return await self._open_one(executor_id).carry_out(invocation, attempt)

    async def discover_types(self, executor_id: str) -> DiscoveredTypes:
        """Ask for types."""
        return await self._open_one(executor_id).discover_types()

    async def close(self, executor_id: str, grace: timedelta) -> None:
        """Close an executor."""
        host = self._hosts.pop(executor_id, None)
        if host is not None:
            await host.stop(grace)

    async def beat(self) -> None:
        """The loop answers."""

    def _host_of(self, opening: Opening) -> hosts.EngineHost:
        executor = discovery.import_executor(opening.path)
        if executor.id != opening.id:
            raise errors.UserError(
                f"{opening.path} has the id {executor.id!r} now, and the engine knows it as {opening.id!r}: run again"
            )
        known = Registry.of(
            [executor],
            configuration={opening.id: opening.settings} if opening.settings else {},
            state_limit_bytes=opening.state_limit_bytes,
        )
        registration = known.by_id(opening.id)
        return hosts.EngineHost(registration, services.remote_setup(self._link, opening, registration.config))

    def _open_one(self, executor_id: str) -> hosts.EngineHost:
        host = self._hosts.get(executor_id)
        if host is None:
            raise errors.UnavailableError(f"executor {executor_id!r} is not open in its host")
        return host


class _Forwarder(logging.Handler):
    """Sends what is logged, from any thread, to the engine's logging."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._method = interface_of(EngineNotes)["log"]

    def emit(self, record: logging.LogRecord) -> None:
        context = log_contexts.current()
        try:
            line = LogLine(record.name, record.levelno, self.format(record), context)
            self._link.note(services.ENGINE, "", self._method, (line,))
        except Exception:  # noqa: BLE001 - logging's own way to deal with what can't be logged
            self.handleError(record)


async def _serve(read_fd: int, write_fd: int) -> None:
    ended = asyncio.get_running_loop().create_future()

    def find(service: str, key: str) -> tuple[Any, Interface]:
        if (service, key) != ("host", ""):
            raise errors.BugError(f"a host process has no service {service!r}")
        return program, interface_of(HostCalls)

    def end(_error: object = None) -> None:
        # The engine is gone, or has done with this process: nobody may go on here, and exit handlers may hang.
        os._exit(0)

    def take(payloads: list[bytes]) -> None:
        link.take(payloads)

    pipes = frames.LoopFrames(asyncio.get_running_loop(), read_fd, write_fd, take, end, end)
    link = Link(pipes.send, find)
    program = HostProgram(link)
    await ended


def _keep_to_oneself() -> None:
    """Let no process that an executor starts inherit the pipe or the engine's lock."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names are all that is needed
        with contextlib.suppress(OSError):
            if int(name) > sys.stderr.fileno():
                os.set_inheritable(int(name), False)


def main() -> None:
    """Serve on the descriptors of the command line."""
    version, read_fd, write_fd = (int(text) for text in sys.argv[1:4])
    sys.argv[1:] = []
    if version != protocol.VERSION:
        sys.exit(f"elevon {elevon.__version__} here speaks version {protocol.VERSION} of the host protocol")
    _keep_to_oneself()
    memory_shortages.volunteer()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    asyncio.run(_serve(read_fd, write_fd))


if __name__ == "__main__":
    main()
