"""Spark tasks on real Spark: what comes of them, how they fail, and that nothing is left of them."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import airportsdata
import duckdb
import msgspec
import psutil
import pytest

from elevon import app
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralMap
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.phases import ExecutionPhase
from tests.integration.engine.worlds import World, identity

FLOWS = Path(__file__).with_name("spark_flows.py")
PATIENCE_S = 150.0
pytestmark = [
    pytest.mark.timeout(200),  # a driver takes some 10 s to start, and more on a busy machine
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java on this machine"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Its home is at a path that has to be quoted wherever Spark splits something into words."""
    return World(tmp_path / 'the "höme"')


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[Path]:
    """The user's file, which a test may change."""
    path = tmp_path / "user" / FLOWS.name
    path.parent.mkdir()
    shutil.copy(FLOWS, path)
    for name in ("word_count.py", "empty.jar"):
        shutil.copy(FLOWS.with_name(name), path.with_name(name))
    yield path
    sys.modules.pop(path.stem, None)
    sys.path.remove(str(path.parent))


@pytest.fixture(scope="session")
def airports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(airportsdata.__file__).with_name("airports.csv")


@contextlib.asynccontextmanager
async def started(
    world: World, flows: Path, name: str, given: Mapping[str, Literal]
) -> AsyncGenerator[app.Embedded]:
    """An engine with an execution of a task of the file, which nobody drives yet."""
    async with world.engine(workers=2) as embedded:
        prepared = programs.load(str(flows), name).prepare(await embedded.task_types(("spark",)))
        await embedded.admin.create_execution(msgspec.structs.replace(prepared, name="x1", given=given))
        yield embedded


async def run(world: World, flows: Path, name: str, **given: Literal) -> ExecutionRecord:
    async with started(world, flows, name, given) as embedded:
        return await ended(embedded)


async def ended(embedded: app.Embedded) -> ExecutionRecord:
    async with asyncio.timeout(PATIENCE_S):
        await embedded.engine.drive(identity())
    return await embedded.admin.get(identity())


async def failed(world: World, flows: Path, name: str, **given: Literal) -> Failure:
    record = await run(world, flows, name, **given)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    return record.failure


def outputs_of(record: ExecutionRecord) -> Mapping[str, Literal]:
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    return LiteralMap.FromString(record.outputs or b"").literals


def query(text: str) -> list[tuple[Any, ...]]:
    return duckdb.execute(text).fetchall()


def attempt_dir(world: World) -> Path:
    (found,) = {path.parent for path in world.home.data_dir.rglob("stdout.log")}
    return found


def processes_of(world: World) -> list[psutil.Process]:
    """What runs for a home: its path is in the arguments or the environment of all of it."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            told = [*process.cmdline(), *process.environ().values()]
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if (
                process.pid != os.getpid()
                and is_alive
                and any(str(world.home.cluster_dir) in one for one in told)
            ):
                found.append(process)
    return found


async def nothing_left(world: World) -> None:
    """Return when all has ended: a driver is asked to, and its keeper ends a moment after it."""
    async with asyncio.timeout(20):
        while processes_of(world):  # noqa: ASYNC110 - it is nobody's child who could tell
            await asyncio.sleep(0.05)


def change(flows: Path) -> None:
    flows.write_text("raise AssertionError('changed since')")


async def test_a_function_gets_a_session_and_the_code_it_was_started_with(
    world: World, flows: Path, airports: Path
) -> None:
    given = {"airports": literals.blob(str(airports)), "least": literals.integer(1000)}
    async with started(world, flows, "count_airports", given) as embedded:
        change(flows)
        outputs = outputs_of(await ended(embedded))
    assert outputs["busiest"].scalar.primitive.string_value == "US!"
    counts = unquote(outputs["counts"].scalar.blob.uri.removeprefix("file://"))
    wanted = query(
        f"SELECT country, count(*) FROM '{airports}' GROUP BY ALL HAVING count(*) >= 1000 ORDER BY ALL"
    )
    assert query(f"SELECT * FROM '{counts}/*.parquet' ORDER BY ALL") == wanted


async def test_what_user_code_raises_is_told_with_its_own_traceback(
    world: World, flows: Path, airports: Path
) -> None:
    given = {"airports": literals.blob(str(airports)), "code": literals.string("NOWHERE")}
    failure = await failed(world, flows, "find_airport", **given)
    assert failure.code == "USER:KeyError"
    assert failure.message.endswith(": KeyError: 'NOWHERE'")
    assert f'File "{flows}"' in failure.traceback
    assert "return found[code]" in failure.traceback
    assert "elevon" not in failure.traceback.replace(str(flows), "")


async def test_an_application_runs_with_its_arguments(world: World, flows: Path) -> None:
    record = await run(world, flows, "count_words", text=literals.string("to be or not to be"))
    assert outputs_of(record) == {}
    folder = attempt_dir(world)
    assert query(f"SELECT * FROM '{folder}/raw/words/*.parquet' ORDER BY ALL") == [
        ("be", 2),
        ("not", 1),
        ("or", 1),
        ("to", 2),
    ]
    assert f"6 words are in {folder}/raw/words" in (folder / "stdout.log").read_text()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("fail_on_words", "USER:DriverFailed", "missing 1 required positional argument: 'folder'"),
        ("no_class", "USER:ClassNotFound", "there is no class org.example.Missing in the application"),
        ("no_file", "USER:SubmissionFailed", "missing.py, which is not on this machine: put it there"),
        ("exhaust_pod", "USER:OutOfMemory", "the driver used more memory than its pod may"),
        (
            "exhaust_heap",
            "USER:OutOfMemory",
            "java.lang.OutOfMemoryError: Java heap space): raise spark.driver.memory",
        ),
    ],
)
async def test_an_application_that_fails_is_told_with_what_mends_it(
    world: World, flows: Path, name: str, code: str, words: str
) -> None:
    failure = await failed(world, flows, name)
    assert failure.code == code, failure
    assert words in failure.message
    await nothing_left(world)


async def test_an_abort_leaves_neither_a_jvm_nor_a_worker(world: World, flows: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with started(world, flows, "wait_in_workers", {"mark": literals.string(str(mark))}) as embedded:
        driving = asyncio.create_task(ended(embedded))
        while not mark.exists():
            assert not driving.done(), driving.result()
            await asyncio.sleep(0.05)
        running = processes_of(world)
        assert {"java", "python", "pyspark.daemon"} <= {part for one in running for part in _names(one)}
        listening = [
            at.laddr.ip for one in running for at in one.net_connections() if at.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
        await embedded.admin.abort(identity(), by="ada", reason="wrong input")
        assert (await driving).phase is ExecutionPhase.ABORTED
    await nothing_left(world)


def _names(process: psutil.Process) -> Iterator[str]:
    with contextlib.suppress(psutil.Error, IndexError):
        command = process.cmdline()
        yield Path(command[0]).name.rstrip("0123456789.")
        yield from command[1:3]


def test_a_call_as_a_plain_function_begins_a_session_of_its_own(airports: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    said = subprocess.check_output([sys.executable, str(FLOWS), str(airports)], env=environment, text=True)
    assert said.splitlines()[-1] == "US!"
