"""The workflow of the subjects of hive, whichever backend runs its queries: a table, a pause, a data set, a reader.

What is left in the service's ledger must be one submission for each of its three queries, however often the engine was
killed; the run's own name stands in each text.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from elevon import Directory, task, workflow
from elevon.tasktypes.hive.task import HiveQuery, hive_task, select

QUERY_COUNT = 3
OUTPUTS = {"o0": ["one 1", "two 2"]}


@hive_task(tags=["storm"])
def make(run: str) -> Directory:
    table = f"storm_{run}"
    created = HiveQuery(
        f"CREATE TABLE {table} STORED AS PARQUET AS "
        "SELECT 'one' AS word, 1 AS number UNION ALL SELECT 'two' AS word, 2 AS number"
    )
    slept = HiveQuery(
        f"SELECT '{run}' AS run, reflect('java.lang.Thread', 'sleep', 1000L) AS slept", after=[created]
    )
    return select(f"SELECT word, number FROM {table}", after=[slept])


@task
def read(rows: Directory) -> list[str]:
    found = duckdb.execute(f"SELECT * FROM read_parquet('{rows.path}/*.parquet')").fetchall()
    return sorted(f"{word} {number}" for word, number in found)


@workflow
def stormy(run: str) -> list[str]:
    return read(rows=make(run=run))


def run_of(directory: Path) -> str:
    """The name that a run in this directory has in the texts of its queries."""
    return directory.name.replace("-", "_").lower()


def words(directory: Path) -> Sequence[str]:
    """How the workflow is run there."""
    return ("stormy", "--run", run_of(directory))
