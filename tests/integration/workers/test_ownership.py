"""No process outlives the engine, however that ends."""

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from elevon.ports import ProcessCommand
from elevon.primitives.clocks import SystemClock
from elevon.workers import reaper
from elevon.workers.processes import Household, OwnedProcess
from tests.integration.machines import is_running
from tests.integration.workers.benches import Bench, nothing, run, until, value

ENGINE = """
import asyncio, fcntl, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.workers.benches import Bench, nothing

async def main():
    bench = Bench(Path(sys.argv[1]))
    lock = os.open(bench.folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    bench.lock_fd = lock
    code = bench.code('''
        @task
        def hang() -> None:
            child = subprocess.Popen(["sleep", "600"])
            Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {child.pid}")
            time.sleep(600)
    ''')
    launcher = bench.launcher(3)
    environment = {"PIDS": str(bench.folder / "pids-task")}
    await launcher.start(bench.task("hang", code, environment=environment), nothing)
    script = 'sleep 600 & echo $$ $! > "$0"; wait'
    await launcher.start(bench.command("sh", "-c", script, str(bench.folder / "pids-command")), nothing)
    launcher.start_workers()
    await asyncio.sleep(600)

asyncio.run(main())
"""


class Engine:
    """A process with a launcher, a task, a command and an idle worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen([sys.executable, "-c", ENGINE, str(folder), str(Path.cwd())])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def is_busy(self) -> bool:
        """Whether all are there: two workers, a command, their children, and the reaper."""
        names = (self._folder / "pids-task", self._folder / "pids-command")
        has_begun = all(name.exists() and len(name.read_text().split()) == 2 for name in names)
        return has_begun and len(self.descendants()) >= 6

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True)

    def reapers(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for child in self.descendants():
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile, and may be a zombie
                if any(word.endswith("reaper.py") for word in child.cmdline()):
                    found.append(child)
        return found


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path)
    try:
        await until(engine.is_busy)
        yield engine
    finally:
        engine.kill()


async def test_a_killed_engine_leaves_no_process_and_no_folder(engine: Engine, tmp_path: Path) -> None:
    processes = engine.descendants()
    engine.kill()
    await until(lambda: not any(is_running(process.pid) for process in processes))
    assert not (tmp_path / "scratch").exists()


async def test_the_lock_stays_until_everything_is_gone(engine: Engine, tmp_path: Path) -> None:
    reapers = engine.reapers()
    processes = [process for process in engine.descendants() if process not in reapers]
    engine.kill()
    with (tmp_path / "lock").open() as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        assert not any(is_running(process.pid) for process in processes)


async def test_a_killed_reaper_is_replaced_by_one_that_knows_everything(engine: Engine) -> None:
    first = engine.reapers()
    first[0].kill()
    await until(lambda: engine.reapers() not in ([], first))
    processes = engine.descendants()
    engine.kill()
    await until(lambda: not any(is_running(process.pid) for process in processes))


async def test_a_reused_process_id_is_left_alone(tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    try:
        listed = f"+{bystander.pid} 12345\n"
        command = [sys.executable, "-I", "-S", reaper.__file__, "0", str(tmp_path / "scratch")]
        done = await asyncio.to_thread(subprocess.run, command, input=listed.encode(), check=True)
        assert done.returncode == 0
        assert is_running(bystander.pid)
    finally:
        bystander.kill()
        await bystander.wait()


async def test_close_leaves_no_process(bench: Bench) -> None:
    others = psutil.Process().children(recursive=True)  # such as the server that tests of Hive share
    launcher = bench.launcher(2)
    code = bench.code("@task\ndef pid() -> int:\n    return os.getpid()")
    worker = value(await run(launcher, bench.task("pid", code)))
    await launcher.start(bench.command("sleep", "60"), nothing)
    children = [child for child in psutil.Process().children(recursive=True) if child not in others]
    assert worker in [child.pid for child in children]
    await launcher.close()
    assert not any(is_running(child.pid) for child in children)


async def test_workers_ignore_the_interrupt_of_the_terminal(bench: Bench) -> None:
    code = bench.code("@task\ndef session() -> int:\n    return os.getsid(0)")
    session = value(await run(bench.launcher(), bench.task("session", code)))
    assert session != os.getsid(0)


async def test_an_exit_is_noticed_however_early(tmp_path: Path) -> None:
    household = Household(tmp_path / "scratch", None)
    codes: list[int | None] = []

    def note(process: OwnedProcess) -> None:
        codes.append(process.exit_code)

    for _ in range(20):
        household.spawn(sleep_command("0"), note)
    await until(lambda: codes == [0] * 20)
    await household.close(SystemClock())


def sleep_command(seconds: str = "600") -> ProcessCommand:
    return ProcessCommand(
        args=("sleep", seconds), environment={"PATH": os.environ["PATH"]}, streams=(0, 1, 2)
    )
