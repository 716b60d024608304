"""Two engines on one home: who lives is left alone, who stopped is taken over, and a zombie can't write."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import apsw
import psutil
import pytest

from elevon import errors
from elevon.plugin import TaskStatus
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import DONE, Flag, Scripted, State, World, drive, driving

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("leased_program.py")
LONG_S = 300.0


@contextmanager
def other_engine(world: World, check_after_s: float) -> Generator[subprocess.Popen[str]]:
    """One in another process, that drives `x1` and has started its attempt."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(world.home.path), str(check_after_s)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any(line.strip() == "running" for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(world: World, process: subprocess.Popen[str]) -> None:
    """Stop it while it writes nothing: whoever is stopped in the middle of a write keeps all others from theirs."""
    connection = apsw.Connection(str(world.home.database))
    connection.set_busy_timeout(20_000)
    connection.execute("BEGIN IMMEDIATE")
    process.send_signal(signal.SIGSTOP)
    stopped = psutil.Process(process.pid)
    while stopped.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    connection.execute("ROLLBACK")
    connection.close()


async def test_execution_of_a_living_engine_is_refused_in_one_sentence(world: World) -> None:
    flag = Flag()
    async with world.engine(Scripted(start=[flag.hang])) as first, world.engine(Scripted()) as second:
        execution = await world.create(first, flows.single)
        async with driving(first, execution):
            await flag.reached()
            with pytest.raises(
                errors.ConflictError, match="execution x1 is being driven by another engine: "
            ):
                await drive(second, execution)


async def test_refused_execution_does_not_keep_an_engine_from_the_others(world: World) -> None:
    flag = Flag()
    async with world.engine(Scripted(start=[flag.hang])) as first, world.engine(Scripted()) as second:
        driven, free = await world.create(first, flows.single), await world.create(first, flows.single, "x2")
        async with driving(first, driven):
            await flag.reached()
            with pytest.raises(errors.ConflictError, match="execution x1 is being driven"):
                await drive(second, driven, free)
        assert (await second.admin.get(free)).phase is ExecutionPhase.SUCCEEDED


async def test_killed_engine_is_taken_over_at_once(world: World) -> None:
    with other_engine(world, LONG_S) as process:
        process.kill()
        executor = Scripted()
        assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
        assert executor.kinds() == ["check", "finalize"]


@pytest.mark.parametrize("check_after_s", [0.02, LONG_S], ids=["busy", "waiting"])
async def test_engine_that_stopped_for_too_long_is_taken_over_and_fenced_off(
    world: World, check_after_s: float
) -> None:
    with other_engine(world, check_after_s) as process:
        stop(world, process)
        mark = TaskStatus.running(State(7), check_after=timedelta(milliseconds=10))
        record = await world.resume(Scripted(check=[mark, DONE]))
        assert record.phase is ExecutionPhase.SUCCEEDED
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 2
    last = said.splitlines()[-1]
    assert "x1" in last
    assert "another engine" in last
    assert "Traceback" not in said
    async with world.engine() as embedded:
        assert await embedded.admin.get(record.id) == record
