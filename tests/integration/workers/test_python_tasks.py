"""What a Python task finds in a warm worker, and what it leaves there."""

import asyncio
import os

import pytest

from elevon.idl import messages
from tests.integration.workers.benches import Bench, nothing, run, sentence, until, value


async def test_a_task_runs_in_a_process_of_its_own_and_returns_its_outputs(bench: Bench) -> None:
    code = bench.code("""
        @task
        def pid() -> int:
            return os.getpid()
    """)
    launcher = bench.launcher()
    first = value(await run(launcher, bench.task("pid", code, 1)))
    second = value(await run(launcher, bench.task("pid", code, 2)))
    assert first == second
    assert first != os.getpid()


async def test_the_code_is_fetched_once_for_all_workers(bench: Bench) -> None:
    code = bench.code("""
        @task
        def nap() -> int:
            time.sleep(0.05)
            return os.getpid()
    """)
    launcher = bench.launcher(2)
    jobs = [bench.task("nap", code, number) for number in range(2)]
    for job in jobs:
        await launcher.start(job, nothing)
    await until(lambda: len(bench.fetched) > 0)
    assert len({value(await run(launcher, job)) for job in jobs}) == 2
    assert bench.fetched == [code]


async def test_a_thousand_tasks_over_two_workers(bench: Bench) -> None:
    code = bench.code("""
        @task
        def pid() -> int:
            return os.getpid()
    """)
    launcher = bench.launcher(2)
    results = await asyncio.gather(
        *(run(launcher, bench.task("pid", code, number)) for number in range(1000))
    )
    assert len({value(result) for result in results}) == 2
    assert not (bench.folder / "data").exists(), "silent tasks cost no files"


