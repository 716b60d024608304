"""Hive's language over tables of parquet: what the embedded backend's process does with each statement."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import duckdb
import pytest

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import readings
from elevon.tasktypes.hive.backends.embedded.runs import Run
from elevon.tasktypes.hive.backends.embedded.warehouses import Warehouse
from elevon.tasktypes.hive.texts import written

Queries: TypeAlias = Callable[[str], list[str]]


@pytest.fixture
def query(tmp_path: Path) -> Queries:
    """Runs one query in a session of its own; what it said."""
    counts = iter(range(100))

    def run(text: str) -> list[str]:
        warehouse = Warehouse(tmp_path / "warehouse", f"q{next(counts)}")
        said: list[str] = []
        with duckdb.connect(":memory:") as connection, warehouse.reading():
            session = Run(connection, warehouse, said.append)
            for statement in readings.parse(text):
                session.carry_out(statement)
        warehouse.release()
        return said

    return run


def rows(query: Queries, text: str) -> list[str]:
    """The rows of a SELECT, without the names."""
    return query(text)[1:]


def files(tmp_path: Path) -> set[str]:
    """The files of all tables, by their folders."""
    root = tmp_path / "warehouse"
    return {str(path.parent.relative_to(root)) for path in root.rglob("*.parquet")}


def test_a_table_keeps_what_is_put_into_it(query: Queries) -> None:
    query("CREATE TABLE t (a INT, b STRING)")
    query("INSERT INTO t VALUES (1, 'x'), (2, NULL)")
    query("INSERT INTO TABLE t SELECT a + 2, b FROM t")
    assert rows(query, "SELECT * FROM t ORDER BY a") == ["1\tx", "2\tNone", "3\tx", "4\tNone"]
    query("INSERT OVERWRITE TABLE t SELECT a, b FROM t WHERE a = 4")
    assert rows(query, "SELECT a FROM t") == ["4"]
    query("TRUNCATE TABLE t")
    assert rows(query, "SELECT * FROM t") == []


def test_columns_are_put_in_by_their_order_and_in_the_types_of_the_table(query: Queries) -> None:
    query(
        "CREATE TABLE t (a STRING, b DOUBLE); INSERT INTO t SELECT 1 AS b, '2' AS a; INSERT INTO t (b) SELECT 3"
    )
    assert rows(query, "SELECT * FROM t ORDER BY b") == ["1\t2.0", "None\t3.0"]
    with pytest.raises(errors.UserError, match=r"takes 2 columns \(a, b\), and the rows have 3"):
        query("INSERT INTO t SELECT 1, 2, 3")


def test_partitions_are_replaced_one_by_one(query: Queries, tmp_path: Path) -> None:
    query("CREATE TABLE t (a INT) PARTITIONED BY (d STRING) STORED AS PARQUET")
    query("INSERT OVERWRITE TABLE t PARTITION (d = 'x/y') SELECT 1")
    query("INSERT OVERWRITE TABLE t PARTITION (d) SELECT 2 AS a, 'z' AS d UNION ALL SELECT 3, NULL")
    assert rows(query, "SELECT a, d FROM t ORDER BY a") == ["1\tx/y", "2\tz", "3\tNone"]
    query("INSERT OVERWRITE TABLE t PARTITION (d = 'x/y') SELECT 7 WHERE false")
    assert rows(query, "SELECT a FROM t ORDER BY a") == ["2", "3"]
    query("ALTER TABLE t DROP PARTITION (d = 'z')")
    assert rows(query, "SELECT a, d FROM t") == ["3\tNone"]
    assert files(tmp_path) == {"default/t/data/d=__HIVE_DEFAULT_PARTITION__"}
    query("ALTER TABLE t DROP PARTITION (d = 'z')")


def test_what_is_to_be_dropped_may_be_missing_as_in_hive(query: Queries) -> None:
    query("DROP TABLE t; DROP TABLE IF EXISTS t; DROP VIEW v; DROP TABLE nowhere.t")
    query("CREATE TABLE t (a INT) PARTITIONED BY (d STRING); ALTER TABLE t DROP PARTITION (d = 'z')")
    for text, sentence in (
        ("DROP DATABASE nowhere", "there is no database nowhere"),
        ("ALTER TABLE u DROP PARTITION (d = 'z')", r"there is no table default\.u"),
    ):
        with pytest.raises(errors.UserError, match=sentence):
            query(text)


def test_a_table_is_made_of_rows(query: Queries) -> None:
    query("CREATE TABLE t PARTITIONED BY (d) AS SELECT 1 AS a, 'x' AS d")
    query("CREATE TABLE IF NOT EXISTS t AS SELECT 9 AS a")
    query("CREATE TABLE u LIKE t")
    assert rows(query, "SELECT t.a, t.d, u.a FROM t LEFT JOIN u ON t.a = u.a") == ["1\tx\tNone"]
    with pytest.raises(errors.UserError, match=r"default\.t is there already"):
        query("CREATE TABLE t (a INT)")


def test_views_read_what_their_tables_hold_now(query: Queries) -> None:
    query(
        "CREATE DATABASE d; USE d; CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS SELECT a * 10 AS a FROM t"
    )
    query("INSERT INTO d.t VALUES (2)")
    assert rows(query, "SELECT a FROM d.v ORDER BY a") == ["10", "20"]
    with pytest.raises(errors.UserError, match="has the tables t, v: say CASCADE"):
        query("DROP DATABASE d")
    query("DROP DATABASE d CASCADE")
    with pytest.raises(errors.UserError, match=r"there is no table d\.v"):
        query("SELECT * FROM d.v")


def test_a_directory_is_replaced_as_a_whole(query: Queries, tmp_path: Path) -> None:
    target = tmp_path / "out it's"
    into = f"INSERT OVERWRITE DIRECTORY '{target.as_uri()}' STORED AS PARQUET"
    for number in (1, 2):
        query(f"WITH c AS (SELECT {number} AS n) {into} SELECT n FROM c")
    assert duckdb.execute("SELECT * FROM read_parquet($1)", [f"{target}/*.parquet"]).fetchall() == [(2,)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out it's", "warehouse"]
    with pytest.raises(errors.UserError, match="is no directory of this machine"):
        query("INSERT OVERWRITE DIRECTORY 's3://bucket/x' STORED AS PARQUET SELECT 1")


def test_files_of_others_can_be_read(query: Queries, tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "one.tsv").write_text("number\tword\n1\ta b\n2\t\\N\n")
    query(
        f"CREATE EXTERNAL TABLE t (n INT, w STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' STORED AS TEXTFILE "
        f"LOCATION '{folder}' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert rows(query, "SELECT n, w FROM t ORDER BY n") == ["1\ta b", "2\tNone"]
    query("DROP TABLE t")
    assert (folder / "one.tsv").exists()


def test_flytekit_s_way_to_a_data_set_works(query: Queries, tmp_path: Path) -> None:
    """A temporary table, and a table of its shape whose place is the data set's."""
    target = tmp_path / "data set"
    query(
        "CREATE TEMPORARY TABLE k_tmp AS SELECT 1 AS a, 'x' AS b; "
        "CREATE EXTERNAL TABLE k LIKE k_tmp STORED AS PARQUET; "
        f"ALTER TABLE k SET LOCATION '{target.as_uri()}'; "
        "INSERT OVERWRITE TABLE k SELECT a, b FROM k_tmp; "
        "DROP TABLE k"
    )
    assert duckdb.execute("SELECT * FROM read_parquet($1)", [f"{target}/*.parquet"]).fetchall() == [(1, "x")]
    with pytest.raises(errors.UserError, match=r"there is no table default\.k_tmp"):
        query("SELECT * FROM k_tmp")


