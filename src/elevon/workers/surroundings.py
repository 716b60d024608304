"""What an attempt finds around it in a warm worker, and what the next one must not find.

It owns the environment, the working directory and the standard streams of the worker process. It must never fail an
attempt for what an earlier one left behind: everything is set afresh.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

from elevon.workers import captures

SCRATCH = "work"


class Surroundings:
    """Sets the stage for one attempt after the other."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._home = Path.cwd()
        self._idle_streams = (
            os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC),
            *(_duplicate(fd) for fd in (1, 2)),
        )

    @contextlib.contextmanager
    def entered(
        self, data_dir: Path, environment: dict[str, str], output_limit_bytes: int
    ) -> Generator[Path]:
        """A clean environment, captured output and a fresh scratch directory, which is the working directory.

        Yields:
            The scratch directory; it is removed at the end.
        """
        scratch = data_dir / SCRATCH
        make_empty(scratch)
        outputs = captures.create(data_dir)
        self._redirect(self._idle_streams[0], *outputs)
        for descriptor in outputs:
            os.close(descriptor)
        os.environ.update(environment)
        os.chdir(scratch)
        try:
            yield scratch
        finally:
            os.chdir(self._home)
            self._restore_environment()
            self._redirect(*self._idle_streams)
            captures.cut(data_dir, output_limit_bytes)
            shutil.rmtree(scratch, ignore_errors=True)

    def _restore_environment(self) -> None:
        if os.environ.copy() != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)

    def _redirect(self, *targets: int) -> None:
        broken = [name for name in ("stdout", "stderr") if not _is_flushed(name)]
        for descriptor, target in enumerate(targets):
            os.dup2(target, descriptor)
        for name in broken:
            descriptor = ("stdin", "stdout", "stderr").index(name)
            setattr(sys, f"__{name}__", os.fdopen(descriptor, "w", closefd=False, errors="backslashreplace"))
        for name in ("stdout", "stderr"):
            stream = getattr(sys, f"__{name}__")
            stream.reconfigure(line_buffering=True)
            setattr(sys, name, stream)


def make_empty(folder: Path) -> None:
    """Make a directory, or empty it if an interrupted run of the same attempt left one."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        shutil.rmtree(folder)
        folder.mkdir()


def _duplicate(descriptor: int) -> int:
    return os.dup(descriptor)  # not inheritable


def _is_flushed(name: str) -> bool:
    """Write out what user code has printed; False if it closed the stream, or if a full disk refused.

    A file object keeps what was refused and would fail every later attempt with it.
    """
    try:
        getattr(sys, name).flush()
        getattr(sys, f"__{name}__").flush()
    except (OSError, ValueError, AttributeError):
        return False
    return True
