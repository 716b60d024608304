"""No process outlives the engine, however that ends."""

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil

from elevon.primitives.clocks import SystemClock
from elevon.workers.processes import Command, Household, OwnedProcess
from tests.integration.workers.benches import Bench, is_running, nothing, run, until, value

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


def pids_in(folder: Path) -> list[int]:
    files = [folder / "pids-task", folder / "pids-command"]
    return [int(pid) for file in files if file.exists() for pid in file.read_text().split()]


async def test_a_killed_engine_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path), str(Path.cwd())])
    try:
        await until(lambda: len(pids_in(tmp_path)) == 4)
        children = psutil.Process(engine.pid).children(recursive=True)
    finally:
        engine.kill()
        engine.wait()
    assert len(children) >= 6, "two workers, a command, their children, and the reaper"
    await until(lambda: not any(is_running(child.pid) for child in children))
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_the_lock_stays_until_everything_is_gone(tmp_path: Path) -> None:
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path), str(Path.cwd())])
    try:
        await until(lambda: len(pids_in(tmp_path)) == 4)
        children = psutil.Process(engine.pid).children(recursive=True)
    finally:
        engine.kill()
        engine.wait()
    with (tmp_path / "lock").open() as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        reaper_pids = {child.pid for child in children if is_running(child.pid)}
    assert len(reaper_pids) <= 1, "only the reaper itself may still be on its way out"


async def test_a_killed_reaper_is_replaced_and_knows_everything(tmp_path: Path) -> None:
    household = Household(tmp_path / "scratch", None)
    gone: list[int] = []
    sleeper = household.spawn(sleep_command(), lambda process: gone.append(process.pid))
    reapers = reaper_processes(tmp_path)
    reapers[0].kill()
    await until(lambda: reaper_processes(tmp_path) not in ([], reapers))
    second = reaper_processes(tmp_path)[0]
    # What a killed engine does to the pipe:
    household._reaper.stdin.close()  # noqa: SLF001  # pyright: ignore
    await until(lambda: gone == [sleeper.pid])
    await until(lambda: not second.is_running() or second.status() == psutil.STATUS_ZOMBIE)
    await household.close(SystemClock())


async def test_a_reused_process_id_is_left_alone(tmp_path: Path) -> None:
    from elevon.workers import reaper

    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        listed = f"+{bystander.pid} 12345\n"
        command = [sys.executable, "-I", "-S", reaper.__file__, str(tmp_path / "scratch")]
        done = await asyncio.to_thread(subprocess.run, command, input=listed.encode(), check=True)
        assert done.returncode == 0
        assert is_running(bystander.pid)
    finally:
        bystander.kill()
        bystander.wait()


async def test_close_leaves_no_process(bench: Bench) -> None:
    launcher = bench.launcher(2)
    code = bench.code("@task\ndef pid() -> int:\n    return os.getpid()")
    worker = value(await run(launcher, bench.task("pid", code)))
    await launcher.start(bench.command("sleep", "60"), nothing)
    children = psutil.Process().children(recursive=True)
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


def sleep_command(seconds: str = "600") -> Command:
    return Command(args=("sleep", seconds), environment={"PATH": os.environ["PATH"]}, streams=(0, 1, 2))


def reaper_processes(folder: Path) -> list[psutil.Process]:
    children = psutil.Process().children()
    return [
        child
        for child in children
        if child.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in child.cmdline())
    ]