def test_what_fails_changes_nothing_and_leaves_nothing(query: Queries, tmp_path: Path) -> None:
    query("CREATE TABLE t AS SELECT 1 AS a")
    before = files(tmp_path)
    with pytest.raises(duckdb.Error):
        query("INSERT OVERWRITE TABLE t SELECT CAST(error('no') AS INT)")
    assert rows(query, "SELECT a FROM t") == ["1"]
    query("INSERT INTO t SELECT 2")  # a query that changes a table removes what nobody knows
    query("DROP TABLE t")
    assert before == {"default/t/data"}
    assert not any((tmp_path / "warehouse/default").iterdir())


def test_readers_keep_the_files_that_they_may_read(tmp_path: Path, query: Queries) -> None:
    query("CREATE TABLE t AS SELECT 1 AS a")
    with Warehouse(tmp_path / "warehouse", "reader").reading():
        query("INSERT OVERWRITE TABLE t SELECT 2")
        assert len(list((tmp_path / "warehouse").rglob("*.parquet"))) == 2
    query("INSERT OVERWRITE TABLE t SELECT 3")
    assert len(list((tmp_path / "warehouse").rglob("*.parquet"))) == 1


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("pmod(-7, 3)", "2"),
        ("substring_index('a.b.c', '.', 2)", "a.b"),
        ("substring_index('a.b.c', '.', -2)", "b.c"),
        ("find_in_set('b', 'a,b')", "2"),
        ("rlike('foo', 'o+')", "True"),
        ("weekofyear('2020-01-01')", "1"),
        ("quarter('2020-05-01')", "2"),
        ("hour('2020-01-01 10:00:00')", "10"),
        ("last_day('2020-02-03')", "2020-02-29"),
        ("date_format('2020-02-03', 'yyyy-MM')", "2020-02"),
        ("datediff('2020-01-05', '2020-01-01')", "4"),
        ("nvl(NULL, 'x')", "x"),
        ("7 / 2", "3.5"),
        ("array(1, 2)[0]", "1"),
        ("size(split('a,b', ','))", "2"),
        ("get_json_object('{\"a\": 1}', '$.a')", "1"),
        ("concat_ws('-', 'a', 'b')", "a-b"),
        ("percentile(n, 0.5)", "1.5"),
        ("reflect('java.lang.Thread', 'sleep', 1L)", "None"),
        ("base64(binary('a'))", "YQ=="),
        ("assert_true(1 < 2)", "None"),
    ],
)
def test_a_function_means_what_it_means_in_hive(query: Queries, call: str, value: str) -> None:
    assert rows(query, f"SELECT {call} AS x FROM (SELECT 1 AS n UNION ALL SELECT 2 AS n) t LIMIT 1") == [
        value
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT a,\n  b FROM t GROUP BYY a", "line 2, column 18, near 'BYY'"),
        ("SELECT 'abc FROM t", "line 1, column 8: a quote or comment that is opened there has no end"),
        ("SELECT a -- it's\n, 'x", "line 2, column 3"),
        ("SELECT 1;\nSELECT (b FROM u", "line 2, column 11, near 'FROM'"),
        ("SHOW TABLES", "no such statement: 'SHOW TABLES'"),
        ("CREATE TABLE x (a INT) STORED AS ORC LOCATION '/x'", "files of the format ORC"),
        ("  ; ", "the query is empty"),
        ("SELECT " + "(" * 1000 + "1" + ")" * 1000, "it is nested too deeply"),
    ],
)
def test_a_text_that_can_t_be_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        readings.parse(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1 +", "line 1, column 10, near '+': something is missing here"),
        ("SELECT 1\n\n FROM t FORM u w", "line 3, column 14, near 'u': this is not expected here"),
        ("SELECT (1\nFROM t", "line 2, column 1, near 'FROM': ) is missing here"),
        ("SELECT * FROM", "line 1, column 10, near 'FROM': the name of a table is missing here"),
        ("SELECT CAST(a INT) FROM t", "line 1, column 15, near 'INT': AS is missing here after CAST"),
        ("WITH x AS (SELECT 1 AS a)\nSELECT (a", "line 2, column 9"),
        ("SELECT 'abc", "line 1, column 8: a quote"),
        ("SELECT 1\nFROM a_table\nWHERE x = 1", r"there is no table default.a_table: line 2, column 6"),
        ("WITH x AS (SELECT a FROM d.u) SELECT a FROM x", "there is no table d.u: line 1, column 28"),
        ("SELECT a,\n  zz FROM t", 'there is no column zz: line 2, column 3; nearest: "a"'),
        ("SELECT\n t.zz FROM t", "there is no column zz: line 2, column 4"),
        ("SELECT q.a FROM t", 'there is no table or alias q: line 1, column 8; nearest: "t"'),
        ("SELECT upper(nofunc(a)) FROM t", "there is no function nofunc: line 1, column 14"),
        (
            "SELECT a FROM (SELECT a AS b FROM t) u",
            "there is no column a: line 1, column 8 or line 1, column 23",
        ),
    ],
)
@pytest.mark.parametrize("is_written", [False, True])
def test_places_are_those_of_the_author_s_text(
    tmp_path: Path, query: Queries, text: str, problem: str, is_written: bool
) -> None:
    query("CREATE TABLE t (a INT)")
    if is_written:
        text = written(text).replace("{{ .rawOutputDataPrefix }}", (tmp_path / "out").as_uri())
    with pytest.raises(errors.UserError) as caught:
        query(text)
    assert problem in str(caught.value)
    assert "sqlglot" not in str(caught.value)
    assert "selected" not in str(caught.value)


