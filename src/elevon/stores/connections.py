"""SQLite connections, set up to be durable, and what SQLite's errors mean in elevon's words.

It owns the pragmas and the translation of `apsw` exceptions; it must never let one of those out.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import apsw

from elevon import errors

BUSY_TIMEOUT: Final = timedelta(seconds=10)
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
_MODE_TRIES: Final = 200
_MODE_PAUSE_S: Final = 0.01


class Connection:
    """One connection; what is bound and returned is what SQLite knows: int, float, str, bytes, None.

    Args:
        handle: Owned by this connection from now on.
    """

    def __init__(self, handle: apsw.Connection) -> None:
        # apsw's own annotations name a type that Python 3.12 brought, so they can't be checked with 3.11.
        self.handle: Any = handle

    def execute(self, statement: str, *parameters: object) -> None:
        """Carry out a statement for its effect, or a script without parameters."""
        # A script stops at a statement that returns a row, as some pragmas do, until somebody fetches it.
        self.handle.execute(statement, parameters or None).fetchall()

    def value(self, statement: str, *parameters: object) -> Any:
        """The only row: its value if it has one column, else a tuple; None if there is no row."""
        return self.handle.execute(statement, parameters or None).get

    def all(self, statement: str, *parameters: object) -> list[Any]:
        """All rows, as tuples."""
        return self.handle.execute(statement, parameters or None).fetchall()

    def define(self, name: str, function: Callable[[Any], object]) -> None:
        """Give statements of this connection a function of one value."""
        self.handle.create_scalar_function(name, function, 1, deterministic=True)

    @property
    def value_limit(self) -> int:
        """The largest text or blob that SQLite makes, in bytes."""
        return self.handle.limit(apsw.SQLITE_LIMIT_LENGTH)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open, so that what is written becomes durable with it."""
        return self.handle.in_transaction

    @contextmanager
    def transaction(self, begin: str) -> Generator[None]:
        """Commit what is done inside, or roll it back where it raises.

        Args:
            begin: `BEGIN` for a consistent look at several tables, `BEGIN IMMEDIATE` to write.
        """
        self.handle.execute(begin)
        try:
            yield
            self.handle.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Drop what the open transaction did, if there is one."""
        try:
            if self.handle.in_transaction:
                self.handle.execute("ROLLBACK")
        except apsw.Error:
            # SQLite has rolled back by itself, or the next BEGIN fails and says so to whoever waits then.
            return

    def close(self) -> None:
        """Release the file."""
        self.handle.close()


def open_writer(path: Path, busy_timeout: timedelta = BUSY_TIMEOUT) -> Connection:
    """A connection that commits durably; creates the file.

    Args:
        busy_timeout: How long to wait for another process that writes.

    Raises:
        apsw.Error: As SQLite raises it; see `translated`.
    """
    connection = Connection(apsw.Connection(str(path)))
    connection.handle.set_busy_timeout(busy_timeout // timedelta(milliseconds=1))
    _enter_wal_mode(connection)
    connection.execute(
        "PRAGMA synchronous = FULL;"
        "PRAGMA fullfsync = ON;"  # macOS: fsync alone leaves the data in the drive's cache
        "PRAGMA checkpoint_fullfsync = ON;"
        "PRAGMA wal_autocheckpoint = 0;"  # the checkpoint thread does it, off the path of commits
        f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES};"
        "PRAGMA temp_store = MEMORY;"
        "PRAGMA cache_size = -16384;"
    )
    return connection


def open_reader(path: Path) -> Connection:
    """A connection that can't change anything.

    Raises:
        apsw.Error: As SQLite raises it; see `translated`.
    """
    connection = Connection(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE))
    connection.handle.set_busy_timeout(BUSY_TIMEOUT // timedelta(milliseconds=1))
    connection.execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")
    return connection


def translated(error: Exception, path: Path) -> errors.ElevonError:
    """What an exception of SQLite means, as one sentence about the file; the exception is its cause."""
    meant = _meaning(error, path)
    if meant is not error:
        meant.__cause__ = error
    return meant


def _meaning(error: Exception, path: Path) -> errors.ElevonError:
    match error:
        case errors.ElevonError():
            return error
        case apsw.CorruptError() | apsw.NotADBError():
            return errors.CorruptStateError(
                f"the state database {path} is damaged or not a database ({error}): "
                "restore it from a copy, or use another home"
            )
        case apsw.FullError():
            return errors.UnavailableError(f"the disk that holds {path} is full: make room")
        case apsw.BusyError() | apsw.LockedError():
            return errors.UnavailableError(
                f"the state database {path} was locked by another process for too long: "
                "end that process, then try again"
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return errors.UnavailableError(
                f"the state database {path} can't be written ({error}): make the file and its directory writable, "
                "or use another home"
            )
        case apsw.IOError():
            return errors.UnavailableError(
                f"the disk that holds {path} has a fault ({error}): mend it, then resume"
            )
        case _:
            return errors.BugError(f"SQLite refused a statement on {path}: {type(error).__name__}: {error}")


def _enter_wal_mode(connection: Connection) -> None:
    # Changing the mode needs the file alone and does not wait for it: another process may be doing the same.
    for tries_left in reversed(range(_MODE_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except (apsw.BusyError, apsw.LockedError):
            if not tries_left:
                raise
            time.sleep(_MODE_PAUSE_S)
