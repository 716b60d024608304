"""A failpoint acts at the hit that it names, and nowhere else."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from elevon.primitives import failpoints

PROGRAM = """
from elevon.primitives import failpoints
for number in range(1, 5):
    print(number, flush=True)
    failpoints.hit("here")
    failpoints.hit("there")
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    failpoints.arm("")
    yield
    failpoints.arm("")


def run(setting: str) -> subprocess.CompletedProcess[str]:
    environment = {"ELEVON_FAILPOINT": setting} if setting else {}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )


def test_without_the_variable_nothing_happens() -> None:
    ended = run("")
    assert (ended.returncode, ended.stdout.split()) == (0, ["1", "2", "3", "4"])


def test_process_is_killed_at_the_count_that_the_variable_names() -> None:
    ended = run("there:3")
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, ["1", "2", "3"])


def test_exit_leaves_with_its_own_status() -> None:
    ended = run("here:2:exit")
    assert (ended.returncode, ended.stdout.split()) == (failpoints.EXIT_STATUS, ["1", "2"])


def test_raise_raises_once() -> None:
    failpoints.arm("here:2:raise")
    failpoints.hit("here")
    with pytest.raises(failpoints.FailpointReached, match="here"):
        failpoints.hit("here")
    failpoints.hit("here")


def test_other_places_do_not_count() -> None:
    failpoints.arm("here:1:raise")
    failpoints.hit("there")
    with pytest.raises(failpoints.FailpointReached):
        failpoints.hit("here")


@pytest.mark.parametrize("setting", ["here", "here:", "here:0", "here:x", ":1", "here:1:explode"])
def test_unreadable_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="must read name:count"):
        failpoints.arm(setting)
