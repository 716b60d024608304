"""An engine that is killed leaves no host process, and nobody takes its executions over before that is so."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from elevon.records.phases import ExecutionPhase
from elevon.workers import folders
from tests.integration.engine.worlds import drive, identity
from tests.integration.hosts.stages import Stage, until
from tests.integration.machines import is_running

PROGRAM = Path(__file__).with_name("engine_program.py")
ROOT = Path(__file__).parents[3]
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    begun: list[subprocess.Popen[bytes]] = []

    def start_engine(step: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(PROGRAM), str(tmp_path / "home"), str(tmp_path), step]
        begun.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        return begun[-1]

    yield start_engine
    for process in begun:
        process.kill()
        process.wait()


@pytest.mark.parametrize("step", ["hang", "hold_the_gil", "start_child"])
async def test_killed_engine_leaves_no_process(start: Start, stage: Stage, step: str) -> None:
    engine = start(step)
    await stage.noted("start")
    children = [(await stage.noted("child"))["child"]] if step == "start_child" else []
    engine.kill()
    await until(lambda: not any(is_running(pid) for pid in [*stage.pids(), *children]))
    async with stage.engine(start="done") as embedded:
        await drive(embedded, identity())
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED
    assert [note["may_have_happened"] for note in stage.notes if note["kind"] == "start"] == [False, True]


async def test_process_that_is_left_holds_the_engines_lock_until_it_ends(start: Start, stage: Stage) -> None:
    """Not even the reaper is there: the host is stopped, and then its engine and all others are killed."""
    engine = start("hang")
    host = (await stage.noted("start"))["pid"]
    os.kill(host, signal.SIGSTOP)
    try:
        others = [one for one in psutil.Process(engine.pid).children(recursive=True) if one.pid != host]
        engine.send_signal(signal.SIGSTOP)  # or it would replace its reaper
        for process in others:
            process.kill()
        engine.kill()
        engine.wait()
        (lock,) = stage.world.home.engines_dir.glob("*.lock")
        assert stage.world.home.is_alive(lock.stem)
    finally:
        os.kill(host, signal.SIGCONT)
    await until(lambda: not is_running(host))
    await until(lambda: not stage.world.home.is_alive(lock.stem))
    folders.remove_stale(stage.world.home.scratch_dir, stage.world.home.is_alive)
