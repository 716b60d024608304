"""The parts of the backend `hiveserver2` that need no server."""

import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from elevon import errors
from elevon.tasktypes.hive.backends.hiveserver2 import complaints, statements
from elevon.tasktypes.hive.backends.hiveserver2.books import Book, Stage
from elevon.tasktypes.hive.backends.hiveserver2.couriers import Carrier, Equipment, Order
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle, QueryHandle
from elevon.tasktypes.hive.backends.hiveserver2.statements import Script
from elevon.tasktypes.hive.configurations import HiveServer2Settings

QUERY = QueryHandle("session", "operation", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_handle_survives_as_text() -> None:
    handle = Handle(bytes(range(16)), b"." * 16)
    assert Handle.from_text(handle.to_text()) == handle
    assert handle.name == "00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_a_single_statement_is_sent_as_it_was_written_with_a_comment_behind_it() -> None:
    text = "SELECT ';' AS a, \"--;\" AS b, `;`\nFROM t -- no; end\n"
    assert statements.script_of(text).query == text
    assert statements.script_of(f"{text};\n", "x1/n0").query == f"{text}\n-- x1/n0"


def test_what_changes_the_session_is_sent_before_and_leaves_the_query_where_it_stands() -> None:
    script = statements.script_of("SET a = 'b;c'; -- so\nuse sales;\n  SELECT 1")
    assert script.settings == ("SET a = 'b;c'", "use sales")
    lines = script.query.splitlines()
    assert [line.strip() for line in lines] == ["", "", "SELECT 1"]
    assert lines[2] == "  SELECT 1"


def test_a_setting_alone_gets_no_comment_because_that_would_be_its_value() -> None:
    assert statements.script_of("SET a=b", "x1/n0").query == "SET a=b"


def test_two_queries_in_one_text_are_refused_with_the_line() -> None:
    with pytest.raises(errors.UserError, match="the statement at line 2 is followed by another"):
        statements.script_of("SET a=b;\nINSERT INTO t SELECT 1;\nSELECT 2")


@pytest.mark.parametrize(
    ("text", "is_repeatable"),
    [
        ("SELECT 1", True),
        ("/* a */ insert\n overwrite directory 'x' SELECT 1", True),
        ("INSERT OVERWRITE DIRECTORY '/a/directory' SELECT 1", True),
        ("INSERT OVERWRITE TABLE d.`t` PARTITION (a = 1) SELECT b FROM ts", True),
        ("INSERT OVERWRITE TABLE d.`t` SELECT a + 1 FROM T", False),
        ("WITH a AS (SELECT * FROM t) INSERT OVERWRITE t SELECT * FROM a", False),
        ("CREATE EXTERNAL TABLE IF NOT EXISTS t (a INT)", True),
        ("DROP TABLE IF EXISTS t", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", False),
        ("SET x=y; INSERT INTO t SELECT 1", False),
        ("CREATE TABLE t AS SELECT 1", False),
        ("", False),
    ],
)
def test_what_reads_or_replaces_may_run_twice(text: str, is_repeatable: bool) -> None:
    assert statements.is_repeatable(text) is is_repeatable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            (
                "org.apache.hive.service.cli.HiveSQLException: Error running query: [PARSE_SYNTAX_ERROR] "
                "org.apache.spark.sql.catalyst.parser.ParseException: \n[PARSE_SYNTAX_ERROR] Syntax error. "
                "(line 2, pos 5)\n\n\tat org.apache.spark.Some.thing(Some.scala:1)\n\tat java.base/java.lang.Thread.run"
            ),
            "[PARSE_SYNTAX_ERROR] Syntax error. (line 2, pos 5)",
        ),
        (
            (
                "*org.apache.hive.service.cli.HiveSQLException:Error running query: [X] no `a`; line 1 pos 7;\n"
                "'Project ['a]\n+- Range (0, 3)\n"
            ),
            "[X] no `a`; line 1 pos 7",
        ),
        (
            "Error while compiling statement: FAILED: ParseException line 1:7 cannot recognize input near 'FROMM'",
            "FAILED: ParseException line 1:7 cannot recognize input near 'FROMM'",
        ),
    ],
)
def test_a_complaint_keeps_the_sentence_and_the_place(said: str, shown: str) -> None:
    assert complaints.shortened(said) == shown


def test_only_what_fails_whenever_it_is_run_is_the_fault_of_the_query() -> None:
    assert complaints.is_of_the_query("42601", "")
    assert complaints.is_of_the_query("", "Cannot modify a.b at runtime")
    assert not complaints.is_of_the_query("08S01", "return code 2 from MapRedTask")
    assert not complaints.is_of_the_query("", "")


def test_a_note_says_how_far_a_submission_has_come(tmp_path: Path) -> None:
    book = Book(tmp_path)
    assert book.read("t").stage is Stage.NOTHING
    courier = book.hold("c")
    book.ask("t", "c")
    assert book.read("t").stage is Stage.UNDER_WAY
    book.note_sent("t", "session")
    assert book.read("t").stage is Stage.UNDER_WAY
    book.note_begun("t", QUERY)
    note = Book(tmp_path).read("t")
    assert (note.stage, note.query) == (Stage.BEGUN, QUERY)
    courier.close()
    assert book.read("t").stage is Stage.BEGUN
    book.forget("t")
    assert book.read("t").stage is Stage.NOTHING


def test_a_courier_that_died_has_sent_nothing_or_nobody_knows(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.hold("c").close()
    book.ask("t", "c")
    assert book.read("t").stage is Stage.NOTHING
    book.note_sent("t", "session")
    assert (book.read("t").stage, book.read("t").session) == (Stage.UNKNOWN, "session")
    with (tmp_path / "submissions" / "t").open("a") as torn:
        torn.write('{"session": "se')
    assert book.read("t").stage is Stage.UNKNOWN


def test_a_courier_that_waited_in_vain_lives_on_and_nobody_knows(tmp_path: Path) -> None:
    book = Book(tmp_path)
    with book.hold("c"):
        book.ask("t", "c")
        book.note_sent("t", "session")
        book.note_unanswered("t")
        assert (book.read("t").stage, book.read("t").session) == (Stage.UNKNOWN, "session")


def test_a_book_knows_itself_again_and_is_no_other(tmp_path: Path) -> None:
    assert Book(tmp_path / "a").id == Book(tmp_path / "a").id != Book(tmp_path / "b").id


def test_a_courier_that_can_note_nothing_sends_nothing_and_says_so(tmp_path: Path) -> None:
    session = Handle(b"0" * 16, b"1" * 16).to_text()
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = HiveServer2Settings(port=server.getsockname()[1], auth="NOSASL")
        carrier = Carrier(
            Equipment(id="c1", directory=str(tmp_path), settings=settings, password="", call_s=10.0)
        )
        shutil.rmtree(tmp_path / "submissions")
        receipt = carrier.carried_out(Order("t1", session, Script((), "SELECT 1")))
        taken, _ = server.accept()
        with taken:
            assert taken.recv(1) == b""
    assert (receipt.query, receipt.status) == (None, None)
    assert "what became of it can't be noted: " in receipt.error
