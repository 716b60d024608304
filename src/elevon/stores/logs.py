"""Room in the write-ahead log, made before a commit needs it.

A commit that makes the log longer has the file system note the new size within its sync, which takes as long again as
the sync. So what a few dozen small commits need is written as zeros, once, between two of them. It must never write
into what SQLite has written, only behind it, and never fail: without the room commits are slower, and that is all.
"""

import os
from pathlib import Path
from typing import Final

import apsw

from elevon.stores import connections

STEP_BYTES: Final = 256 * 1024
# With less room than this there is to be more; groups larger than this are too few in a step to be worth one.
_RESERVE_BYTES: Final = STEP_BYTES // 4


class Log:
    """The log of one database.

    Args:
        database: The database; the log is beside it.
        writer: The connection that writes it, in the thread that calls `make_room`.
        limit_bytes: The size from which on the log is to begin anew instead of becoming longer.
    """

    def __init__(self, database: Path, writer: connections.Connection, limit_bytes: int) -> None:
        self._path = database.with_name(f"{database.name}-wal")
        self._writer = writer
        self._limit_bytes = limit_bytes
        self._used_bytes = 0

    def make_room(self, used_bytes: int) -> None:
        """Make the log longer if the next commits would.

        Args:
            used_bytes: From the start of the log to the end of the newest commit.
        """
        group_bytes, self._used_bytes = used_bytes - self._used_bytes, used_bytes
        if not 0 <= group_bytes <= _RESERVE_BYTES:  # the log began anew, or a step holds few such groups
            return
        try:
            if self._path.stat().st_size - used_bytes < _RESERVE_BYTES and used_bytes < self._limit_bytes:
                self._lengthen()
        except (OSError, apsw.Error):
            # A full disk, or another process that writes for long: the commits say so, if it concerns them.
            return

    def _lengthen(self) -> None:
        # The log is appended to, and cut, under the lock of writers alone. Recovery takes zeros for no frame.
        with self._writer.transaction("BEGIN IMMEDIATE"):
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(file, bytes(STEP_BYTES))
            finally:
                os.close(file)