async def test_the_environment_is_minimal_and_restored_after_each_task(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_ENGINE", "1")
    code = bench.code("""
        @task
        def spoil() -> str:
            seen = os.environ["GREETING"] + str("SECRET_OF_THE_ENGINE" in os.environ)
            os.environ["LEAK"] = "1"
            del os.environ["PATH"]
            return seen

        @task
        def look() -> str:
            return " ".join(name for name in ("GREETING", "LEAK", "PATH") if name in os.environ)
    """)
    launcher = bench.launcher()
    assert value(await run(launcher, bench.task("spoil", code, environment={"GREETING": "hi"}))) == "hiFalse"
    assert value(await run(launcher, bench.task("look", code))) == "PATH"


async def test_the_working_directory_is_empty_for_each_task(bench: Bench) -> None:
    code = bench.code("""
        @task
        def litter() -> int:
            assert Path.cwd() == current_context().scratch_dir
            found = len(os.listdir())
            Path("deep/er").mkdir(parents=True)
            Path("deep/file").write_text("x")
            os.chdir("/")
            return found
    """)
    launcher = bench.launcher()
    for number in range(3):
        assert value(await run(launcher, bench.task("litter", code, number))) == 0


async def test_output_is_captured_with_that_of_subprocesses(bench: Bench) -> None:
    code = bench.code("""
        @task
        def talk(word: str = "x") -> None:
            print("from python")
            current_context().logger.info("from the logger")
            os.system("echo from a shell; echo a problem >&2")
            print("no newline", end="")
    """)
    launcher = bench.launcher()
    job = bench.task("talk", code)
    await run(launcher, job)
    assert (job.data_dir / "stdout.log").read_text() == "from python\nfrom a shell\nno newline"
    assert (job.data_dir / "stderr.log").read_text() == "from the logger\na problem\n"


async def test_output_is_visible_while_the_task_runs(bench: Bench) -> None:
    code = bench.code("""
        @task
        def wait(word: str = "x") -> None:
            print("waiting")
            while not Path(os.environ["GATE"]).exists():
                time.sleep(0.01)
            print("done")
    """)
    launcher = bench.launcher(watch_interval_s=0.01)
    job = bench.task("wait", code, environment={"GATE": str(bench.folder / "gate")})
    await launcher.start(job, nothing)
    log = job.data_dir / "stdout.log"
    await until(lambda: log.exists() and log.read_text() == "waiting\n")
    (bench.folder / "gate").touch()
    await run(launcher, job)
    assert log.read_text() == "waiting\ndone\n"


async def test_output_beyond_the_limit_neither_blocks_nor_stays(bench: Bench) -> None:
    code = bench.code("""
        @task
        def flood() -> int:
            for _ in range(100):
                os.write(1, b"x" * (1 << 20))
            return 100

        @task
        def whisper() -> None:
            print("still heard")
    """)
    launcher = bench.launcher(output_limit_bytes=1 << 20)
    job = bench.task("flood", code)
    assert value(await run(launcher, job)) == 100
    output = (job.data_dir / "stdout.log").read_bytes()
    assert output.startswith(b"x" * (1 << 20))
    assert output.endswith(b"[elevon: the output was longer than 1048576 bytes and is cut here]\n")
    assert len(output) < (1 << 20) + 200
    await run(launcher, bench.task("whisper", code))
    assert (bench.folder / "data/whisper-0/stdout.log").read_text() == "still heard\n"


async def test_closing_or_replacing_the_standard_streams_harms_no_later_task(bench: Bench) -> None:
    code = bench.code("""
        @task
        def spoil(word: str = "x") -> None:
            import io
            print("before")
            sys.stdout.close()
            os.close(2)
            sys.stderr = io.StringIO()

        @task
        def talk(word: str = "x") -> int:
            print("out")
            print("err", file=sys.stderr)
            return os.getpid()
    """)
    launcher = bench.launcher()
    await run(launcher, bench.task("spoil", code))
    assert (bench.folder / "data/spoil-0/stdout.log").read_text() == "before\n"
    await run(launcher, bench.task("talk", code))
    assert (bench.folder / "data/talk-0/stdout.log").read_text() == "out\n"
    assert (bench.folder / "data/talk-0/stderr.log").read_text() == "err\n"


async def test_standard_input_is_empty(bench: Bench) -> None:
    code = bench.code("""
        @task
        def read() -> str:
            return "<" + sys.stdin.read() + ">"
    """)
    assert value(await run(bench.launcher(), bench.task("read", code))) == "<>"


async def test_an_exception_fails_the_attempt_and_keeps_the_worker(bench: Bench) -> None:
    code = bench.code("""
        @task
        def fail() -> int:
            return 1 // int("0")

        @task
        def leave() -> None:
            sys.exit(3)

        @task
        def pid() -> int:
            return os.getpid()
    """)
    launcher = bench.launcher()
    before = value(await run(launcher, bench.task("pid", code, 1)))
    result = await run(launcher, bench.task("fail", code))
    assert result.failure is not None
    assert "ZeroDivisionError" in result.failure.message
    assert 'return 1 // int("0")' in result.failure.traceback
    assert "SystemExit" in sentence(await run(launcher, bench.task("leave", code)))
    assert value(await run(launcher, bench.task("pid", code, 2))) == before


async def test_tracebacks_show_the_file_of_the_user_and_the_code_that_ran(bench: Bench) -> None:
    code = bench.code("""
        @task
        def fail() -> None:
            raise ValueError("as it was")
    """)
    path = bench.folder / "project" / "tasks.py"
    path.parent.mkdir()
    path.write_text("# changed since\n" * 20)
    result = await run(bench.launcher(), bench.task("fail", code))
    assert result.failure is not None
    assert f'File "{path}"' in result.failure.traceback
    assert 'raise ValueError("as it was")' in result.failure.traceback
    assert "changed" not in result.failure.traceback


async def test_data_and_modules_beside_the_file_are_found(bench: Bench) -> None:
    code = bench.code(
        """
        import bundled

        @task
        def read() -> str:
            import late
            return Path(__file__).with_name("data.txt").read_text() + bundled.WORD + late.WORD
        """,
        bundled="WORD = 'bundled'",
    )
    folder = bench.folder / "project"
    folder.mkdir()
    (folder / "data.txt").write_text("data ")
    (folder / "bundled.py").write_text("raise SystemError('not this one')")
    (folder / "late.py").write_text("WORD = ' late'")
    assert value(await run(bench.launcher(), bench.task("read", code))) == "data bundled late"


async def test_packages_are_served_from_the_bundle_with_and_without_an_init_file(bench: Bench) -> None:
    code = bench.code(
        """
        from plain.inner import words

        @task
        def read() -> str:
            return words.WORD
        """,
        **{
            "plain.inner.words": "from . import others\nWORD = others.WORD",
            "plain.inner.others": "WORD = 'deep'",
        },
    )
    assert value(await run(bench.launcher(), bench.task("read", code))) == "deep"


async def test_changed_code_runs_in_another_process(bench: Bench) -> None:
    old = bench.code("@task\ndef word() -> str:\n    return 'old'")
    new = bench.code("@task\ndef word() -> str:\n    return 'new'")
    launcher = bench.launcher()
    for number, (code, expected) in enumerate([(old, "old"), (new, "new"), (old, "old")]):
        assert value(await run(launcher, bench.task("word", code, number))) == expected


async def test_a_module_that_cannot_be_imported_fails_the_attempt_with_its_place(bench: Bench) -> None:
    code = bench.code("import nowhere_to_be_found")
    result = await run(bench.launcher(), bench.task("any", code))
    assert "nowhere_to_be_found" in sentence(result)
    assert not result.failure.is_recoverable  # pyright: ignore[reportOptionalMemberAccess]


async def test_large_inputs_and_outputs_pass(bench: Bench) -> None:
    code = bench.code("""
        @task
        def double(text: str) -> str:
            return text * 2
    """)
    text = "x" * 3_000_000
    primitive = messages.Primitive(string_value=text)
    literal = messages.Literal(scalar=messages.Scalar(primitive=primitive))
    inputs = messages.LiteralMap(literals={"text": literal}).SerializeToString()
    assert value(await run(bench.launcher(), bench.task("double", code, inputs=inputs))) == text * 2
