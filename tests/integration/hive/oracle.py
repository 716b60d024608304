"""Spark's answers to queries, in a process of its own: `python -m tests.integration.hive.oracle < queries > answers`.

Both are JSON: a list of queries, and for each its rows, or a text with what went wrong.
"""

import json
import sys
from typing import Any, Final

from pyspark.sql import SparkSession

from tests.integration.hive.values import plain

_SETTINGS: Final = {
    "spark.ui.enabled": "false",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Hive's way with errors, and no compilation of what runs once."""


def main() -> None:
    """Answer them all."""
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[1]").config("spark.sql.shuffle.partitions", "1")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    answers: list[Any] = []
    for query in json.load(sys.stdin):
        try:
            answers.append([plain(list(row)) for row in session.sql(query).collect()])
        except Exception as error:  # noqa: BLE001 - the answer is what it says
            answers.append(str(error))
    session.stop()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
