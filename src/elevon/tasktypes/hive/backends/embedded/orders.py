"""What the engine's side and the process of a query tell each other, in files of a folder of the query's own.

It owns their names and layout. A file is there as a whole or not at all.
"""

from pathlib import Path
from typing import Final

import msgspec

from elevon.primitives import files

_ORDER: Final = "query.json"
_OUTCOME: Final = "outcome.json"
LOG: Final = "query.log"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do.

    Attributes:
        token: Under which the query was submitted.
        name: Whose it is, for people.
        text: In Hive's language.
        warehouse: Folder of the tables.
        history: The file that remembers what was begun, one line each; a long one is set aside, in place of the last.
        threads: At most so many; 0 for as many as there are.
        memory: At most so much; empty for DuckDB's own limit.
    """

    token: str
    name: str
    text: str
    warehouse: str
    history: str
    threads: int = 0
    memory: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        phase: `succeeded`, `failed` or `cancelled`.
        message: Why it failed.
        is_mendable: Whether another try may do better.
    """

    phase: str
    message: str = ""
    is_mendable: bool = False


def write_order(folder: Path, order: Order) -> None:
    """Say what is to be done."""
    files.write(folder / _ORDER, msgspec.json.encode(order))


def read_order(folder: Path) -> Order:
    """What is to be done."""
    return msgspec.json.decode((folder / _ORDER).read_bytes(), type=Order)


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Say what came of it."""
    files.write(folder / _OUTCOME, msgspec.json.encode(outcome))


def read_outcome(folder: Path) -> Outcome | None:
    """What came of it; None if nothing has yet."""
    try:
        content = (folder / _OUTCOME).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=Outcome)
