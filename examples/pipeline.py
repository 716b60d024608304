"""Hive, Spark, Python and a pod in one pipeline: where is the sky most crowded?

A query compares all airports of the world with each other, which takes a while; Spark ranks the countries by what it
found; a Python task picks the first ones; and a function in a pod has them sorted by a container beside it.
`make demo` kills the engine in the middle of the query. `elevon run examples/pipeline.py crowded_skies` needs DuckDB,
pyspark and a Java runtime; `crowded_skies_without_spark` does what Spark does by DuckDB.
"""

import importlib.resources
import os
import time
from pathlib import Path

import duckdb

from elevon import Directory, current_context, task, workflow
from elevon.tasktypes.hive.task import HiveQuery, hive_task, select
from elevon.tasktypes.sidecar.task import sidecar_task
from elevon.tasktypes.spark.task import spark_task

COLUMNS = "icao STRING, name STRING, country STRING, lat DOUBLE, lon DOUBLE"
# The haversine formula, with the radius of the Earth.
DISTANCE_KM = (
    "2 * 6371 * asin(sqrt(power(sin(radians(b.lat - a.lat) / 2), 2) "
    "+ cos(radians(a.lat)) * cos(radians(b.lat)) * power(sin(radians(b.lon - a.lon) / 2), 2)))"
)
# Sorts whatever is put on the desk, and then goes on for ever, as a server would.
SORT = """
while true; do
    if [ -e /desk/in ]; then
        sort -k 1,1nr /desk/in >/desk/sorted
        mv /desk/in /desk/taken
        mv /desk/sorted /desk/out
    fi
    sleep 0.1
done
"""
DESK = [{"name": "desk", "mountPath": "/desk"}]
POD = {
    "volumes": [{"name": "desk", "emptyDir": {}}],
    "containers": [
        {"name": "primary", "env": [{"name": "DESK", "value": "/desk"}], "volumeMounts": DESK},
        {"name": "sorter", "image": "busybox:1.37", "command": ["sh", "-c", SORT], "volumeMounts": DESK},
    ],
}


@task
def export_airports() -> Directory:
    """The airports with an IATA code, as parquet."""
    folder = Path(current_context().scratch_dir) / "airports"
    folder.mkdir()
    source = importlib.resources.files("airportsdata") / "airports.csv"
    duckdb.execute(
        f"COPY (SELECT icao, name, country, lat, lon FROM read_csv('{source}') WHERE iata IS NOT NULL ORDER BY icao) "
        f"TO '{folder}/airports.parquet'"
    )
    return Directory(folder)


@hive_task(tags=["airports", "pipeline"])
def count_neighbours(airports: Directory, within_km: int) -> Directory:
    """A row for each airport with others within so many kilometres."""
    table = f"airports_{current_context().execution_id.name.replace('-', '_')}"
    made = HiveQuery(
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {table} ({COLUMNS}) STORED AS PARQUET LOCATION '{airports.uri}'"
    )
    return select(
        f"SELECT a.icao, a.name, a.country, count(*) AS neighbours FROM {table} a "
        f"JOIN {table} b ON a.icao <> b.icao AND {DISTANCE_KM} <= {within_km} GROUP BY a.icao, a.name, a.country",
        after=[made],
    )


@spark_task(spark_conf={"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2"})
def rank(neighbours: Directory) -> Directory:
    """The airport with the most neighbours in each country."""
    folder = Path(current_context().scratch_dir) / "ranked"
    session = current_context().spark_session
    session.read.parquet(str(neighbours.path)).createOrReplaceTempView("neighbours")
    session.sql(
        "SELECT country, max_by(name, struct(neighbours, icao)) AS name, max(neighbours) AS neighbours, "
        "count(*) AS airports FROM neighbours GROUP BY country"
    ).coalesce(1).write.parquet(str(folder))
    return Directory(folder)


@task
def rank_without_spark(neighbours: Directory) -> Directory:
    """The same, where there is no Spark."""
    folder = Path(current_context().scratch_dir) / "ranked"
    folder.mkdir()
    duckdb.execute(
        "COPY (SELECT country, arg_max(name, (neighbours, icao)) AS name, max(neighbours) AS neighbours, "
        f"count(*) AS airports FROM read_parquet('{neighbours.path}/*') GROUP BY country) "
        f"TO '{folder}/ranked.parquet'"
    )
    return Directory(folder)


@task
def pick(ranked: Directory, count: int) -> list[str]:
    """The countries with the most crowded airports, a line each."""
    rows = duckdb.execute(f"SELECT * FROM read_parquet('{ranked.path}/*.parquet')").fetchall()
    found = sorted(rows, key=lambda row: (-row[2], row[0]))[:count]
    return [f"{neighbours:>3}  {country}  {name}" for country, name, neighbours, _ in sorted(found)]


@sidecar_task(pod_spec=POD)
def sort_lines(lines: list[str]) -> str:
    """Have the container beside this one sort them."""
    desk = Path(os.environ["DESK"])
    (desk / "draft").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (desk / "draft").rename(desk / "in")
    while not (desk / "out").exists():
        time.sleep(0.05)
    return (desk / "out").read_text(encoding="utf-8")


@workflow
def crowded_skies(within_km: int = 100, count: int = 8) -> str:
    """The airports with the most others nearby, of so many countries."""
    neighbours = count_neighbours(airports=export_airports(), within_km=within_km)
    return sort_lines(lines=pick(ranked=rank(neighbours=neighbours), count=count))


@workflow
def crowded_skies_without_spark(within_km: int = 100, count: int = 8) -> str:
    """The same, where there is no Spark."""
    neighbours = count_neighbours(airports=export_airports(), within_km=within_km)
    return sort_lines(lines=pick(ranked=rank_without_spark(neighbours=neighbours), count=count))
