"""Moves what is in the write-ahead log into the database, beside the commits.

A checkpoint in the thread that commits would let every thousandth page wait for two more syncs. It must never delay a
commit, but where readers or steady writing keep the log from ever being reset, it must cap its growth all the same.
How long the file of the log is, apart from that, is the matter of `logs`.
"""

import threading
from pathlib import Path
from typing import Final

import apsw

from elevon.stores import connections, logs

THRESHOLD_BYTES: Final = 4 * 1024 * 1024
LIMIT_BYTES: Final = 16 * THRESHOLD_BYTES
_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24


class Checkpointer:
    """One thread with a connection of its own.

    Args:
        path: The database.
        writer: The connection that writes it; touched in its own thread only, by `after_group`.
    """

    def __init__(self, path: Path, writer: connections.Connection) -> None:
        self._writer = writer
        self._log = logs.Log(path, writer, LIMIT_BYTES)
        self._frame_bytes: int = _FRAME_HEADER_BYTES + writer.value("PRAGMA page_size")
        self._used_bytes = 0
        self._is_closing = False
        self._is_due = threading.Event()
        self._turn = threading.Lock()
        self._connection = connections.open_writer(path)
        writer.handle.set_wal_hook(self._on_commit)
        self._thread = threading.Thread(target=self._run, name="elevon-store-checkpoints", daemon=True)
        self._thread.start()

    def after_group(self) -> None:
        """Have the log moved if much is in it; called by the writer's thread between two transactions."""
        if self._used_bytes >= LIMIT_BYTES:
            # Most of it is moved already, so this is short; it lets the next commit begin the log anew. It waits for
            # the other thread, as SQLite would refuse a second checkpoint and the log would grow on.
            with self._turn:
                _checkpoint(self._writer)
            self._used_bytes = 0
        elif self._used_bytes >= THRESHOLD_BYTES:
            self._is_due.set()
        self._log.make_room(self._used_bytes)

    def close(self) -> None:
        """End; call it when the writer is closed."""
        self._is_closing = True
        self._is_due.set()
        self._thread.join()
        # The last of all processes to close moves everything and removes the log, as SQLite does by itself. Where
        # others go on, emptying it would wait for their readers, and take from them the log that they have grown.
        self._connection.close()

    def _on_commit(self, _connection: object, _database: str, page_count: int) -> int:
        self._used_bytes = _HEADER_BYTES + page_count * self._frame_bytes
        return apsw.SQLITE_OK

    def _run(self) -> None:
        while True:
            self._is_due.wait()
            if self._is_closing:
                return
            self._is_due.clear()
            with self._turn:
                _checkpoint(self._connection)


def _checkpoint(connection: connections.Connection) -> None:
    try:
        connection.handle.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.Error:
        # The log keeps what could not be moved, so nothing is lost: a later checkpoint moves it. A full disk or a
        # fault of it is told by the commits themselves.
        return
