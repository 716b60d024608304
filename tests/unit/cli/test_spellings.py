"""Durations, values and tables are spelled one way everywhere."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from elevon.cli import spellings
from elevon.records.failures import Failure


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.00 s"),
        (0.0414, "0.04 s"),
        (1.26, "1.3 s"),
        (59, "59 s"),
        (61.4, "1 min 1 s"),
        (3599.9, "1 h 0 min"),
        (7384, "2 h 3 min"),
    ],
)
def test_a_duration_has_the_units_that_matter(seconds: float, text: str) -> None:
    assert spellings.duration(timedelta(seconds=seconds)) == text


def test_what_goes_on_has_taken_the_time_until_now() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    now = began + timedelta(seconds=61)
    assert spellings.taken(None, None, now) == ""
    assert spellings.taken(began, began + timedelta(seconds=12), now) == " in 12 s"
    assert spellings.taken(began, None, now) == " for 1 min 1 s"


def test_an_instant_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        assert spellings.instant(datetime(2026, 1, 1, 23, 5, 9, 999, tzinfo=UTC)) == "2026-01-02 00:05:09 CET"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert spellings.instant(None) == ""


def test_long_values_take_several_lines() -> None:
    assert spellings.values({"short": [1, 2], "text": "a\nb", "name": "é"}) == [
        "  short: [1, 2]",
        "  text:",
        "    a",
        "    b",
        "  name: é",
    ]
    assert len(spellings.values({"long": list(range(40))})) > 40


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    assert spellings.table(("A", "B"), [("one", "x"), ("2", "")]) == ["A    B", "one  x", "2"]


def test_a_failure_shows_the_frames_of_the_user() -> None:
    failure = Failure("USER:ValueError", "ValueError: no", traceback='File "a.py", line 3\n  boom()\n')
    lines = list(spellings.failure(failure))
    assert lines == ["system error: ValueError: no", '  File "a.py", line 3', "    boom()"]


@pytest.mark.parametrize("said", ["ValueError: no", "ValueError: no\nand\n\nmore"])
@pytest.mark.parametrize("place", ["", "node n1: "])
@pytest.mark.parametrize("module", ["", "flows.problems."])
def test_an_exception_is_said_once(said: str, place: str, module: str) -> None:
    frames = 'Traceback (most recent call last):\n  File "a.py", line 3\n'
    lines = list(
        spellings.failure(Failure("USER:ValueError", f"{place}{said}", traceback=f"{frames}{module}{said}\n"))
    )
    assert "\n".join(lines) == f"system error: {place}{said}\n" + "\n".join(
        f"  {line}" for line in frames.splitlines()
    )


def test_another_exception_than_that_of_the_message_stays() -> None:
    failure = Failure("USER:ValueError", "ValueError: no", traceback="frames\nKeyError: no\nand more")
    assert list(spellings.failure(failure))[1:] == ["  frames", "  KeyError: no", "  and more"]


@pytest.mark.parametrize("code", ["USER:Aborted", "SYSTEM:Stopped"])
def test_what_was_ended_has_made_no_error(code: str) -> None:
    assert list(spellings.failure(Failure(code, "aborted by ann: enough"))) == ["aborted by ann: enough"]
