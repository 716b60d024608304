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
from tests.integration.cluster.test_pods import gone, keeper_of, written
from tests.integration.cluster.worlds import HostedScriptExecutor, ScriptExecutor, scripted
from tests.integration.engine.worlds import World, drive, identity

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
    """Adds its process id to `mark` and waits for `gate`."""
    mark, gate = directory / "mark", directory / "gate"
    return f"echo $$$$ >>{mark}; until test -e {gate}; do sleep 0.02; done; printf done >/dev/termination-log"


async def killed_in_the_middle(world: World, directory: Path) -> None:
    """An engine that was killed while its pod ran."""
    command = [sys.executable, str(PROGRAM), str(world.home.path), script_of(directory)]
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
    assert len((tmp_path / "mark").read_text().splitlines()) == 1
    assert left(world) == []


async def test_an_abort_leaves_nothing_of_a_pod_that_outlived_its_engine(
    world: World, tmp_path: Path
) -> None:
    await killed_in_the_middle(world, tmp_path)
    container = int((tmp_path / "mark").read_text())
    async with app.reading(world.home) as elsewhere:
        await elsewhere.abort(identity(), by="ada", reason="wrong input")
    assert (await world.resume(ScriptExecutor())).phase is ExecutionPhase.ABORTED
    assert gone(container)
    assert left(world) == []


async def test_a_pod_whose_keeper_was_killed_costs_a_retry(world: World, tmp_path: Path) -> None:
    await killed_in_the_middle(world, tmp_path)
    (folder,) = left(world)
    os.kill(keeper_of(folder).pid, signal.SIGKILL)
    record = await world.resume(ScriptExecutor())
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "NodeLost: the process that kept the pod was killed" in record.failure.message
    assert left(world) == []


async def test_a_pod_that_fails_is_quoted(world: World) -> None:
    async with world.engine(ScriptExecutor()) as embedded:
        text = "echo no such table >/dev/termination-log; exit 3"
        execution = await world.create(embedded, scripted, given=inputs_of(text))
        await drive(embedded, execution)
        record = await embedded.admin.get(execution)
    assert record.failure is not None
    assert "ended with exit code 3: Error: no such table" in record.failure.message
