"""Hive and Python in one pipeline: how high do the airports of two continents lie?

`elevon run examples/queries.py highlands`. A Python task hands the data set `airportsdata` over as parquet; the queries
make a partitioned table of it, one partition after the other, and a data set of its summary, which a Python task
reads. It needs DuckDB, and gives the same on every backend of hive: `[executors.hive] backend` in `elevon.toml`.
"""

import importlib.resources
from pathlib import Path

import duckdb

from elevon import Directory, current_context, task, workflow
from elevon.tasktypes.hive.task import HiveQuery, hive_task, select

REGIONS = ("Africa", "Europe")


@task
def read_airports() -> Directory:
    """The airports with an IATA code, as parquet."""
    folder = Path(current_context().scratch_dir) / "airports"
    folder.mkdir()
    source = importlib.resources.files("airportsdata") / "airports.csv"
    duckdb.execute(
        "COPY (SELECT icao, name, country, split_part(tz, '/', 1) AS region, CAST(elevation AS DOUBLE) AS feet "
        f"FROM read_csv('{source}') WHERE iata IS NOT NULL ORDER BY icao) "
        f"TO '{folder}/airports.parquet' (FORMAT parquet)"
    )
    return Directory(folder)


@hive_task(cluster_label="default", tags=["airports", "example"])
def summarize(airports: Directory, least: int) -> Directory:
    """A row for each country with at least so many airports, for every region."""
    run = current_context().execution_id.name.replace("-", "_")
    raw, table = f"raw_{run}", f"airports_{run}"
    columns = "icao STRING, name STRING, country STRING, region STRING, feet DOUBLE"
    made = [
        HiveQuery(
            f"CREATE EXTERNAL TABLE IF NOT EXISTS {raw} ({columns}) STORED AS PARQUET LOCATION '{airports.uri}'"
        ),
        HiveQuery(
            f"CREATE TABLE IF NOT EXISTS {table} (icao STRING, country STRING, feet DOUBLE) "
            "PARTITIONED BY (region STRING) STORED AS PARQUET"
        ),
    ]
    # One after the other: two that write to one table of Spark's get in each other's way.
    for region in REGIONS:
        made.append(
            HiveQuery(
                f"INSERT OVERWRITE TABLE {table} PARTITION (region = '{region}') "
                f"SELECT icao, country, feet FROM {raw} WHERE region = '{region}'",
                retries=1,
                after=tuple(made),
            )
        )
    return select(
        "SELECT region, country, count(*) AS airports, CAST(max(feet) AS INT) AS highest, "
        f"CAST(sum(feet) AS BIGINT) AS total FROM {table} GROUP BY region, country HAVING count(*) >= {least}",
        after=made,
    )


@task
def report(summary: Directory) -> list[str]:
    """The countries by the mean height of their airports, highest first."""
    rows = duckdb.execute(f"SELECT * FROM read_parquet('{summary.path}/*.parquet')").fetchall()
    ranked = sorted(
        (-total / count, country, region, count, high) for region, country, count, high, total in rows
    )
    return [
        f"{country} ({region}): {count} airports, {-mean:.0f} ft, up to {high} ft"
        for mean, country, region, count, high in ranked
    ]


@workflow
def highlands(least: int = 60) -> list[str]:
    """From the data set to the ranking."""
    return report(summary=summarize(airports=read_airports(), least=least))
