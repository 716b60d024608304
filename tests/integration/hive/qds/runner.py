"""The process of one command: runs its text over the server's own warehouse, and leaves results and a log."""

import sys
from pathlib import Path

import duckdb

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import readings, statements
from elevon.tasktypes.hive.backends.embedded.runs import Run
from elevon.tasktypes.hive.backends.embedded.warehouses import Warehouse


def main(root: Path, folder: Path) -> int:
    lines: list[str] = []
    warehouse = Warehouse(root, folder.name)
    results: list[str] = []
    with (folder / "log").open("w", buffering=1) as log, duckdb.connect(":memory:") as connection:
        print("Hive session of a test", file=log)
        run = Run(connection, warehouse, lines.append)
        try:
            with warehouse.reading():
                for statement in readings.parse((folder / "query.hql").read_text()):
                    lines.clear()
                    run.carry_out(statement)
                    if isinstance(statement, statements.Select):
                        results = lines[1:]  # without the names
        except errors.UserError as error:
            word = "ParseException" if "does not parse" in str(error) else "SemanticException"
            print(f"FAILED: {word} {error}", file=log)
            return 1
        except duckdb.Error as error:
            said = str(error).strip().splitlines()[0]
            print(f"FAILED: Execution Error, return code 2: {said}", file=log)
            return 2
        finally:
            warehouse.release()
        print("OK", file=log)
    (folder / "results").write_bytes("".join(f"{line}\r\n" for line in results).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
