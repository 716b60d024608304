"""The captured output of an attempt: two files in its directory, written by the processes themselves.

A process writes straight into a file, so that no amount of output blocks it or passes through the engine. A warm worker
writes into a spool of its own, which becomes the attempt's file once there is something in it: a silent task, the most
frequent kind, costs no file at all. What an attempt writes that was given secrets is seen once it has ended, and
masked. This module owns the names, the limit, and the line that tells of a cut.
"""

import contextlib
import errno
import os
import re
from pathlib import Path

from elevon.primitives.redaction import Redactor

STDOUT = "stdout.log"
STDERR = "stderr.log"
NAMES = (STDOUT, STDERR)
# Appending, so that the next write after a cut goes to the new end.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
# What file systems answer that know no hard links.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_TAIL_BYTES = 2000
_NOISY_TAIL_BYTES = 65536
_TAIL_LINE_COUNT = 5


def create(folder: Path) -> tuple[int, int]:
    """Make both files, empty, and return their descriptors, stdout's first."""
    stdout = create_one(folder, STDOUT)
    try:
        return stdout, create_one(folder, STDERR)
    except OSError:
        os.close(stdout)
        raise


def create_one(folder: Path, name: str) -> int:
    """Make one of the files, empty, and return its descriptor."""
    return os.open(folder / name, _FLAGS, 0o644)


def clear(data_dir: Path) -> None:
    """Remove what an interrupted run of the same attempt left."""
    if data_dir.is_dir():
        for name in NAMES:
            (data_dir / name).unlink(missing_ok=True)


def show(spool: Path, data_dir: Path) -> None:
    """Let the attempt's directory show what its worker has written so far; without hard links it shows at the end."""
    for name in NAMES:
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            if (spool / name).stat().st_size:
                data_dir.mkdir(parents=True, exist_ok=True)
                _link(spool / name, data_dir / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise


def deliver(spool: Path, name: str, data_dir: Path) -> None:
    """Make a spooled file the attempt's own."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (spool / name).replace(data_dir / name)
    # Renaming a file to another name of itself does nothing at all.
    (spool / name).unlink(missing_ok=True)


def deliver_remains(spool: Path, data_dir: Path) -> None:
    """Make the attempt's own what a lost worker had written."""
    for name in NAMES:
        with contextlib.suppress(FileNotFoundError):
            if (spool / name).stat().st_size:
                deliver(spool, name, data_dir)


def cut(data_dir: Path, limit_bytes: int) -> None:
    """Cut both files back to the limit, and say so in their last line; for as often as one likes."""
    note = f"\n[elevon: the output was longer than {limit_bytes} bytes and is cut here]\n".encode()
    for name in NAMES:
        path = data_dir / name
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > limit_bytes + len(note):
                os.truncate(path, limit_bytes)
                with path.open("ab") as file:
                    file.write(note)


def mask(folder: Path, redactor: Redactor) -> None:
    """Mask secrets in both files, before anybody sees them."""
    if redactor.is_armed:
        for name in NAMES:
            path = folder / name
            with contextlib.suppress(FileNotFoundError):
                content = path.read_bytes()
                if redactor.is_in(content):
                    path.write_bytes(redactor.content(content))


def show_masked(folder: Path, shown: Path, redactor: Redactor) -> None:
    """Write what is in both files, masked, into new ones: who has the old ones open still writes to nothing seen."""
    for name in NAMES:
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            content = path.read_bytes()
            if content:
                (shown / name).write_bytes(redactor.content(content))
            path.unlink()


def tail(path: Path, noise: str = "") -> str:
    """The last lines of a captured stream; empty if there are none, or none that can be read.

    Args:
        path: Of the file.
        noise: What lines begin with that are left out, as a pattern; empty for none.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _NOISY_TAIL_BYTES))
            return last_lines(file.read(), noise)
    except OSError:
        return ""


def last_lines(content: bytes, noise: str = "") -> str:
    """The same of content that was read already."""
    look_bytes = _NOISY_TAIL_BYTES if noise else _TAIL_BYTES
    lines = content[-look_bytes:].decode(errors="replace").strip().splitlines()
    if noise:
        lines = [line for line in lines if not re.match(noise, line)]
    return "\n".join(lines[-_TAIL_LINE_COUNT:])[-_TAIL_BYTES:]
