"""What the containers of a pod leave behind in sessions of their own, as daemons do by `setsid`.

On Linux whatever loses its parent becomes a child of the keeper, once that has adopted it, and is found so. Elsewhere,
and where the system does not tell a process its children, nothing is found, and such processes live on.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from elevon import ports

_SET_CHILD_SUBREAPER: Final = 36
_TASKS: Final = Path("/proc/self/task")
_POLL_S: Final = 0.005
_GONE_TIMEOUT_S: Final = 30.0


def adopt() -> None:
    """Become the parent of every descendant that loses its own."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(own: Collection[int]) -> None:
    """Let go those that have ended by themselves.

    Args:
        own: Children that somebody else waits for.
    """
    for pid in _children().difference(own):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


async def end(own: Callable[[], Collection[int]], clock: ports.Clock) -> None:
    """End all of them, and return when they are gone, or half a minute has not sufficed.

    Args:
        own: Tells the children that somebody else waits for.
        clock: The time.
    """
    deadline = clock.monotonic() + _GONE_TIMEOUT_S
    while found := _children().difference(own()):
        if clock.monotonic() > deadline:
            sys.stderr.write(f"the processes {sorted(found)} were killed and have not ended\n")
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        bury(own())
        await clock.sleep(_POLL_S)


def _children() -> set[int]:
    found: set[int] = set()
    # A thread or the whole file may not be there.
    for path in _TASKS.glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, path.read_text().split()))
    return found
