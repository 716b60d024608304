"""What the reaper knows of process groups."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from elevon.workers import reaper


@pytest.fixture
def group() -> Iterator[subprocess.Popen[bytes]]:
    """A shell and a child of it, in a group of their own."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert shell.stdout is not None
    shell.stdout.readline()
    yield shell
    reaper.kill_group(shell.pid)
    shell.wait()
    shell.stdout.close()


def test_members_are_the_whole_group_and_nobody_else(group: subprocess.Popen[bytes]) -> None:
    members = reaper.members(group.pid)
    assert len(members) == 2
    assert group.pid in [member.pid for member in members]
    assert os.getpid() not in [member.pid for member in members]
    assert max(member.resident_bytes for member in members) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ps does not tell the session")
def test_a_child_that_left_the_group_is_found_and_killed_with_it() -> None:
    leaving = "import os, time; os.setpgid(0, 0); print(flush=True); time.sleep(60)"
    leader = subprocess.Popen(
        ["/bin/sh", "-c", f'{sys.executable} -c "{leaving}" & wait'],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout is not None
    with leader, leader.stdout:
        leader.stdout.readline()
        assert len(reaper.members(leader.pid)) == 2
        reaper.kill_group(leader.pid)
        reaper.kill_strays(leader.pid)
        assert leader.wait() == -9
        while reaper.members(leader.pid):
            pass


def test_the_dead_are_no_members(group: subprocess.Popen[bytes]) -> None:
    os.kill(group.pid, 9)
    os.waitid(os.P_PID, group.pid, os.WEXITED | os.WNOWAIT)
    assert group.pid not in [member.pid for member in reaper.members(group.pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only ps")
def test_ps_tells_the_same_as_proc(group: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    by_proc = reaper.members(group.pid)
    monkeypatch.setattr(reaper, "_HAS_PROC", False)
    by_ps = reaper.members(group.pid)
    assert {member.pid for member in by_ps} == {member.pid for member in by_proc}
    assert reaper.start_of(group.pid) == next(member.start for member in by_ps if member.pid == group.pid)
    assert reaper.start_of(2**22) == ""


def test_the_start_of_a_process_stays_and_that_of_none_is_empty(group: subprocess.Popen[bytes]) -> None:
    assert reaper.start_of(group.pid) == reaper.start_of(group.pid) != ""
    assert reaper.start_of(2**22) == ""


def test_killing_a_group_that_is_gone_is_fine() -> None:
    gone = subprocess.Popen(["/bin/true"], start_new_session=True)
    gone.wait()
    reaper.kill_group(gone.pid)
    assert reaper.members(gone.pid) == []