def test_statements_name_the_places_of_their_tables(query: Queries) -> None:
    for text, place in (
        ("INSERT INTO nope SELECT 1", "line 1, column 13"),
        ("CREATE TABLE u LIKE\n  nope", "line 2, column 3"),
        ("TRUNCATE TABLE nope", "line 1, column 16"),
    ):
        with pytest.raises(errors.UserError, match=rf"no table default\.nope: {place}$"):
            query(text)
    query("CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS SELECT a FROM t; DROP TABLE t")
    with pytest.raises(errors.UserError, match=r"no table default\.t$"):
        query("SELECT * FROM v")  # whose text is not this one


@pytest.mark.parametrize("value", ["a b", "a[b]", "x/y", "it\\'s", "é", "{a}", ".."])
def test_a_partition_is_replaced_and_dropped_whatever_it_is_called(query: Queries, value: str) -> None:
    query("CREATE TABLE t (a INT) PARTITIONED BY (d STRING)")
    for number in (1, 2):
        query(f"INSERT OVERWRITE TABLE t PARTITION (d = '{value}') SELECT {number}")
    assert rows(query, "SELECT a FROM t") == ["2"]
    query(f"ALTER TABLE t DROP PARTITION (d = '{value}')")
    assert rows(query, "SELECT a FROM t") == []


