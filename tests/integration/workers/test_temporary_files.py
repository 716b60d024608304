"""Temporary files go with the process that made them, however that and whoever started it ended."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from elevon.workers import folders
from tests.integration.machines import is_running
from tests.integration.workers.benches import LONG, Bench, nothing, run, until, value

SOCKET_PATH_BYTES = 107
MANAGERS_SOCKET = len("/pymp-12345678/listener-12345678")  # of multiprocessing, in TMPDIR
CODE = """
    import tempfile

    kept = []

    @task
    def place() -> str:
        assert tempfile.gettempdir() == os.environ["TMPDIR"]
        return os.environ["TMPDIR"]

    @task
    def litter() -> int:
        for _ in range(101):
            tempfile.mkstemp()
        return os.getpid()

    @task
    def remember() -> int:
        if not kept:
            kept.append(tempfile.mkdtemp())
        Path(kept[0], "file").write_text("x")
        return os.getpid()

    @task
    def die() -> None:
        Path(tempfile.mkdtemp(), "file").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def hang() -> None:
        Path(tempfile.mkdtemp(), "file").write_text("x")
        time.sleep(600)
"""
ENGINE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.workers.benches import Bench, nothing
from tests.integration.workers.test_temporary_files import CODE

async def main():
    bench = Bench(Path(sys.argv[1]))
    launcher = bench.launcher(2)
    await launcher.start(bench.task("hang", bench.code(CODE)), nothing)
    await launcher.start(bench.command("sh", "-c", "mktemp; touch file; sleep 600"), nothing)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine has its temporary files."""
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def left_in(place: Path) -> list[Path]:
    return list(place.glob("*"))


def files_in(place: Path) -> list[str]:
    return [
        name for _, _, names in os.walk(place) for name in names
    ]  # what goes meanwhile does not disturb it


class Engine:
    """A process whose task and whose command have made temporary files and go on."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", ENGINE, str(folder), str(Path.cwd())])
        self.started: list[psutil.Process] = []

    def kill(self, *, with_reaper: bool) -> None:
        self.started = psutil.Process(self._process.pid).children(recursive=True)
        for process in self.started if with_reaper else ():
            process.suspend()  # or one would clear up after the other
        self._process.kill()
        self._process.wait()
        for process in self.started if with_reaper else ():
            process.kill()


async def test_each_process_has_a_folder_of_its_own_that_only_its_user_can_read(
    bench: Bench, place: Path
) -> None:
    launcher = bench.launcher()
    of_task = value(await run(launcher, bench.task("place", bench.code(CODE))))
    job = bench.command("sh", "-c", "echo $TMPDIR; stat -c %a $TMPDIR $TMPDIR/..")
    await run(launcher, job)
    of_command, *modes = (job.data_dir / "stdout.log").read_text().split()
    assert isinstance(of_task, str)
    assert of_task != of_command
    assert Path(of_task).parent == Path(of_command).parent
    assert Path(of_task).parent.parent == place
    assert modes == ["700", "700"]


async def test_its_path_leaves_room_for_the_name_of_a_socket(bench: Bench, place: Path) -> None:
    path = value(await run(bench.launcher(), bench.task("place", bench.code(CODE))))
    below = str(path).removeprefix(str(place))
    macos = "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T"
    for usual in ("/tmp", macos):  # noqa: S108 - what it would be
        assert len(usual + below) + MANAGERS_SOCKET <= SOCKET_PATH_BYTES - 4


async def test_those_of_a_command_go_with_it(bench: Bench, place: Path) -> None:
    launcher = bench.launcher()
    job = bench.command("sh", "-c", "mktemp; touch file; pwd")
    await run(launcher, job)
    await until(lambda: files_in(place) == files_in(bench.folder / "scratch") == [])
    assert sorted(path.name for path in job.data_dir.iterdir()) == ["stderr.log", "stdout.log"]


@pytest.mark.parametrize("task", ["die", "hang"])
async def test_those_of_a_lost_worker_go_with_it(bench: Bench, place: Path, task: str) -> None:
    launcher = bench.launcher()
    job = bench.task(task, bench.code(CODE))
    await launcher.start(job, nothing)
    if task == "hang":
        await until(lambda: files_in(place) != [])
        await launcher.kill(job.name)
    else:
        await launcher.start(job, nothing, LONG)
    await until(lambda: files_in(place) == [])


async def test_those_that_a_module_remembers_stay_with_its_worker(bench: Bench, place: Path) -> None:
    code, launcher = bench.code(CODE), bench.launcher()
    workers = {value(await run(launcher, bench.task("remember", code, number))) for number in range(3)}
    assert len(workers) == 1
    await launcher.close()
    assert left_in(place) == []


async def test_a_worker_in_which_many_are_left_is_replaced(bench: Bench, place: Path) -> None:
    code, launcher = bench.code(CODE), bench.launcher()
    worker = value(await run(launcher, bench.task("litter", code)))
    assert isinstance(worker, int)
    await until(lambda: not is_running(worker))
    await until(lambda: files_in(place) == [])


async def test_a_task_that_sets_its_own_place_is_obeyed(bench: Bench, tmp_path: Path) -> None:
    code, launcher = bench.code(CODE), bench.launcher()
    first = value(await run(launcher, bench.task("place", code, 1)))
    own = tmp_path / "own"
    own.mkdir()
    chosen = bench.task("place", code, 2, environment={"TMPDIR": str(own)})
    assert value(await run(launcher, chosen)) == str(own)
    assert value(await run(launcher, bench.task("place", code, 3))) == first


@pytest.mark.parametrize("is_reaper_killed", [False, True])
async def test_those_of_a_killed_engine_go_by_its_reaper_or_else_by_the_next_engine(
    tmp_path: Path, place: Path, is_reaper_killed: bool
) -> None:
    scratch = tmp_path / "scratch"
    engine = Engine(tmp_path)
    try:
        await until(lambda: len(files_in(place)) == 2)
    finally:
        engine.kill(with_reaper=is_reaper_killed)
    await until(lambda: not any(is_running(process.pid) for process in engine.started))
    if is_reaper_killed:
        assert len(files_in(place)) == 2
        folders.remove_stale(scratch.parent, lambda name: name != scratch.name)
    assert not scratch.exists()
    assert left_in(place) == []


async def test_those_of_an_engine_that_lives_stay(tmp_path: Path, place: Path) -> None:
    living = folders.ProcessFolders(tmp_path / "scratch" / "living")
    dead = folders.ProcessFolders(tmp_path / "scratch" / "dead")
    for one in (living, dead):
        one.open()
        (one.make_temporary() / "file").touch()
    folders.remove_stale(tmp_path / "scratch", lambda name: name == "living")
    assert [path.name for path in left_in(tmp_path / "scratch")] == ["living"]
    assert len(files_in(place)) == 1
    for one in (living, dead):
        one.close()
