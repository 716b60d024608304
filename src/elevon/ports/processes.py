"""What starts processes such that none outlives the engine."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from elevon.ports.clocks import Clock


class ProcessCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What to start as a process of the engine's own, and on which descriptors.

    Attributes:
        args: Program and arguments.
        environment: All of it.
        cwd: Working directory; None for the engine's.
        streams: Descriptors of stdin, stdout and stderr.
        passed_fds: Further descriptors that it keeps.
        holds_lock: Whether it holds the engine's lock too: no other engine takes over while it lives.
        may_scatter: Whether its children may leave its group; at its end they are looked for, among all processes.
    """

    args: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path | None = None
    streams: tuple[int, int, int]
    passed_fds: tuple[int, ...] = ()
    holds_lock: bool = False
    may_scatter: bool = False


class OwnedProcess(Protocol):
    """A process that ends with the engine, also when that is killed, and all that stays in its group with it."""

    @property
    def pid(self) -> int:
        """Its id; nobody else's before `exit_code` is set."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Set once it has ended; negative for a signal."""
        ...

    @property
    def ending(self) -> str:
        """How it ended, in words that follow its name: `exited with code 3`."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to the group, at once; after the leader's end this does nothing."""
        ...

    async def wait_gone(self, clock: Clock) -> None:
        """Return when no process of the group is left."""
        ...

    def leader_resident_bytes(self) -> int:
        """Memory in use by the process alone; 0 if it has ended."""
        ...


class ProcessOwner(Protocol):
    """Starts processes such that none outlives the engine."""

    def spawn(self, command: ProcessCommand, on_exit: Callable[[OwnedProcess], None]) -> OwnedProcess:
        """Start one.

        Args:
            command: What to start.
            on_exit: Called in the loop when it has ended and the rest of its group was killed.

        Raises:
            UnavailableError: The system can start no process now.
        """
        ...
