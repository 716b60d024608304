"""What happened outside the engine, in files that no crash of the engine can take back.

Programs, executors and judges of the storm share it. A line is appended by one write, so that processes which are
killed at any instruction leave whole lines.
"""

import os
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One thing that happened.

    Attributes:
        what: The kind of thing.
        subject: What it happened to: `n1#0` for an attempt, a token or a generated name for a thing outside.
        pid: The process that did it.
    """

    what: str
    subject: str
    pid: int


def append(path: str | Path, what: str, subject: str) -> None:
    """Add a line; it is there when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{what} {subject} {os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Line]:
    """All lines, in order."""
    if not path.exists():
        return []
    found = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Line(what, subject, int(pid)) for what, subject, pid in found]
