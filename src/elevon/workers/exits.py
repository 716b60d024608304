"""How the end of a process is noticed, and how it is told.

It owns the one descriptor a process needs to be watched by a loop: a pidfd on Linux, a kqueue elsewhere. It must never
reap: as long as a dead leader is not reaped, its group's id can't be given to anybody else.
"""

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable

from elevon import errors, ports
from elevon.records.failures import Failure


class ExitWatch:
    """Calls back once, when a child process of ours has ended."""

    def __init__(self, pid: int, on_exit: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._is_done = False
        self._descriptor, self._owner = _open_watch(pid)
        self._loop.add_reader(self._descriptor, self._notice)

    def close(self) -> None:
        """Stop watching; idempotent."""
        if not self._is_done:
            self._is_done = True
            self._loop.remove_reader(self._descriptor)
            self._owner()

    def _notice(self) -> None:
        self.close()
        self._on_exit()


def _open_watch(pid: int) -> tuple[int, Callable[[], None]]:
    """A descriptor that becomes readable when the process has ended, and what closes it."""
    if sys.platform == "linux":
        descriptor = os.pidfd_open(pid)
        return descriptor, lambda: os.close(descriptor)
    queue = select.kqueue()
    flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
    try:
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)], 0)
    except ProcessLookupError:
        # It has ended already: an event of our own stands in for the one that was missed.
        user = select.kevent(0, select.KQ_FILTER_TIMER, flags, 0, 0)
        queue.control([user], 0)
    return queue.fileno(), queue.close


def describe(exit_code: int) -> str:
    """The end of a process in words: `exited with code 3`, `was ended by SIGSEGV`."""
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    name = f"signal {-exit_code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-exit_code).name
    return f"was ended by {name}"


def result_of(message: str, exit_code: int, last_output: str) -> ports.JobResult:
    """The failure of a job whose process ended without having said why.

    SIGKILL is what the kernel sends when memory runs out, and what people send; everything else the code in the
    process has done to itself.
    """
    is_killed = exit_code == -signal.SIGKILL
    advice = "; the machine may have run out of memory" if is_killed else ""
    last_line = last_output.rstrip().rpartition("\n")[2]
    said = f": {last_line}" if last_line else ""
    output = f"\nits last output on stderr:\n{last_output}" if "\n" in last_output.rstrip() else ""
    failure = Failure(
        code="SYSTEM:ProcessKilled" if is_killed else "USER:ProcessEnded",
        message=f"{message}{advice}{said}{output}",
        kind=errors.ErrorKind.SYSTEM if is_killed else errors.ErrorKind.USER,
    )
    return ports.JobResult(failure=failure, exit_code=exit_code)
