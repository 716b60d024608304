"""Container commands as local processes."""

import asyncio

import pytest

from elevon import errors
from elevon.idl import messages
from tests.integration.machines import is_running
from tests.integration.workers.benches import Bench, nothing, run, sentence, until


async def test_a_command_that_exits_with_0_succeeded_and_its_output_is_kept(bench: Bench) -> None:
    job = bench.command("sh", "-c", "echo out; echo err >&2; cat")
    result = await run(bench.launcher(), job)
    assert (result.outputs, result.exit_code) == (b"", 0)
    assert (job.data_dir / "stdout.log").read_text() == "out\n"
    assert (job.data_dir / "stderr.log").read_text() == "err\n"


async def test_arguments_pass_as_they_are(bench: Bench) -> None:
    job = bench.command("printf", "%s|", "two words", "$HOME", "'")
    await run(bench.launcher(), job)
    assert (job.data_dir / "stdout.log").read_text() == "two words|$HOME|'|"


async def test_the_environment_is_that_of_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_ENGINE", "1")
    job = bench.command("env", environment={"GREETING": "hi"})
    await run(bench.launcher(), job)
    names = {line.partition("=")[0] for line in (job.data_dir / "stdout.log").read_text().splitlines()}
    assert {"GREETING", "PATH"} <= names
    assert "SECRET_OF_THE_ENGINE" not in names


async def test_a_command_that_fails_is_told_with_its_code_and_last_words(bench: Bench) -> None:
    result = await run(bench.launcher(), bench.command("sh", "-c", "echo no such luck >&2; exit 4"))
    assert sentence(result).endswith("command 'sh' exited with code 4: no such luck")
    assert result.exit_code == 4


async def test_a_command_ended_by_a_signal_is_told_with_its_name(bench: Bench) -> None:
    assert "was ended by SIGTERM" in sentence(
        await run(bench.launcher(), bench.command("sh", "-c", "kill $$"))
    )


async def test_outputs_come_from_its_file(bench: Bench) -> None:
    primitive = messages.Primitive(integer=7)
    outputs = messages.LiteralMap(
        literals={"o0": messages.Literal(scalar=messages.Scalar(primitive=primitive))}
    )
    source = bench.folder / "made.pb"
    source.write_bytes(outputs.SerializeToString())
    result = await run(bench.launcher(), bench.command("cp", str(source), bench.left("outputs.pb")))
    assert result.outputs == source.read_bytes()


async def test_futures_come_from_their_file(bench: Bench) -> None:
    source = bench.folder / "made.pb"
    source.write_bytes(messages.DynamicJobSpec(nodes=[messages.Node(id="dn0")]).SerializeToString())
    result = await run(bench.launcher(), bench.command("cp", str(source), bench.left("futures.pb")))
    assert (result.futures, result.outputs, result.failure) == (source.read_bytes(), None, None)


async def test_futures_of_an_earlier_run_are_not_taken_for_those_of_this_one(bench: Bench) -> None:
    job = bench.command("true")
    job.data_dir.mkdir(parents=True)
    (job.data_dir / "futures.pb").write_bytes(b"")
    assert (await run(bench.launcher(), job)).futures is None


async def test_damaged_futures_fail_the_job(bench: Bench) -> None:
    result = await run(
        bench.launcher(), bench.command("sh", "-c", f"echo damaged > {bench.left('futures.pb')}")
    )
    assert "can't be read" in sentence(result)


@pytest.mark.parametrize(
    ("kind", "is_recoverable"),
    [(messages.ContainerError.RECOVERABLE, True), (messages.ContainerError.NON_RECOVERABLE, False)],
)
async def test_an_error_file_decides_even_with_exit_code_0(
    bench: Bench, kind: int, is_recoverable: bool
) -> None:
    error = messages.ContainerError(
        code="USER:ValueError",
        message="Traceback (most recent call last):\n  here\nValueError: no",
        kind=kind,  # pyright: ignore[reportArgumentType]
        origin=messages.ExecutionError.USER,
    )
    source = bench.folder / "made.pb"
    source.write_bytes(messages.ErrorDocument(error=error).SerializeToString())
    result = await run(bench.launcher(), bench.command("cp", str(source), bench.left("error.pb")))
    failure = result.failure
    assert failure is not None
    assert (failure.code, failure.message, failure.kind) == ("USER:ValueError", "ValueError: no", "USER")
    assert failure.is_recoverable is is_recoverable
    assert failure.traceback == error.message


@pytest.mark.parametrize("origin", ["USER", "SYSTEM", "UNKNOWN"])
async def test_an_error_file_says_whose_fault_it_was(bench: Bench, origin: str) -> None:
    error = messages.ContainerError(
        code="Failed", message="no", kind=messages.ContainerError.RECOVERABLE, origin=origin
    )
    source = bench.folder / "made.pb"
    source.write_bytes(messages.ErrorDocument(error=error).SerializeToString())
    failure = (await run(bench.launcher(), bench.command("cp", str(source), bench.left("error.pb")))).failure
    assert failure is not None
    assert failure.kind == origin


async def test_files_of_an_interrupted_run_do_not_count(bench: Bench) -> None:
    job = bench.command("true")
    job.data_dir.mkdir(parents=True)
    for name in ("error.pb", "outputs.pb", "stdout.log"):
        (job.data_dir / name).write_bytes(b"stale")
    result = await run(bench.launcher(), job)
    assert result.outputs == b""
    assert (job.data_dir / "stdout.log").read_bytes() == b""


async def test_damaged_outputs_fail_the_attempt(bench: Bench) -> None:
    result = await run(
        bench.launcher(), bench.command("sh", "-c", f"printf garbage > {bench.left('outputs.pb')}")
    )
    assert "can't be read" in sentence(result)


@pytest.mark.parametrize("args", [("no-such-command-here",), ("./nowhere",), ("echo", "a\0b"), ()])
async def test_a_command_that_cannot_run_is_refused(bench: Bench, args: tuple[str, ...]) -> None:
    with pytest.raises(errors.UserError, match="command"):
        await bench.launcher().start(bench.command(*args), nothing)


async def test_killing_a_command_kills_what_it_started(bench: Bench) -> None:
    launcher = bench.launcher()
    pids = bench.folder / "pids"
    job = bench.command("sh", "-c", f"sleep 60 & echo $! > {pids}.part; mv {pids}.part {pids}; wait")
    await launcher.start(job, nothing)
    await until(pids.exists)
    await launcher.kill(job.name)
    assert not is_running(int(pids.read_text()))


async def test_what_a_command_leaves_running_is_killed_at_its_end(bench: Bench) -> None:
    pids = bench.folder / "pids"
    await run(bench.launcher(), bench.command("sh", "-c", f"sleep 60 & echo $! > {pids}"))
    child = int(pids.read_text())
    await until(lambda: not is_running(child))


async def test_output_of_a_command_is_cut_while_it_runs(bench: Bench) -> None:
    launcher = bench.launcher(output_limit_bytes=1000, watch_interval_s=0.01)
    job = bench.command("sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
    await launcher.start(job, nothing)
    log = job.data_dir / "stdout.log"
    await until(lambda: log.exists() and b"is cut here" in log.read_bytes())
    await launcher.kill(job.name)
    assert log.stat().st_size < 1200


async def test_commands_share_the_slots(bench: Bench) -> None:
    launcher = bench.launcher(2)
    results = await asyncio.gather(
        *(run(launcher, bench.command("true", name=f"c{number}")) for number in range(20))
    )
    assert all(result.exit_code == 0 for result in results)
