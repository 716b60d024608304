"""What real processes are to be disturbed at is learnt in a process that may end in the middle of it."""

import tempfile
from pathlib import Path

import pytest

from elevon import errors
from elevon.testing.conformance import lessons
from tests.integration.conformance import fragile

SCENARIO = f"{fragile.__name__}:{fragile.FragileScenario.__name__}"


@pytest.fixture(autouse=True)
def book(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(fragile.BOOK, str(tmp_path / "book"))


def test_a_lesson_whose_process_ended_is_taken_again_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(fragile.DEATHS, "2")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    lesson = lessons.learn(SCENARIO)
    assert list((tmp_path / "t").iterdir()) == []
    assert lesson.bases[0].faults == ()
    assert lesson.bases[0].counts["start_task"] == 1
    assert lesson.duration_s > 0


def test_a_scenario_that_always_ends_its_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fragile.DEATHS, "1000")
    with pytest.raises(errors.UnavailableError, match=r"FragileScenario end their process with -11"):
        lessons.learn(SCENARIO)
