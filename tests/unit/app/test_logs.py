"""How a log record is written down."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from elevon.app import logs
from elevon.app.logs import JsonFormatter, LogSettings, TextFormatter
from elevon.primitives import log_contexts
from elevon.primitives.log_contexts import LogContext
from elevon.primitives.redaction import MASK, Redactor

SOMEBODY = LogContext("nightly", "n0/n2", 1, "spark")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the root logger's only handler writes."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers[:] = [logging.StreamHandler(stream)]
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def record(message: str, *args: Any, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("elevon.x", logging.WARNING, __file__, 1, message, args, None)
    vars(made).update(fields)
    return made


def test_a_document_says_when_who_what_and_for_whom() -> None:
    with log_contexts.Entered(SOMEBODY):
        document = json.loads(JsonFormatter().format(record("tried %d times", 3, url="x://y")))
    assert document.pop("at").endswith("Z")
    assert document == {
        "level": "warning",
        "logger": "elevon.x",
        "message": "tried 3 times",
        "execution": "nightly",
        "node": "n0/n2",
        "attempt": 1,
        "executor": "spark",
        "url": "x://y",
    }


def test_a_document_holds_the_traceback() -> None:
    made = record("failed")
    error = ValueError("why")
    made.exc_info = (ValueError, error, None)
    document = json.loads(JsonFormatter().format(made))
    assert document["traceback"].endswith("ValueError: why")
    assert "execution" not in document


@pytest.mark.parametrize("strange", [object(), {1: object()}, "\ud800", {object(): 1}, float("nan")])
def test_whatever_is_logged_is_one_line_of_json(strange: object) -> None:
    line = JsonFormatter().format(record("a\nb", strange=strange))
    assert "\n" not in line
    json.loads(line)


def test_a_line_of_text_says_for_whom_it_was_written() -> None:
    with log_contexts.Entered(SOMEBODY):
        line = TextFormatter().format(record("tried"))
    assert line.endswith("WARNING elevon.x: tried [execution=nightly node=n0/n2 attempt=1 executor=spark]")
    assert TextFormatter().format(record("tried")).endswith("WARNING elevon.x: tried")


def test_what_any_handler_writes_is_masked_until_the_end(stream: io.StringIO) -> None:
    redactor = Redactor()
    logger = logging.getLogger("elevon.stranger")
    with logs.masked(redactor):
        redactor.learn("hunter2")
        logger.warning("login by %s", "hunter2")
        logger.error("refused", exc_info=ValueError("hunter2"))
    logger.warning("after: hunter2")
    first, _, traceback_end, last = stream.getvalue().splitlines()
    assert first == f"login by {MASK}"
    assert traceback_end == f"ValueError: {MASK}"
    assert last == "after: hunter2"


def test_options_win_over_the_configuration() -> None:
    given = LogSettings(level="debug").over(LogSettings(format="json", level="info"))
    assert given == LogSettings(format="json", level="debug")


def test_without_settings_the_log_stays_as_it_is(stream: io.StringIO) -> None:
    handlers = logging.getLogger().handlers[:]
    logs.configure(LogSettings())
    assert logging.getLogger().handlers == handlers


def test_a_configured_log_writes_its_level_to_stderr(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogSettings(format="json", level="info"))
    logging.getLogger("elevon.x").info("told")
    logging.getLogger("elevon.x").debug("not told")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["told"]
    assert stream.getvalue() == ""
