"""Who runs when: slots, the queue, and what is known of a job."""

import asyncio
import os
from datetime import timedelta

import pytest

from elevon import errors
from tests.integration.machines import is_running
from tests.integration.workers.benches import LONG, Bench, nothing, run, sentence, until, value

CODE = """
    @task
    def pid() -> int:
        return os.getpid()

    @task
    def wait() -> int:
        while not Path(os.environ["GATE"]).exists():
            time.sleep(0.005)
        return os.getpid()
"""
HANG = (
    CODE
    + """
    @task
    def hang() -> None:
        part = Path(os.environ["PIDS"] + ".part")
        part.write_text(str(os.getpid()))
        part.rename(os.environ["PIDS"])
        time.sleep(60)
"""
)


async def test_a_start_without_grace_returns_at_once_and_wakes_at_the_end(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    woken = asyncio.Event()
    job = bench.task("pid", code)
    status = await launcher.start(job, woken.set)
    assert (status.is_started, status.result) == (True, None)
    assert not woken.is_set(), "what start returns is no news"
    await until(woken.is_set)
    woken.clear()
    status = await launcher.start(job, woken.set, LONG)
    assert status.result is not None
    assert not woken.is_set(), "whoever waits needs no waking"


async def test_a_start_returns_after_its_grace_and_wakes_later(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    gate = bench.folder / "gate"
    woken = asyncio.Event()
    job = bench.task("wait", code, environment={"GATE": str(gate)})
    status = await launcher.start(job, woken.set, timedelta(milliseconds=20))
    assert status.result is None
    woken.clear()
    gate.touch()
    await woken.wait()
    assert (await launcher.poll(job.name)).result is not None


async def test_starting_twice_runs_once(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(2)
    job = bench.task("pid", code)
    first, second = await asyncio.gather(
        launcher.start(job, nothing, LONG), launcher.start(job, nothing, LONG)
    )
    assert first == second
    assert (await launcher.start(job, nothing, LONG)) == first


async def test_a_forgotten_job_is_unknown_and_can_start_anew(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    job = bench.task("pid", code)
    assert not (await launcher.poll(job.name)).is_known
    await run(launcher, job)
    assert not (await launcher.poll(job.name)).is_known
    assert value(await run(launcher, job))


async def test_a_slot_is_free_only_when_its_job_is_forgotten(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    first, second = (bench.task("pid", code, number) for number in range(2))
    await launcher.start(first, nothing, LONG)
    status = await launcher.start(second, nothing, timedelta(milliseconds=100))
    assert (status.is_started, status.result) == (False, None)
    launcher.forget(first.name)
    assert (await launcher.start(second, nothing, LONG)).result is not None


@pytest.mark.parametrize("kind", ["task", "command"])
async def test_forgetting_a_job_that_runs_ends_it_and_frees_its_slot(bench: Bench, kind: str) -> None:
    code = bench.code(HANG)
    launcher = bench.launcher()
    pids = bench.folder / "pids"
    job = bench.task("hang", code, environment={"PIDS": str(pids)})
    if kind == "command":
        job = bench.command("sh", "-c", f"echo $$ > {pids}.part; mv {pids}.part {pids}; sleep 60")
    await launcher.start(job, lambda: pytest.fail("nobody wants to know any more"))
    await until(pids.exists)
    launcher.forget(job.name)
    launcher.forget(job.name)
    assert not (await launcher.poll(job.name)).is_known
    assert value(await run(launcher, bench.task("pid", code, 1)))
    await until(lambda: not is_running(int(pids.read_text())))


async def test_a_job_that_was_forgotten_while_it_ran_starts_anew_once_it_is_gone(bench: Bench) -> None:
    code = bench.code(HANG)
    launcher = bench.launcher(2)
    pids = bench.folder / "pids"
    job = bench.task("hang", code, environment={"PIDS": str(pids)})
    await launcher.start(job, nothing)
    await until(pids.exists)
    first = int(pids.read_text())
    pids.unlink()
    launcher.forget(job.name)
    assert (await launcher.start(job, nothing)).is_started
    assert not is_running(first)
    await until(pids.exists)
    assert (await launcher.poll(job.name)).is_known


async def test_a_queued_job_can_be_forgotten(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    first, second = (bench.task("pid", code, number) for number in range(2))
    await launcher.start(first, nothing, LONG)
    await launcher.start(second, lambda: pytest.fail("nobody wants to know any more"))
    launcher.forget(second.name)
    assert not (await launcher.poll(second.name)).is_known
    launcher.forget(first.name)
    assert value(await run(launcher, bench.task("pid", code, 2)))


@pytest.mark.parametrize("end", ["kill", "forget"])
async def test_what_waited_behind_a_big_job_starts_when_that_is_gone(bench: Bench, end: str) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(2)
    running = bench.task("wait", code, environment={"GATE": os.devnull + "/no"})
    big = bench.task("pid", code, 1, cpu_slots=2)
    small = bench.task("pid", code, 2)
    for job in (running, big, small):
        await launcher.start(job, nothing)
    if end == "kill":
        await launcher.kill(big.name)
    else:
        launcher.forget(big.name)
    assert value(await run(launcher, small))


async def test_a_big_job_waits_for_its_slots_and_is_not_overtaken(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(2)
    gate = bench.folder / "gate"
    running = bench.task("wait", code, environment={"GATE": str(gate)})
    big = bench.task("pid", code, 1, cpu_slots=2)
    small = bench.task("pid", code, 2)
    order: list[str] = []
    await launcher.start(running, nothing)
    await launcher.start(big, lambda: order.append("big"))
    await launcher.start(small, lambda: order.append("small"))
    assert not (await launcher.poll(small.name)).is_started, "a free slot is kept for the head of the queue"
    gate.touch()
    for job in (running, big, small):
        await run(launcher, job)
    assert order[0] == "big"


async def test_a_job_for_more_slots_than_there_are_is_refused(bench: Bench) -> None:
    code = bench.code(CODE)
    with pytest.raises(errors.UserError, match="asks for 3 cores, and there are 2 slots"):
        await bench.launcher(2).start(bench.task("pid", code, cpu_slots=3), nothing)


async def test_a_queued_job_can_be_killed(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    first, second, third = (bench.task("pid", code, number) for number in range(3))
    await launcher.start(first, nothing, LONG)
    await launcher.start(second, nothing)
    await launcher.start(third, nothing)
    await launcher.kill(second.name)
    status = await launcher.poll(second.name)
    assert status.result is not None
    assert "killed" in sentence(status.result)
    launcher.forget(first.name)
    assert value(await run(launcher, third))


async def test_killing_what_is_unknown_or_ended_is_fine(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    await launcher.kill("nobody")
    launcher.forget("nobody")
    job = bench.task("pid", code)
    result = await run(launcher, job)
    await launcher.kill(job.name)
    assert value(result)


async def test_killing_an_ended_job_keeps_its_result(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    job = bench.task("pid", code)
    before = await launcher.start(job, nothing, LONG)
    await launcher.kill(job.name)
    assert await launcher.poll(job.name) == before


async def test_a_cancelled_start_leaves_the_launcher_sound(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    gate = bench.folder / "gate"
    job = bench.task("wait", code, environment={"GATE": str(gate)})
    start = asyncio.ensure_future(launcher.start(job, nothing, LONG))
    await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    gate.touch()
    assert value(await run(launcher, job))


async def test_workers_started_early_take_the_jobs(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher(2)
    launcher.start_workers()
    jobs = [bench.task("pid", code, number) for number in range(2)]
    statuses = [await launcher.start(job, nothing, LONG) for job in jobs]
    assert len({value(status.result) for status in statuses if status.result}) == 2


async def test_close_ends_what_runs_and_what_waits(bench: Bench) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    jobs = [bench.task("wait", code, number, environment={"GATE": os.devnull + "/no"}) for number in range(2)]
    for job in jobs:
        await launcher.start(job, nothing)
    starts = [asyncio.ensure_future(launcher.start(job, nothing, LONG)) for job in jobs]
    await asyncio.sleep(0)
    await launcher.close()
    results = [(await start).result for start in starts]
    assert "the engine closed" in sentence(results[0])  # pyright: ignore[reportArgumentType]
    assert "killed" in sentence(results[1])  # pyright: ignore[reportArgumentType]
    with pytest.raises(errors.UnavailableError, match="closing"):
        await launcher.start(bench.task("pid", code, 9), nothing)
    await launcher.close()


@pytest.mark.parametrize("environment", [{"A=B": "x"}, {"A": "x\0y"}, {"": "x"}])
async def test_a_variable_that_no_process_can_have_is_refused(
    bench: Bench, environment: dict[str, str]
) -> None:
    code = bench.code(CODE)
    with pytest.raises(errors.UserError, match="can't be set"):
        await bench.launcher().start(bench.task("pid", code, environment=environment), nothing)


async def test_code_that_cannot_be_fetched_or_read_is_told_and_leaves_the_launcher_sound(
    bench: Bench,
) -> None:
    code = bench.code(CODE)
    launcher = bench.launcher()
    bench.artifacts["damaged"] = b"\xc1"
    with pytest.raises(errors.CorruptStateError, match="no bundle of sources"):
        await launcher.start(bench.task("pid", "damaged", 1), nothing)
    with pytest.raises(errors.NotFoundError):
        await launcher.start(bench.task("pid", "missing", 2), nothing)
    assert value(await run(launcher, bench.task("pid", code, 3)))
