"""The service's memory: what was done to it, in an append-only file that outlives its process.

A line is one write, so that a service which is killed at any instruction leaves whole lines. Whoever judges a client
reads the same file.
"""

import enum
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from http_job.jobs import JobRequest


class What(enum.StrEnum):
    """What was done."""

    CREATED = "created"
    REPEATED = "repeated"  # a create with a key that was known: no second job
    DELETED = "deleted"
    FINISHED = "finished"  # by command, before it had ended by itself
    REFUSED = "refused"  # the key of no job: none will be made under it


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line.

    Attributes:
        what: What was done.
        at: When, in seconds since 1970.
        key: The idempotency key.
        job_id: The job, where there is one.
        request: What was asked for, where it was created.
    """

    what: What
    at: float
    key: str
    job_id: str = ""
    request: JobRequest | None = None


class Ledger:
    """The file, open for more.

    Args:
        path: Where it is; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._encoder = msgspec.json.Encoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def append(self, entry: Entry) -> None:
        """Add a line; it is there when this returns."""
        os.write(self._descriptor, self._encoder.encode(entry) + b"\n")


def read(path: Path) -> list[Entry]:
    """All lines, in order; none where there is no file."""
    if not path.exists():
        return []
    return msgspec.json.Decoder(Entry).decode_lines(path.read_bytes())
