"""Hive's language in the embedded backend: the same values as Hive's, and as Spark's where Spark has Hive's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import readings, statements
from elevon.tasktypes.hive.backends.embedded.functions import adapted, prepare
from tests.integration.hive import language
from tests.integration.hive.values import plain

CASES = [
    *(
        (f"SELECT {expression}", [[value]])
        for expression, value in (*language.EXPRESSIONS, *language.HIVES_OWN)
    ),
    *((language.TABLE + query, rows) for query, rows in (*language.QUERIES, *language.HIVES_OWN_QUERIES)),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        prepare(connection)
        yield connection


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    [statement] = readings.parse(query)
    assert isinstance(statement, statements.Select)
    return connection.execute(adapted(statement.rows, "default").sql(dialect="duckdb")).fetchall()


@pytest.mark.parametrize(
    ("query", "rows"), CASES, ids=[query.removeprefix(language.TABLE) for query, _ in CASES]
)
def test_a_query_gives_what_hive_gives(
    connection: duckdb.DuckDBPyConnection, query: str, rows: list[list[Any]]
) -> None:
    assert plain(rows_of(connection, query)) == plain(rows)


@pytest.mark.timeout(900)  # a JVM, and seventy jobs of Spark's
def test_spark_gives_the_same() -> None:
    together = "SELECT " + ", ".join(expression for expression, _ in language.EXPRESSIONS)
    asked = [together, *(language.TABLE + query for query, _ in language.QUERIES)]
    answered = subprocess.run(
        [sys.executable, "-m", "tests.integration.hive.oracle"],
        input=json.dumps(asked),
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    values, *rows = json.loads(answered.stdout)
    assert isinstance(values, list), values
    answers = [*zip((text for text, _ in language.EXPRESSIONS), values[0], strict=True)]
    answers += zip((query for query, _ in language.QUERIES), rows, strict=True)
    known = {text: plain(wanted) for text, wanted in (*language.EXPRESSIONS, *language.QUERIES)}
    assert {text: answer for text, answer in answers if answer != known[text]} == {}


def test_times_are_of_utc_wherever_it_runs(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    with duckdb.connect(":memory:") as elsewhere:
        prepare(elsewhere)
        assert rows_of(elsewhere, "SELECT from_unixtime(0), unix_timestamp('1970-01-01 00:00:00')") == [
            ("1970-01-01 00:00:00", 0)
        ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT hash(1)", "there is no hash in the embedded backend"),
        ("SELECT soundex('a')", "there is no soundex in the embedded backend"),
        (
            "SELECT date_format('2024-01-01', 'yyyy ww')",
            "has ww, which the embedded backend can't write; it knows y yy",
        ),
        (
            "SELECT date_format('2024-01-01', p) FROM t",
            "the pattern of date_format must be written as a text",
        ),
        ("SELECT TRANSFORM (a) USING 'cat' AS (b) FROM t", "SELECT TRANSFORM runs a program on the machines"),
        (
            "SELECT a FROM t LATERAL VIEW split(a, ',') e AS b",
            r"a LATERAL VIEW of SPLIT\(a, ','\) can't be had",
        ),
        ("SELECT reflect('java.lang.Math', 'abs', 1)", "know java.lang.Thread.sleep alone"),
    ],
)
def test_what_can_t_be_had_is_refused_by_name(query: str, message: str) -> None:
    [statement] = readings.parse(query)
    assert isinstance(statement, statements.Select)
    with pytest.raises(errors.UserError, match=message):
        adapted(statement.rows, "default")
