"""An engine and its pods: one pod for each attempt through the death of the engine, and none after its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from elevon import app
from elevon.idl.messages import LiteralMap
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import ExecutionPhase
from tests.integration.cluster.engine_program import inputs_of
from tests.integration.cluster.test_daemons import daemon, kill_at_once, reaper_of
from tests.integration.cluster.test_pods import WAIT, gone, keeper_of, written
from tests.integration.cluster.worlds import HostedScriptExecutor, ScriptExecutor, scripted
from tests.integration.engine.worlds import World, drive, identity

HAS_DAEMONS = sys.platform.startswith("linux")
PROGRAM = Path(__file__).with_name("engine_program.py")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


def left(world: World) -> list[Path]:
    """The folders of pods that are there still."""
    return [path.parent for path in world.home.cluster_dir.glob("resources/*/*/*/resource.json")]


def output_of(record: ExecutionRecord) -> str:
    (literal,) = LiteralMap.FromString(record.outputs or b"").literals.values()
    return literal.scalar.primitive.string_value


def script_of(directory: Path) -> str:
    """Begins a daemon if it can, adds its process id to `mark` and waits for `gate`."""
    mark, gate = directory / "mark", directory / "gate"
    begun = f"{daemon(directory / 'daemon')}; " if HAS_DAEMONS else ""
    waiting = f"until test -e {gate}; do sleep 0.02; done; printf done >/dev/termination-log"
    return f"{begun}echo $$$$ >>{mark}; {waiting}"


def left_of(directory: Path) -> list[int]:
    """The processes of such a script that are there still."""
    names = ("mark", "daemon") if HAS_DAEMONS else ("mark",)
    return [pid for name in names if not gone(pid := int((directory / name).read_text()))]


async def killed_in_the_middle(
    world: World, directory: Path, script: str = "", workflow: str = "scripted"
) -> None:
    """An engine that was killed while its pod ran."""
    script = script or script_of(directory)
    command = [sys.executable, str(PROGRAM), str(world.home.path), workflow, script]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, env=environment) as engine:  # noqa: ASYNC220 - nothing else is under way
        try:
            await written(directory / "mark")
        finally:
            engine.kill()


@pytest.mark.parametrize("kind", [ScriptExecutor, HostedScriptExecutor])
async def test_a_pod_runs_for_its_task(world: World, tmp_path: Path, kind: type[ScriptExecutor]) -> None:
    (tmp_path / "gate").touch()
    async with world.engine(kind()) as embedded:
        execution = await world.create(embedded, scripted, given=inputs_of(script_of(tmp_path)))
        await drive(embedded, execution)
        record = await embedded.admin.get(execution)
    assert (record.phase, output_of(record)) == (ExecutionPhase.SUCCEEDED, "done")
    assert left(world) == []


@pytest.mark.parametrize("ends_meanwhile", [False, True])
async def test_a_killed_engine_leaves_its_pod_to_the_next_one(
    world: World, tmp_path: Path, ends_meanwhile: bool
) -> None:
    await killed_in_the_middle(world, tmp_path)
    (folder,) = left(world)
    keeper = keeper_of(folder)
    (tmp_path / "gate").touch()
    if ends_meanwhile:
        keeper.wait(20)
    record = await world.resume(ScriptExecutor())
    assert (record.phase, output_of(record)) == (ExecutionPhase.SUCCEEDED, "done")
    assert left_of(tmp_path) == []
    assert left(world) == []


async def test_an_abort_leaves_nothing_of_a_pod_that_outlived_its_engine(
    world: World, tmp_path: Path
) -> None:
    await killed_in_the_middle(world, tmp_path)
    async with app.reading(world.home) as elsewhere:
        await elsewhere.abort(identity(), by="ada", reason="wrong input")
    assert (await world.resume(ScriptExecutor())).phase is ExecutionPhase.ABORTED
    assert left_of(tmp_path) == []
    assert left(world) == []


async def test_a_pod_whose_keeper_was_killed_costs_a_retry(world: World, tmp_path: Path) -> None:
    await killed_in_the_middle(world, tmp_path)
    (folder,) = left(world)
    os.kill(keeper_of(folder).pid, signal.SIGKILL)
    record = await world.resume(ScriptExecutor())
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "NodeLost: the process that kept the pod was killed" in record.failure.message
    assert left_of(tmp_path) == []
    assert left(world) == []


@pytest.mark.skipif(not HAS_DAEMONS, reason="other systems neither adopt processes nor mark them")
async def test_a_retry_begins_once_nothing_of_the_lost_pod_is_left(world: World, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    writing = f"setsid -f env -i sh -c 'while true; do echo first >>{mark}; sleep 0.01; done'"
    second = f"echo second >>{mark}; sleep 0.2; printf done >/dev/termination-log"
    script = f"if test -s {mark}; then {second}; else {writing}; {WAIT}; fi"
    await killed_in_the_middle(world, tmp_path, script, "tried_twice")
    (folder,) = left(world)
    keeper = keeper_of(folder)
    kill_at_once(keeper, reaper_of(keeper))
    record = await world.resume(ScriptExecutor())
    assert (record.phase, output_of(record)) == (ExecutionPhase.SUCCEEDED, "done")
    assert mark.read_text().splitlines()[-1] == "second"
    assert left(world) == []


async def test_a_pod_that_fails_is_quoted(world: World) -> None:
    async with world.engine(ScriptExecutor()) as embedded:
        text = "echo no such table >/dev/termination-log; exit 3"
        execution = await world.create(embedded, scripted, given=inputs_of(text))
        await drive(embedded, execution)
        record = await embedded.admin.get(execution)
    assert record.failure is not None
    assert "ended with exit code 3: Error: no such table" in record.failure.message
