"""The captured output of an attempt: two files in its directory, written by the processes themselves.

A process writes straight into the file, so that no amount of output blocks it or passes through the engine; the files
are cut back to their limit from outside. This module owns their names, the cutting and the line that tells of it.
"""

import contextlib
import os
from pathlib import Path

STDOUT = "stdout.log"
STDERR = "stderr.log"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
_TAIL_BYTES = 2000
_TAIL_LINE_COUNT = 5


def create(data_dir: Path) -> tuple[int, int]:
    """Make both files, empty, and return their descriptors, stdout's first. Appending, so that cutting works."""
    stdout = os.open(data_dir / STDOUT, _FLAGS, 0o644)
    try:
        return stdout, os.open(data_dir / STDERR, _FLAGS, 0o644)
    except OSError:
        os.close(stdout)
        raise


def cut(data_dir: Path, limit_bytes: int) -> None:
    """Cut both files back to the limit, and say so in their last line; for as often as one likes."""
    note = f"\n[elevon: the output was longer than {limit_bytes} bytes and is cut here]\n".encode()
    for name in (STDOUT, STDERR):
        path = data_dir / name
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > limit_bytes + len(note):
                os.truncate(path, limit_bytes)
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                try:
                    os.write(descriptor, note)
                finally:
                    os.close(descriptor)


def tail(path: Path) -> str:
    """The last lines of a captured stream; empty if there are none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-_TAIL_LINE_COUNT:])
