"""Files whose lock says that a process, and whoever inherited the lock from it, is alive.

A lock of flock(2) belongs to the open file, not to the process: it is held until the last copy of the descriptor is
closed, by whatever end, `kill -9` included. So a holder that hands its descriptor to a child proves, by the lock
being free, that both are gone. This module never looks at process ids, which are used again, and never trusts what a
file says. Not for network file systems.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from elevon import errors

_PROBE_GRACE_S: Final = 0.25
_POLL_S: Final = 0.01


class HeldLock:
    """A lock that this process holds, until `release` or its end.

    Args:
        path: The lock file.
        fileno: The open, locked descriptor; owned by this object from now on.
    """

    def __init__(self, path: Path, fileno: int) -> None:
        self.path = path
        self._fileno = fileno

    def fileno(self) -> int:
        """The descriptor, not inheritable by itself: `subprocess.Popen(pass_fds=[lock.fileno()])` shares the lock."""
        return self._fileno

    def release(self) -> None:
        """Give this process's share back; the lock is free when every process that inherited it has ended.

        The file stays: removing it under a child that still holds it would show the lock as free.
        """
        if self._fileno >= 0:
            # Closing, not LOCK_UN, which would unlock the copies of the descriptor too.
            os.close(self._fileno)
            self._fileno = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold(path: Path) -> HeldLock:
    """Create the file, if need be, and lock it.

    Raises:
        ConflictError: Another one holds it.
        UnavailableError: The file can't be made.
    """
    deadline = time.monotonic() + _PROBE_GRACE_S
    while True:
        try:
            fileno = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.UnavailableError(
                f"the lock file {path} can't be made ({error.strerror}): make its directory writable"
            ) from error
        if _try_lock(fileno, fcntl.LOCK_EX) and _is_still_at(path, fileno):
            return HeldLock(path, fileno)
        os.close(fileno)
        # A probe of `is_held` takes the lock for microseconds: only what lasts longer is a holder.
        if time.monotonic() > deadline:
            raise errors.ConflictError(f"the lock {path} is held by another process: wait for its end")
        time.sleep(_POLL_S)


def is_held(path: Path) -> bool:
    """Whether anybody holds it, this process included; False is a proof, so what can't be opened counts as held."""
    try:
        fileno = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        # Shared, so that two who ask at the same time don't take each other for the holder.
        return not _try_lock(fileno, fcntl.LOCK_SH)
    finally:
        os.close(fileno)


def wait_free(path: Path, timeout_s: float) -> bool:
    """Block until nobody holds it, at most that long.

    Returns:
        Whether it is free.
    """
    deadline = time.monotonic() + timeout_s
    while is_held(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def remove_stale(directory: Path) -> list[Path]:
    """Remove the lock files (`*.lock`) in a directory that nobody holds.

    A name must not be used again after its holder has ended: engines have names of their own.

    Returns:
        What was removed.
    """
    removed: list[Path] = []
    for path in sorted(directory.glob("*.lock")):
        if not is_held(path):
            with contextlib.suppress(
                OSError
            ):  # a stale lock harms nobody; who needs the directory says what is wrong
                path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _try_lock(fileno: int, kind: int) -> bool:
    try:
        fcntl.flock(fileno, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still_at(path: Path, fileno: int) -> bool:
    # Between opening and locking, somebody may have removed the file as stale: that lock would protect nothing.
    try:
        return os.path.samestat(path.stat(), os.fstat(fileno))
    except FileNotFoundError:
        return False
