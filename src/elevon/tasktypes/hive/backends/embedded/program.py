"""The process of one query: `python -P -m elevon.tasktypes.hive.backends.embedded.program FOLDER`.

It owns the connection to DuckDB, and says in the folder what came of the query. It may be killed at any instruction;
what counts is in the warehouse by then, or nothing is.
"""

import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import orders, readings
from elevon.tasktypes.hive.backends.embedded.orders import Order, Outcome
from elevon.tasktypes.hive.backends.embedded.runs import Run
from elevon.tasktypes.hive.backends.embedded.warehouses import Warehouse

_HISTORY_LIMIT_BYTES: Final = 16 << 20  # some 100,000 queries
_HOPELESS: Final = (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException)
"""What another try fails of as well."""


def main(folder: Path) -> None:
    """Carry the order of a folder out."""
    order = orders.read_order(folder)
    _remember(order)
    try:
        _carry_out(order, folder)
    except errors.UserError as error:
        outcome = Outcome(phase="failed", message=str(error).removeprefix("query: "))
    except duckdb.Error as error:
        message = str(error).strip().partition("\n\nLINE")[0]
        outcome = Outcome(phase="failed", message=message, is_mendable=not isinstance(error, _HOPELESS))
    except OSError as error:
        outcome = Outcome(
            phase="failed", message=f"the warehouse can't be written: {error}", is_mendable=True
        )
    else:
        outcome = Outcome(phase="succeeded")
    orders.write_outcome(folder, outcome)


def _carry_out(order: Order, folder: Path) -> None:
    warehouse = Warehouse(Path(order.warehouse), order.token)
    scratch = folder / "scratch"
    options: dict[str, bool | int | float | str | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(scratch),
    }
    options |= {"threads": order.threads} if order.threads else {}
    options |= {"memory_limit": order.memory} if order.memory else {}
    with (folder / orders.LOG).open("w", encoding="utf-8", buffering=1) as log, warehouse.reading():
        with duckdb.connect(":memory:", config=options) as connection:
            run = Run(connection, warehouse, lambda line: print(line, file=log))
            parsed = readings.parse(order.text)
            for number, statement in enumerate(parsed, 1):
                began = time.monotonic()
                run.carry_out(statement)
                took_s = time.monotonic() - began
                print(f"statement {number} of {len(parsed)}: {took_s:.2f} s", file=log)
        warehouse.release()


def _remember(order: Order) -> None:
    """One line in the history, durably, before anything else."""
    line = msgspec.json.encode(
        {"token": order.token, "name": order.name, "began_at": time.time(), "pid": os.getpid()}
    )
    descriptor = os.open(order.history, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, line + b"\n")
        os.fsync(descriptor)
        if os.fstat(descriptor).st_size > _HISTORY_LIMIT_BYTES:
            _set_aside(Path(order.history), descriptor)
    finally:
        os.close(descriptor)


def _set_aside(history: Path, descriptor: int) -> None:
    """Have the next one begin a new history, beside this one; of several processes one does it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with contextlib.suppress(FileNotFoundError):
        if history.stat().st_ino == os.fstat(descriptor).st_ino:
            history.replace(history.with_suffix(".old.jsonl"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
