"""`spark`: one `spark-submit`, whichever engine follows it to its end; every driver signs the ledger."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from elevon import workflow
from elevon.tasktypes.spark.task import spark_task
from tests.storm.tasktypes.rounds import Ground, Subject

LEDGER = "drivers"
SMALL = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.memory": "512m",
    "spark.ui.enabled": "false",
}


@spark_task(spark_conf=SMALL)
def sign(ledger: str) -> str:
    """Needs no session: what is stormed is the process."""
    with Path(ledger).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(1)
    return "signed"


@workflow
def drive(ledger: str) -> str:
    return sign(ledger=ledger)


def complaints(ground: Ground) -> Iterator[str]:
    drivers = (ground.directory / LEDGER).read_text().split()
    if len(drivers) != 1:
        yield f"{len(drivers)} drivers were submitted: {drivers}"


SUBJECT = Subject(
    program=Path(__file__),
    words=lambda directory: ("drive", "--ledger", str(directory / LEDGER)),
    outputs={"o0": "signed"},
    run_s=6.0,
    complaints=complaints,
)
