"""Folders of the processes of one engine or one pod, and how they go when nobody is left who needs them.

They are below two roots: one in the home, and one where this machine has its temporary files, for what programs put
into `TMPDIR`. The second is not in the home, because whoever sets the engine's own `TMPDIR` is to be obeyed, and
because the path of a socket has 107 bytes at most. A link in the first names the second, so that whoever finds the
first can remove both, however all those ended whose work it was. This module must never remove a root of somebody who
lives.
"""

import asyncio
import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from elevon import errors
from elevon.primitives import ids

TMPDIR: Final = "TMPDIR"
_LINK: Final = "temporary"
_PREFIX: Final = "elevon-"
_NAME_LENGTH: Final = 15


class ProcessFolders:
    """Makes them; whoever owns the processes removes the roots at the end.

    Args:
        root: Of those in the home; made by `open`, and nobody else's.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0
        self._guard_fd = -1

    @functools.cached_property
    def roots(self) -> tuple[Path, Path]:
        """What is to be removed at the end, in this order: the root of temporary files, and that in the home.

        Raises:
            UnavailableError: This machine has no place for temporary files.
        """
        try:
            place = Path(tempfile.gettempdir())
        except FileNotFoundError as error:
            raise errors.UnavailableError(
                f"no temporary file can be made: {error.strerror}; name a directory that can be written by {TMPDIR}"
            ) from error
        return place / ids.new(_PREFIX, _NAME_LENGTH), self._root

    def open(self) -> None:
        """Make the roots, if that was not done; what a former owner of the name left is removed.

        Raises:
            UnavailableError: They can't be made.
        """
        if self._guard_fd >= 0:
            return
        temporary, root = self.roots
        try:
            remove(root)
            root.mkdir(parents=True)
            (root / _LINK).symlink_to(temporary)
            temporary.mkdir(mode=0o700)
            self._guard_fd = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise errors.UnavailableError(f"no directory can be made: {error}") from error
        # What tidies up temporary files that are old, systemd-tmpfiles, leaves a locked directory alone; there are file
        # systems that know no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(self._guard_fd, fcntl.LOCK_SH)

    def close(self) -> None:
        """Guard the roots no longer; idempotent."""
        if self._guard_fd >= 0:
            os.close(self._guard_fd)
            self._guard_fd = -1

    def make(self) -> Path:
        """A new folder in the home.

        Raises:
            UnavailableError: It can't be made.
        """
        return self._make(self._root)

    def make_temporary(self) -> Path:
        """A new folder for temporary files, on a path that leaves room for the name of a socket.

        Raises:
            UnavailableError: It can't be made.
        """
        return self._make(self.roots[0])

    def _make(self, root: Path) -> Path:
        self._count += 1
        folder = root / str(self._count)
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise errors.UnavailableError(f"no directory can be made: {error}") from error
        return folder


def remove(root: Path) -> None:
    """Remove both roots by the one in the home; what is not there is fine."""
    with contextlib.suppress(OSError):
        temporary = (root / _LINK).readlink()
        if temporary.name.startswith(_PREFIX):
            shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)


def remove_stale(parent: Path, is_alive: Callable[[str], bool]) -> None:
    """Remove the roots of those who ended without anybody doing that for them.

    Args:
        parent: Where the roots are that bear their owners' names.
        is_alive: Whether that owner lives.
    """
    with contextlib.suppress(OSError):
        for root in parent.iterdir():
            if not is_alive(root.name):
                remove(root)


def remove_soon(*folders: Path) -> None:
    """Remove folders in a thread, however much is in them."""
    for folder in folders:
        asyncio.get_running_loop().run_in_executor(
            None, functools.partial(shutil.rmtree, folder, ignore_errors=True)
        )
