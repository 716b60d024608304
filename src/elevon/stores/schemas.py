"""The schema of the state database: numbered SQL files, each applied once, in order, in a transaction of its own.

`PRAGMA user_version` holds the number of the last file that was applied. It must never touch a database that a newer
elevon, or something else, has written. What a script must know of a record it asks functions for, because SQL can't
read one.
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.stores import connections, rows

APPLICATION_ID: Final = 0x656C766E  # "elvn"


class _Placed(msgspec.Struct, frozen=True):
    """What a node's record of any version says of its place in lists."""

    started_at: datetime
    parent: str = ""


def migrate(connection: connections.Connection, path: Path) -> None:
    """Bring the schema up to date; safe while other processes do the same.

    Raises:
        CorruptStateError: A newer elevon wrote it, or it is no database of elevon.
    """
    if _number(connection, path) == len(migrations()):
        return
    connection.define("parent_of", lambda record: _placed(record).parent)
    connection.define("started_us_of", lambda record: rows.microseconds(_placed(record).started_at))
    for number, script in enumerate(migrations(), start=1):
        with connection.transaction("BEGIN IMMEDIATE"):
            if _number(connection, path) < number:
                connection.execute(script.read_text(encoding="utf-8"))
                connection.execute(
                    f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID}"
                )


@cache
def migrations() -> tuple[Path, ...]:
    """The scripts, in order; the first one is number 1."""
    # Not importlib.resources, whose import alone takes as long as opening the database.
    return tuple(sorted(Path(__file__).with_name("migrations").glob("*.sql")))


def _placed(record: bytes) -> _Placed:
    """A damaged record has a place too: it is whoever reads it that says so."""
    try:
        return msgspec.msgpack.decode(record, type=_Placed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Placed(rows.instant(0))


def _number(connection: connections.Connection, path: Path) -> int:
    number: int = connection.value("PRAGMA user_version")
    is_empty = not connection.value("SELECT count(*) FROM sqlite_schema")
    if not is_empty and connection.value("PRAGMA application_id") != APPLICATION_ID:
        raise errors.CorruptStateError(f"{path} is a database of another program: use another home")
    if number > len(migrations()):
        raise errors.CorruptStateError(
            f"{path} was written by a newer elevon (schema {number}, this one knows up to {len(migrations())}): "
            "upgrade elevon"
        )
    return number
