"""Whoever bears a mark is found and ended, whatever it does to be nobody's; strangers are left alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from elevon.workers import birthmarks, reaper
from tests.integration.machines import is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no place for a mark")
MARK = birthmarks.of("pod one")
DAEMON = "setsid -f env -i sh -c 'echo $$; exec sleep 60'"
LIMIT_S = 30.0


@pytest.fixture
def mark() -> Iterator[int]:
    yield MARK
    assert reaper.end_bearers(MARK, LIMIT_S) == set()


def marked(script: str, mark: int) -> int:
    """The process id that a script writes, whose processes bear a mark; they are nobody's children by then."""
    gate = ["sh", "-c", 'read -r _ && eval "$0" </dev/null', script]
    with subprocess.Popen(gate, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        birthmarks.put_on(process.pid, mark)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.close()
        return int(process.stdout.readline())


def test_a_daemon_is_found_that_has_left_everything_behind(mark: int) -> None:
    daemon = marked(DAEMON, mark)
    assert "HOME" not in psutil.Process(daemon).environ()
    assert reaper.bearers(mark) == {daemon}
    assert reaper.bearers(birthmarks.of("pod two")) == set()
    assert reaper.end_bearers(birthmarks.of("pod two"), LIMIT_S) == set()
    assert is_running(daemon)
    assert reaper.end_bearers(mark, LIMIT_S) == set()
    assert not is_running(daemon)


def test_what_a_bearer_has_marked_anew_ends_with_it(mark: int, tmp_path: Path) -> None:
    other = birthmarks.of("a pod in the pod")
    inner = tmp_path / "inner"
    outer = marked(f"setsid -f sh -c 'sleep 60 & echo $! >{inner}; echo $$; wait'", mark)
    child = int(inner.read_text())
    birthmarks.put_on(child, other)
    assert reaper.bearers(other) == {child}
    assert reaper.bearers(mark) == {outer, child}
    assert reaper.end_bearers(mark, LIMIT_S) == set()
    assert not is_running(child)


def test_those_that_beget_others_all_the_time_are_ended(mark: int) -> None:
    busy = marked("setsid -f sh -c 'echo $$; while true; do setsid -f sleep 60; done'", mark)
    assert reaper.end_bearers(mark, LIMIT_S) == set()
    assert not is_running(busy)


def test_a_mark_on_a_process_that_is_gone_is_none(mark: int) -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()
    birthmarks.put_on(gone.pid, mark)
    assert reaper.bearers(mark) == set()
