"""Tasks in pods on the cluster of one machine: what they give, how they fail, and that nothing is left of them."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from elevon import app
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import LiteralMap
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from tests.integration.cluster.test_pods import gone, written
from tests.integration.engine.worlds import World, drive, driving

PROGRAM = Path(__file__).with_name("pod_flows.py")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


async def create(world: World, embedded: app.Embedded, workflow: str, program: Path = PROGRAM) -> ExecutionId:
    """An execution with the code of a file; the inputs are a text and the directory of the test."""
    prepared = programs.load(str(program), workflow).prepare(await embedded.task_types(()))
    given = {"text": literals.string("so what"), "place": literals.string(str(world.home.path.parent))}
    return (await embedded.admin.create_execution(msgspec.structs.replace(prepared, given=given))).id


async def run(world: World, workflow: str) -> ExecutionRecord:
    async with world.engine() as embedded:
        execution = await create(world, embedded, workflow)
        await drive(embedded, execution)
        return await embedded.admin.get(execution)


async def failure_of(world: World, workflow: str) -> Failure:
    record = await run(world, workflow)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    return record.failure


def output_of(record: ExecutionRecord) -> str:
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    return LiteralMap.FromString(record.outputs or b"").literals["o0"].scalar.primitive.string_value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - processes tell nobody that they are gone
            await asyncio.sleep(0.02)


async def test_containers_share_a_volume_and_are_ended_with_the_primary_one(
    world: World, tmp_path: Path
) -> None:
    assert output_of(await run(world, "shout")) == "SO WHAT"
    await until(lambda: gone(int((tmp_path / "side").read_text())))


async def test_what_the_function_raises_is_the_failure(world: World) -> None:
    failure = await failure_of(world, "fails")
    assert failure.code == "USER:ZeroDivisionError"
    assert "return str(len(text) // 0)" in failure.traceback


async def test_the_code_is_that_with_which_the_execution_began(world: World, tmp_path: Path) -> None:
    program = tmp_path / "changing_flows.py"
    shutil.copy(PROGRAM, program)
    async with world.engine() as embedded:
        execution = await create(world, embedded, "shout", program)
        program.write_text("raise SystemExit('this is another file now')")
        await drive(embedded, execution)
        assert output_of(await embedded.admin.get(execution)) == "SO WHAT"


async def test_a_container_that_never_stops_is_ended_after_its_grace(world: World, tmp_path: Path) -> None:
    assert output_of(await run(world, "outlived")) == "ready"
    await until(lambda: gone(int((tmp_path / "side").read_text())))


async def aborted(
    world: World, embedded: app.Embedded, workflow: str, moment: Awaitable[object]
) -> ExecutionRecord:
    execution = await create(world, embedded, workflow)
    async with driving(embedded, execution) as task:
        await moment
        await embedded.admin.abort(execution, by="ada", reason="enough")
        await task
    return await embedded.admin.get(execution)


async def test_an_abort_leaves_no_process(world: World, tmp_path: Path) -> None:
    async with world.engine() as embedded:
        both = asyncio.gather(written(tmp_path / "primary"), written(tmp_path / "side"))
        record = await aborted(world, embedded, "never_ends", both)
    assert record.phase is ExecutionPhase.ABORTED
    for name in ("primary", "side"):
        await until(lambda name=name: gone(int((tmp_path / name).read_text())))


async def test_too_much_memory_is_told_with_advice(world: World) -> None:
    failure = await failure_of(world, "eats")
    assert failure.code == "USER:OutOfMemory"
    assert "container primary of Pod" in failure.message
    assert failure.message.endswith("OOMKilled; raise its memory limit, or make it use less")


async def test_what_a_failing_init_container_wrote_last_is_in_the_failure(world: World) -> None:
    failure = await failure_of(world, "lacks_its_data")
    assert "container fetch of Pod " in failure.message
    assert failure.message.endswith("ended with exit code 4: Error: no such host")


async def test_an_image_that_does_not_exist_is_named_with_the_mend(world: World) -> None:
    failure = await failure_of(world, "lacks_an_image")
    assert failure.message.endswith(
        "waits: ErrImageNeverPull: a local cluster has no images, and nothing stands for 'nginx:0.0.1': set command, "
        "or name one for the image in [cluster.images]"
    )


async def test_an_image_is_run_by_what_stands_for_it(world: World) -> None:
    images = {"nginx:0.0.1": ("sh", "-c", "echo GET / >/box/log; sleep 1000")}
    async with world.engine(images=images) as embedded:
        execution = await create(world, embedded, "visits")
        await drive(embedded, execution)
        assert output_of(await embedded.admin.get(execution)) == "GET /"


async def test_a_failing_attempt_is_followed_by_another_pod_whatever_becomes_of_sidecars(
    world: World,
) -> None:
    assert output_of(await run(world, "tried_again")) == "xx"
