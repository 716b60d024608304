"""Processes of ours, owned from their first instruction to their last.

`Household` starts each process as the leader of a group and a session of its own, and keeps the reaper informed of
it, so that a killed engine leaves nothing behind. It must never let a process run user code that the reaper has not
heard of.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from elevon import errors, ports
from elevon.primitives import failpoints
from elevon.workers import birthmarks, exits, folders, reaper

_POLL_S = 0.005
_GONE_TIMEOUT_S = 30.0
_REAPER_DELAY_S = 0.01
_REAPER_DELAY_LIMIT_S = 5.0
_SET_CHILD_SUBREAPER = 36  # of prctl(2)
# The program waits for one line; without whoever starts it there is no line.
_GATE = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


class OwnedProcess:
    """The leader of a process group, and with it everything that stays in the group."""

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        on_exit: Callable[["OwnedProcess"], None],
        *,
        may_scatter: bool = False,
    ) -> None:
        self.pid = popen.pid
        self.start = reaper.start_of(popen.pid)
        self.exit_code: int | None = None
        self._popen = popen
        self._on_exit = on_exit
        self._may_scatter = may_scatter
        self._watch = exits.ExitWatch(popen.pid, self._bury)

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        return "is running" if self.exit_code is None else exits.describe(self.exit_code)

    def kill(self) -> None:
        """Send SIGKILL to the group, at once; after the leader's end this does nothing."""
        if self.exit_code is None:
            reaper.kill_group(self.pid)

    def terminate(self) -> None:
        """Ask the group to end, by SIGTERM; after the leader's end this does nothing."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)

    async def wait_gone(self, clock: ports.Clock) -> None:
        """Return when no process of the group is left.

        Raises:
            UnavailableError: The system can't end one of them, for half a minute.
        """
        deadline = clock.monotonic() + _GONE_TIMEOUT_S
        while self.exit_code is None or await asyncio.to_thread(reaper.members, self.pid):
            if clock.monotonic() > deadline:
                raise errors.UnavailableError(
                    f"process group {self.pid} was killed {_GONE_TIMEOUT_S:.0f} s ago and has not ended: "
                    "it waits for a disk or a network file system"
                )
            await clock.sleep(_POLL_S)

    def resident_bytes(self) -> int:
        """Memory in use by the whole group."""
        return sum(member.resident_bytes for member in reaper.members(self.pid))

    def leader_resident_bytes(self) -> int:
        """Memory in use by the leader alone."""
        return 0 if self.exit_code is not None else reaper.resident_bytes_of(self.pid)

    def _bury(self) -> None:
        # The leader is dead and not reaped: the group's id is still ours, so that nobody else can be hit.
        reaper.kill_group(self.pid)
        if self._may_scatter:
            reaper.kill_strays(self.pid)
        self.exit_code = self._popen.wait()
        self._on_exit(self)


class Household:
    """Starts processes and keeps the reaper's list of them."""

    def __init__(self, root: Path, lock_fd: int | None, swept: Sequence[Path] = (), mark: int = 0) -> None:
        """Prepare; nothing is started before the first process is.

        Args:
            root: A folder for what processes leave behind, this household's own; made, and removed by the reaper.
            lock_fd: The engine's lock, kept by the reaper until its work is done; None for no lock.
            swept: Further folders that the reaper removes, if they are there then.
            mark: Is put on every process; 0 for none.
        """
        self._lock_fd = lock_fd
        self._swept = tuple(map(str, swept))
        self._mark = mark
        self._folders = folders.ProcessFolders(root)
        self._processes: dict[int, OwnedProcess] = {}
        self._reaper: subprocess.Popen[bytes] | None = None
        self._reaper_watch: exits.ExitWatch | None = None
        self._reaper_start: asyncio.TimerHandle | None = None
        self._reaper_delay_s = _REAPER_DELAY_S
        self._adopts = False

    def spawn(self, command: ports.ProcessCommand, on_exit: Callable[[OwnedProcess], None]) -> OwnedProcess:
        """Start a process as the leader of its own session; the reaper knows of it when this returns.

        Args:
            on_exit: Called in the loop when the leader has ended and the rest of its group was killed.

        Raises:
            UnavailableError: The system can start no process now.
        """
        self._open()

        def forget(process: OwnedProcess) -> None:
            del self._processes[process.pid]
            self._tell(f"-{process.pid}")
            on_exit(process)

        failpoints.hit("household.before_spawn")
        shared = (self._lock_fd,) if command.holds_lock and self._lock_fd is not None else ()
        started = _start(command, (*command.passed_fds, *shared))
        if self._mark:
            birthmarks.put_on(started.pid, self._mark)
        process = OwnedProcess(started, forget, may_scatter=command.may_scatter)
        failpoints.hit("household.after_spawn")
        self._processes[process.pid] = process
        self._tell(f"+{process.pid} {process.start}")
        return process

    def spawn_gated(
        self, command: ports.ProcessCommand, on_exit: Callable[[OwnedProcess], None]
    ) -> OwnedProcess:
        """Start a program of the user's, which begins only once the reaper knows of it; its stdin is empty.

        Raises:
            UnavailableError: The system can start no process now.
        """
        gate_fd, opener_fd = os.pipe()
        try:
            gated = msgspec.structs.replace(
                command, args=(*_GATE, *command.args), streams=(gate_fd, *command.streams[1:])
            )
            process = self.spawn(gated, on_exit)
            os.write(opener_fd, b"\n")
        finally:
            os.close(gate_fd)
            os.close(opener_fd)
        return process

    def adopt(self) -> None:
        """Become the parent of whatever loses its own, as daemons do in sessions of their own; on Linux alone.

        Whoever calls this starts all of its children here, and calls `bury_adopted` now and then.
        """
        if sys.platform == "linux":
            import ctypes  # as late as this: engines adopt nothing

            self._adopts = ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0

    def bury_adopted(self) -> None:
        """Let go those that have ended by themselves."""
        with contextlib.suppress(ChildProcessError):
            while self._adopts:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None or ended.si_pid in self._started:
                    return
                os.waitpid(ended.si_pid, 0)

    async def end_adopted(self, clock: ports.Clock) -> None:
        """End all of them, and return when they are gone, or when that has not sufficed for half a minute."""
        deadline = clock.monotonic() + _GONE_TIMEOUT_S
        while self._adopts and (adopted := set(reaper.children(os.getpid())) - self._started):
            if clock.monotonic() > deadline:
                sys.stderr.write(f"the processes {sorted(adopted)} were killed and have not ended\n")
                return
            for pid in adopted:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.bury_adopted()
            await clock.sleep(_POLL_S)

    @property
    def _started(self) -> set[int]:
        """Our children, but for those that were adopted."""
        return {*self._processes, *(() if self._reaper is None else (self._reaper.pid,))}

    async def close(self, clock: ports.Clock) -> None:
        """Kill every process, and return when all of them and the reaper are gone; idempotent."""
        processes = list(self._processes.values())
        for process in processes:
            process.kill()
        for process in processes:
            await process.wait_gone(clock)
        if self._reaper_start is not None:
            self._reaper_start.cancel()
        if self._reaper is not None and self._reaper_watch is not None:
            self._reaper_watch.close()
            _close_stdin(self._reaper)
            await asyncio.to_thread(self._reaper.wait)
            self._reaper = None
        self._folders.close()

    def make_folder(self) -> Path:
        """A new folder for one process, removed when the engine is gone, if not before.

        Raises:
            UnavailableError: It can't be written.
        """
        self._open()
        return self._folders.make()

    def make_temporary(self) -> Path:
        """The same for its temporary files, for which it is told of the folder by `TMPDIR`.

        Raises:
            UnavailableError: It can't be written.
        """
        self._open()
        return self._folders.make_temporary()

    def _open(self) -> None:
        """Start what is needed before the first process.

        Folders are made once somebody is there who removes them, whenever the engine is killed.
        """
        if self._reaper is None and self._reaper_start is None:
            self._start_reaper()
        self._folders.open()

    def _start_reaper(self) -> None:
        removed = (*map(str, self._folders.roots), *self._swept)
        command = [sys.executable, "-I", "-S", reaper.__file__, str(self._mark), *removed]
        passed = () if self._lock_fd is None else (self._lock_fd,)
        try:
            self._reaper = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                start_new_session=True,
                pass_fds=passed,
            )
        except OSError as error:
            raise errors.UnavailableError(f"no process can be started: {error}") from error
        self._reaper_start = None
        self._reaper_watch = exits.ExitWatch(self._reaper.pid, self._replace_reaper)
        for process in self._processes.values():
            self._tell(f"+{process.pid} {process.start}")

    def _replace_reaper(self) -> None:
        """Start another one soon after somebody killed it; it gets the whole list."""
        if self._reaper is not None:
            _close_stdin(self._reaper)
            self._reaper.wait()
            self._reaper = None
        self._reaper_delay_s = min(2 * self._reaper_delay_s, _REAPER_DELAY_LIMIT_S)

        def start() -> None:
            try:
                self._start_reaper()
            except errors.UnavailableError:
                self._replace_reaper()

        self._reaper_start = asyncio.get_running_loop().call_later(self._reaper_delay_s, start)

    def _tell(self, line: str) -> None:
        # A reaper that just died is noticed by its watch, and the next one gets the whole list.
        if self._reaper is not None and self._reaper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._reaper.stdin.write(f"{line}\n".encode())


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _start(command: ports.ProcessCommand, passed_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    stdin, stdout, stderr = command.streams
    try:
        return subprocess.Popen(  # noqa: S603
            command.args,
            env=command.environment,
            cwd=command.cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=passed_fds,
        )
    except OSError as error:
        raise errors.UnavailableError(f"no process can be started: {error}") from error
