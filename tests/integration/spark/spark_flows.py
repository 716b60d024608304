"""Spark tasks as a user writes them; the tests run a copy of this file."""

import csv
import sys
import time
from pathlib import Path
from typing import NamedTuple

from elevon import Directory, File, Resources, current_context
from elevon.tasktypes.spark.task import GenericSparkTask, spark_task

SMALL = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # it is to start fast
    "spark.driver.memory": "512m",
    "spark.executor.memory": "512m",
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
}
PROGRAMS = Path(__file__).parent


class Counted(NamedTuple):
    """What comes of a count."""

    busiest: str
    counts: Directory


def shouted(country: str) -> str:
    """Runs in Spark's Python workers, which have to find this module."""
    return f"{country}!"


@spark_task(spark_conf=SMALL)
def count_airports(airports: File, least: int) -> Counted:
    """How many airports countries have, as parquet, and the one that has most."""
    spark = current_context().spark_session
    frame = spark.read.csv(str(airports.path), header=True).groupBy("country").count()
    folder = f"{current_context().raw_output_prefix}/counts"
    frame.where(f"count >= {least}").write.parquet(folder)
    first = spark.read.parquet(folder).orderBy("count", ascending=False).collect()[0]
    busiest = spark.sparkContext.parallelize([first["country"]], 1).map(shouted).collect()[0]
    return Counted(busiest, Directory(folder))


@spark_task(spark_conf=SMALL)
def find_airport(airports: File, code: str) -> str:
    """Fails for a code that is none."""
    with Path(airports.path).open(encoding="utf-8") as file:
        found = {row["icao"]: row["name"] for row in csv.DictReader(file)}
    return found[code]


@spark_task(spark_conf=SMALL)
def exhaust_heap() -> int:
    """Asks the driver's JVM for more than it has."""
    return len(current_context().spark_session.sql("SELECT repeat('x', 1500000000)").collect())


@spark_task(
    spark_conf={**SMALL, "spark.driver.memoryOverhead": "64m", "spark.executor.memoryOverhead": "0"},
    limits=Resources(cpu=1),
)
def exhaust_pod() -> int:
    """Takes more memory in Python than the pods of driver and executor may."""
    held = [bytearray(64 << 20) for _ in range(64)]
    for block in held:
        block[:: 1 << 12] = b"x" * (len(block) >> 12)
    return len(held)


@spark_task(spark_conf={**SMALL, "spark.ui.enabled": "true"})
def wait_in_workers(mark: str) -> int:
    """Has Python workers wait for ever, once they have told of it."""
    spark = current_context().spark_session

    def wait(number: int) -> int:
        Path(mark).write_text("waiting\n")
        time.sleep(600)
        return number

    return spark.sparkContext.parallelize([1], 1).map(wait).sum()


count_words = GenericSparkTask(
    "count_words",
    f"local://{PROGRAMS}/word_count.py",
    arguments=["{{.inputs.text}}", "{{.rawOutputDataPrefix}}/words"],
    spark_conf=SMALL,
    inputs={"text": str},
)
fail_on_words = GenericSparkTask(
    "fail_on_words", f"local://{PROGRAMS}/word_count.py", arguments=["only one"], spark_conf=SMALL
)
no_class = GenericSparkTask(
    "no_class", f"local://{PROGRAMS}/empty.jar", main_class="org.example.Missing", spark_conf=SMALL
)
no_file = GenericSparkTask("no_file", f"local://{PROGRAMS}/missing.py", spark_conf=SMALL)

if __name__ == "__main__":
    print(count_airports(File(sys.argv[1]), 1000).busiest)
