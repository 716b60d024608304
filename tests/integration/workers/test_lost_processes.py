"""Whatever a task does to its process, it fails its own attempt and nothing else."""

import os
import signal
import sys

import pytest

from elevon import ports
from tests.integration.machines import is_running
from tests.integration.workers.benches import LONG, Bench, nothing, run, sentence, until, value

CODE = """
    @task
    def pid() -> int:
        return os.getpid()

    @task
    def leave() -> None:
        print("last words", file=sys.stderr)
        os._exit(3)

    @task
    def crash() -> None:
        import faulthandler, resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.SIGSEGV)

    @task
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def close_everything() -> None:
        os.closerange(0, 64)

    @task
    def write_everywhere() -> None:
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"\\xff" * 64)
            except OSError:
                pass
        time.sleep(60)

    @task
    def hang() -> None:
        Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {subprocess.Popen(['sleep', '60']).pid}")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)

    @task
    def abandon() -> int:
        return subprocess.Popen(["sleep", "60"]).pid

    @task
    def orphan() -> None:
        Path(os.environ["PIDS"]).write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        os._exit(1)

    @task
    def devour() -> None:
        hoard = bytearray(200 << 20)
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("leave", "exited with code 3 while it ran the task: last words"),
        ("crash", "was ended by SIGSEGV while it ran the task"),
        ("die", "was ended by SIGKILL while it ran the task; the machine may have run out of memory"),
        ("close_everything", "while it ran the task"),
        ("write_everywhere", "the task wrote to descriptors that it did not open"),
    ],
)
async def test_a_lost_worker_fails_its_attempt_and_is_replaced(bench: Bench, task: str, told: str) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    assert told in sentence(await run(launcher, bench.task(task, code)))
    assert value(await run(launcher, bench.task("pid", code))) != os.getpid()


async def test_a_worker_killed_from_outside_is_a_fault_of_the_system_and_any_other_end_the_users(
    bench: Bench,
) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    kinds = [(await run(launcher, bench.task(task, code))).failure.kind for task in ("die", "leave")]  # pyright: ignore[reportOptionalMemberAccess]
    assert kinds == ["SYSTEM", "USER"]


async def test_a_fault_of_the_system_is_told_once_and_frees_its_slot_until_the_job_is_begun_anew(
    bench: Bench,
) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(max_fault_count=3)
    job = bench.task("die", code)
    for _ in range(2):
        status = await launcher.start(job, nothing, LONG)
        assert status.result is not None
        assert "was ended by SIGKILL" in sentence(status.result)
        assert not (await launcher.poll(job.name)).is_known
        assert value(await run(launcher, bench.task("pid", code)))
    for _ in range(2):
        status = await launcher.start(job, nothing, LONG)
        assert status.result is not None
        assert status.result.failure is not None
        assert not status.result.failure.is_recoverable, "it came too often"
    launcher.forget(job.name)
    assert value(await run(launcher, bench.task("pid", code)))


async def test_an_end_that_the_user_or_the_engine_brought_about_is_told_until_it_is_forgotten(
    bench: Bench,
) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(2)
    leaving, killed = bench.task("leave", code), bench.task("pid", code)
    first = await launcher.start(leaving, nothing, LONG)
    assert await launcher.poll(leaving.name) == await launcher.start(leaving, nothing) == first
    await launcher.start(bench.task("devour", code), nothing)
    await launcher.start(killed, nothing)
    await launcher.kill(killed.name)
    first = await launcher.poll(killed.name)
    assert await launcher.poll(killed.name) == await launcher.start(killed, nothing) == first


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "GeneratorExit", "SystemExit"])
async def test_whatever_the_users_code_raises_is_the_users(bench: Bench, raised: str) -> None:
    code = bench.code(f"@task\ndef give_up() -> None:\n    raise {raised}('enough')")
    failure = (await run(bench.launcher(), bench.task("give_up", code))).failure
    assert failure is not None
    assert (failure.code, failure.kind) == (f"USER:{raised}", "USER")


async def test_kill_ends_a_hanging_task_with_its_children(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    pids = bench.folder / "pids"
    job = bench.task("hang", code, environment={"PIDS": str(pids)})
    await launcher.start(job, nothing)
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    await launcher.kill(job.name)
    assert not any(is_running(int(pid)) for pid in pids.read_text().split())
    status = await launcher.poll(job.name)
    assert status.result is not None
    assert "was killed by the engine" in sentence(status.result)
    assert value(await run(launcher, bench.task("pid", code))) is not None


async def test_children_that_a_task_leaves_behind_are_killed(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    child = value(await run(launcher, bench.task("abandon", code)))
    assert isinstance(child, int)
    await until(lambda: not is_running(child))
    assert isinstance(value(await run(launcher, bench.task("pid", code))), int)


async def test_children_of_a_lost_worker_are_killed(bench: Bench) -> None:
    code = bench.code(CODE)
    pids = bench.folder / "pids"
    await run(bench.launcher(), bench.task("orphan", code, environment={"PIDS": str(pids)}))
    await until(lambda: not is_running(int(pids.read_text())))


async def test_a_task_beyond_its_memory_is_ended_with_both_numbers(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(watch_interval_s=0.02)
    result = await run(launcher, bench.task("devour", code, memory_bytes=150 << 20))
    assert "its limit is 150 MiB: raise its mem limit" in sentence(result)
    assert result.failure is not None
    assert result.failure.code == "USER:OutOfMemory"


async def test_a_worker_that_dies_while_idle_is_replaced(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    first = value(await run(launcher, bench.task("pid", code, 1)))
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    await until(lambda: not is_running(first))
    assert value(await run(launcher, bench.task("pid", code, 2))) != first


async def test_workers_are_replaced_after_their_number_of_tasks(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(max_task_count=2)
    pids = [value(await run(launcher, bench.task("pid", code, number))) for number in range(6)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]


async def test_workers_that_have_grown_are_replaced(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(max_resident_bytes=1)
    pids = {value(await run(launcher, bench.task("pid", code, number))) for number in range(3)}
    assert len(pids) == 3


async def test_a_directory_that_cannot_be_written_fails_the_attempt(bench: Bench) -> None:
    code = bench.code("@task\ndef talk() -> None:\n    print('x')")
    (bench.folder / "file").touch()
    launcher = bench.launcher()
    job = bench.task("talk", code, data_dir=bench.folder / "file" / "data")
    assert "its output can't be kept in" in sentence(await run(launcher, job))
    assert await run(launcher, bench.task("talk", code, 2)) == ports.JobResult(outputs=b"")


async def test_a_running_task_whose_directory_cannot_be_written_is_ended(bench: Bench) -> None:
    code = bench.code("@task\ndef talk() -> None:\n    print('x')\n    time.sleep(60)")
    (bench.folder / "file").touch()
    launcher = bench.launcher(watch_interval_s=0.02)
    job = bench.task("talk", code, data_dir=bench.folder / "file" / "data")
    assert "its output can't be kept in" in sentence(await run(launcher, job))


async def test_a_worker_that_cannot_start_fails_the_attempt_and_is_not_tried_forever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        result = await run(launcher, bench.task("pid", code, 1))
        assert "exited with code 1 before it could run anything" in sentence(result)
        patch.setattr(sys, "executable", "/no/such/python")
        assert "no process can be started" in sentence(await run(launcher, bench.task("pid", code, 2)))
    assert value(await run(launcher, bench.task("pid", code, 3)))