@pytest.mark.parametrize(
    ("kind", "one", "same"),
    [("INT", "1", "'01'"), ("DATE", "'2024-01-02'", "'2024-1-2'"), ("DOUBLE", "1", "1.0")],
)
def test_a_partition_is_the_same_however_its_value_is_spelled(
    query: Queries, kind: str, one: str, same: str
) -> None:
    query(f"CREATE TABLE t (a INT) PARTITIONED BY (d {kind})")
    for value in (one, same, same):
        query(f"INSERT OVERWRITE TABLE t PARTITION (d = {value}) SELECT 1")
    assert len(rows(query, "SELECT * FROM t")) == 1
    query(f"INSERT OVERWRITE TABLE t PARTITION (d = {same}) SELECT 1 WHERE false")
    assert rows(query, "SELECT * FROM t") == []


@pytest.mark.parametrize("name", ["a/b", "../b", ".locks", "a\0b", "x" * 200])
def test_what_can_be_no_folder_names_no_table(query: Queries, name: str) -> None:
    with pytest.raises(errors.UserError, match=r"^query: .* table"):
        query(f"CREATE TABLE `{name}` (a INT)")


class Killed(BaseException):
    """The process is no more."""


def test_a_folder_is_replaced_as_a_whole_wherever_the_process_is_killed(
    tmp_path: Path, query: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    query(f"CREATE EXTERNAL TABLE t (a INT) STORED AS PARQUET LOCATION '{tmp_path}/there'")
    query("INSERT OVERWRITE TABLE t SELECT 1")
    seen: list[str] = []
    for last in range(10):
        kill_after(monkeypatch, last)
        with contextlib.suppress(Killed):
            query("INSERT OVERWRITE TABLE t SELECT a + 1 FROM t")
            break
        monkeypatch.undo()
        seen += rows(query, "SELECT a FROM t")
    assert seen == ["1", "1", "1"]  # to a folder beside it, the old one aside, the new one in its place
    monkeypatch.undo()
    assert rows(query, "SELECT a FROM t") == ["2"]
    assert {path.name for path in tmp_path.iterdir()} == {"there", "warehouse"}


def kill_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have the process end instead of renaming once more than so many times."""
    rename, left = Path.rename, iter(range(count))

    def renamed(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)


@pytest.mark.parametrize("place", ["", "warehouse", "warehouse/default/t"])
def test_what_holds_the_tables_is_not_replaced(tmp_path: Path, query: Queries, place: str) -> None:
    query("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(errors.UserError, match="the tables of all queries are there"):
        query(f"INSERT OVERWRITE DIRECTORY '{tmp_path / place}' STORED AS PARQUET SELECT 2")
    with pytest.raises(errors.UserError, match="the tables of all queries are there"):
        query("INSERT OVERWRITE DIRECTORY '/' SELECT 2")
    assert rows(query, "SELECT a FROM t") == ["1"]


def test_a_path_is_no_pattern(tmp_path: Path, query: Queries) -> None:
    for name in ("a[1]*", "a1x"):
        query(f"INSERT OVERWRITE DIRECTORY '{tmp_path / name}' STORED AS PARQUET SELECT '{name}' AS a")
    query(f"CREATE EXTERNAL TABLE t (a STRING) STORED AS PARQUET LOCATION '{tmp_path}/a[1]*'")
    assert rows(query, "SELECT a FROM t") == ["a[1]*"]


PARTITIONED = (
    "CREATE TABLE p (a INT) PARTITIONED BY (n INT) STORED AS ORC;"
    "INSERT INTO p PARTITION (n) SELECT 1, 1 UNION ALL SELECT 2, 2 UNION ALL SELECT 10, 10"
)


def test_one_partition_can_be_truncated(query: Queries) -> None:
    query(PARTITIONED)
    query("TRUNCATE TABLE p PARTITION (n = '02')")
    assert rows(query, "SELECT a FROM p ORDER BY a") == ["1", "10"]


def test_partitions_are_dropped_by_a_comparison_in_the_type_of_their_column(query: Queries) -> None:
    query(PARTITIONED)
    query("ALTER TABLE p DROP PARTITION (n > '1', n < '9')")
    assert rows(query, "SELECT a FROM p ORDER BY a") == ["1", "10"]
    with pytest.raises(errors.UserError, match="p is not partitioned by day"):
        query("ALTER TABLE p DROP PARTITION (day = '2024-01-01')")
    with pytest.raises(errors.UserError, match="n names no partition: say column = value"):
        query("ALTER TABLE p DROP PARTITION (n)")


def test_several_inserts_take_the_same_rows(query: Queries) -> None:
    query("CREATE TABLE small (a INT); CREATE TABLE large (a INT, b STRING)")
    query(
        "FROM (SELECT 1 a UNION ALL SELECT 20) s LATERAL VIEW explode(array('x', 'y')) e AS b "
        "INSERT INTO small SELECT DISTINCT a WHERE a < 10 INSERT OVERWRITE TABLE large SELECT a, b WHERE a > 10"
    )
    assert rows(query, "SELECT * FROM small") == ["1"]
    assert rows(query, "SELECT * FROM large ORDER BY b") == ["20\tx", "20\ty"]


def test_what_only_tells_a_metastore_does_nothing(query: Queries) -> None:
    query(PARTITIONED)
    query(
        "MSCK REPAIR TABLE p; ANALYZE TABLE p COMPUTE STATISTICS; ALTER TABLE p ADD IF NOT EXISTS PARTITION (n = 7)"
    )
    assert rows(query, "SELECT count(*) FROM p") == ["3"]


def test_a_format_that_nobody_else_reads_is_kept_as_parquet_and_is_refused_elsewhere(query: Queries) -> None:
    query("CREATE TABLE o STORED AS ORC AS SELECT 1 AS a")
    assert rows(query, "SELECT a FROM o") == ["1"]
    with pytest.raises(errors.UserError, match="files of the format ORC can't be had"):
        query("CREATE EXTERNAL TABLE x (a INT) STORED AS ORC LOCATION '/nowhere'")
