"""`elevon run` and what follows it, as a person or a script sees them."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import WAIT_S, Shell


def test_a_run_prints_its_outputs_and_tells_of_its_nodes(shell: Shell) -> None:
    done = shell.run("run", "--execution-id", "first", shell.program.name, "ratio", "--x", "3")
    assert done.returncode == 0
    assert done.stdout == "outputs:\n  o0: 3.0\n"
    lines = done.stderr.splitlines()
    assert lines[0] == "execution first"
    assert any(re.fullmatch(r"n0 .*double SUCCEEDED in .* s", line) for line in lines)
    assert lines[-1].startswith("first SUCCEEDED in ")


def test_json_is_one_document_and_nothing_else(shell: Shell) -> None:
    done = shell.run("run", shell.program.name, "ratio", "--x", "3", "--output", "json")
    document = json.loads(done.stdout)
    assert document == {
        "execution": document["execution"],
        "phase": "SUCCEEDED",
        "outputs": {"o0": 3.0},
        "error": None,
    }
    assert done.stderr == f"execution {document['execution']}\n"


TALKATIVE = """
print("imported")

from elevon import Task, workflow
from elevon.plugin import Executor, TaskStatus


class Talk(Executor[None, None]):
    id = "talk"
    task_types = ("talk",)

    async def start_task(self, ctx, template, spec, inputs):
        print("started")
        return TaskStatus.succeeded({})

    async def check_task_status(self, ctx):
        raise NotImplementedError

    async def kill_task(self, ctx, reason):
        pass


talk = Task("talk", task_type="talk")


@workflow
def speech() -> None:
    print("compiled")
    talk()
"""


def test_json_is_alone_on_stdout_although_files_and_executors_print(shell: Shell) -> None:
    (shell.directory / "talkative.py").write_text(TALKATIVE)
    done = shell.run("run", "--tasktype", "talkative:Talk", "talkative.py", "speech", "--output", "json")
    assert json.loads(done.stdout)["phase"] == "SUCCEEDED"
    assert {"imported", "compiled", "started"} < set(done.stderr.splitlines())


def test_what_a_file_prints_is_no_output(shell: Shell) -> None:
    shell.program.write_text('print("imported")\n' + shell.program.read_text())
    done = shell.run("run", shell.program.name, "double", "--x", "4")
    assert done.stdout == "outputs:\n  o0: 8\n"
    assert "imported" in done.stderr.splitlines()


def test_a_task_that_runs_alone_is_called_as_the_task_wherever_people_look(shell: Shell) -> None:
    task = f"{shell.program.stem}.double"
    done = shell.run("run", "--execution-id", "alone", shell.program.name, "double")
    assert done.stderr == f"elevon: {task} can't start: input 'x' (int) is missing\n"
    shell.run("run", "--execution-id", "alone", shell.program.name, "double", "--x", "4")
    assert shell.run("show", "alone").stdout.startswith(f"execution alone  {task}  SUCCEEDED")
    assert shell.run("executions").stdout.splitlines()[1].startswith(f"alone      {task}  SUCCEEDED")


def test_a_failed_run_shows_the_frames_of_the_user_and_none_of_ours(shell: Shell) -> None:
    done = shell.run("run", "--execution-id", "bad", shell.program.name, "ratio", "--x", "3", "--y", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "return x / y" in done.stderr
    assert "src/elevon" not in done.stderr
    assert "elevon recover bad" in done.stderr
    document = shell.json("show", "bad")
    assert document["error"]["kind"] == "USER"
    assert document["nodes"][1]["attempts"][0]["error"]["traceback"]


def test_recover_runs_what_had_not_succeeded_with_the_new_code(shell: Shell) -> None:
    shell.run("run", "--execution-id", "bad", shell.program.name, "ratio", "--x", "3", "--y", "0")
    shell.program.write_text(shell.program.read_text().replace("x / y", "x / (y or 1)"))
    done = shell.run("recover", "bad", "--execution-id", "good", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["outputs"]) == (0, {"o0": 6.0})
    assert shell.trace == ["double 3", "divide 6 0", "divide 6 0"]
    nodes = shell.json("show", "good")["nodes"]
    assert [node["phase"] for node in nodes] == ["RECOVERED", "SUCCEEDED"]


def test_a_task_can_run_alone(shell: Shell) -> None:
    assert shell.json("run", shell.program.name, "double", "--x", "4")["outputs"] == {"o0": 8}


def test_inputs_come_from_a_document_too(shell: Shell) -> None:
    (shell.directory / "inputs.json").write_text('{"x": 1, "y": 8}')
    document = shell.json("run", "--inputs", "inputs.json", shell.program.name, "ratio", "--x", "4")
    assert document["outputs"] == {"o0": 1.0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ratio"], "input 'x' (int) is missing"),
        (["ratio", "--x", "three"], "input 'x': expected int"),
        (["ratio", "--z", "1"], "there is no parameter --z"),
        (["ratoi"], "did you mean 'ratio'?"),
        ([], "the name of a workflow is missing"),
        (["ratio", "--x", "1", "--execution-id", "Not A Name"], "is no name: use"),
        (["ratio", "--x", "1", "--inputs", "none.json"], "--inputs none.json: can't be read"),
        (["ratio", "--x", "1", "--tasktype", "nowhere:Nothing"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(shell: Shell, words: list[str], sentence: str) -> None:
    done = shell.run("run", shell.program.name, *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert shell.json("executions") == []
    assert shell.trace == []


def test_a_module_that_fails_to_import_is_named_with_its_line(shell: Shell) -> None:
    shell.program.write_text("import elevon\nimport no_such_module\n")
    done = shell.run("run", shell.program.name, "ratio")
    assert done.returncode == 2
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    assert f"{shell.program.name}:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_id_that_is_taken_is_refused(shell: Shell) -> None:
    words = ["run", "--execution-id", "once", shell.program.name, "ratio", "--x", "1"]
    assert shell.run(*words).returncode == 0
    done = shell.run(*words)
    assert (done.returncode, "'once' is taken" in done.stderr) == (2, True)


def test_a_home_that_can_not_be_used_is_named(shell: Shell) -> None:
    for home, why in (("", "it is a file"), ("/home", "it would lie below a file")):
        path = f"{shell.program}{home}"
        done = shell.run("run", "--home", path, shell.program.name, "ratio", "--x", "1")
        assert done.returncode == 2
        assert f"{path} can't be used: {why}; choose another by --home" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_database_that_is_damaged_is_named(shell: Shell) -> None:
    shell.home.mkdir()
    (shell.home / "elevon.db").write_bytes(b"no database" * 1000)
    done = shell.run("executions")
    assert done.returncode == 2
    assert "elevon.db" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_signal_suspends_and_the_printed_command_resumes(shell: Shell) -> None:
    process = shell.start_resting("long")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to the whole group
    _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert "suspended; go on with: elevon resume long\n" in said
    assert "Traceback" not in said
    shell.program.write_text(shell.program.read_text().replace("time.sleep(seconds)", "time.sleep(0)"))
    resumed = shell.start("resume", "long")
    assert resumed.stderr is not None
    warning = resumed.stderr.readline()
    assert f"warning: {shell.program.name} changed since execution long started" in warning
    assert "elevon recover long" in warning


def test_a_signal_is_obeyed_although_nobody_reads_any_more(shell: Shell) -> None:
    process = shell.start_resting("long")
    assert process.stderr is not None
    process.stderr.close()  # as `elevon run 2>&1 | tee` does, whose reader the signal ends first
    process.stderr = None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert shell.json("show", "long")["phase"] == "RUNNING"


def test_a_second_signal_ends_at_once(shell: Shell) -> None:
    process = shell.start_resting("long")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert shell.json("show", "long")["phase"] == "RUNNING"


def attempts_of(shell: Shell, execution: str) -> Any:
    """Those of its first node."""
    return shell.json("show", execution)["nodes"][0]["attempts"]


def test_an_execution_that_was_killed_is_resumed(shell: Shell) -> None:
    gate = shell.directory / "gate"
    source = shell.program.read_text().replace(
        "time.sleep(seconds)", f"time.sleep(0 if os.path.exists({str(gate)!r}) else seconds)"
    )
    shell.program.write_text(source)
    process = shell.start_resting("killed")
    while not attempts_of(shell, "killed")[0]["running_at"]:
        pass  # it runs, but that may not be durable yet
    shell.kill(process)
    gate.touch()
    done = shell.run("resume", "--output", "json")
    assert done.returncode == 0
    assert [document["outputs"] for document in json.loads(done.stdout)] == [{"o0": "rested"}]
    assert [attempt["restart_count"] for attempt in attempts_of(shell, "killed")] == [1]
    assert "began anew once: what it had run before was lost" in shell.run("show", "killed").stdout


def test_resume_with_nothing_to_do_says_so(shell: Shell) -> None:
    done = shell.run("resume")
    assert (done.returncode, done.stdout) == (0, "nothing to do: no execution waits to be resumed\n")


def test_resume_of_what_has_ended_says_how_it_ended(shell: Shell) -> None:
    shell.run("run", "--execution-id", "good", shell.program.name, "ratio", "--x", "1")
    shell.run("run", "--execution-id", "bad", shell.program.name, "ratio", "--x", "1", "--y", "0")
    done = shell.run("resume", "good", "bad", "--output", "json")
    assert done.returncode == 1
    assert [document["phase"] for document in json.loads(done.stdout)] == ["SUCCEEDED", "FAILED"]
    assert "execution bad has ended already, it is FAILED" in done.stderr
    told = shell.run("resume", "good", "bad")
    assert told.stdout == "outputs of good:\n  o0: 1.0\n"
    assert "\nbad: user error: node n1: ZeroDivisionError" in told.stderr


def test_an_execution_is_driven_by_one_process_only(shell: Shell) -> None:
    shell.start_resting("long")
    done = shell.run("resume", "long")
    assert done.returncode == 2
    assert "is being driven by another engine" in done.stderr
    everything = shell.run("resume")
    assert everything.returncode == 0
    assert "execution long is being driven by another process" in everything.stderr


def test_abort_reaches_the_process_that_drives(shell: Shell) -> None:
    process = shell.start_resting("long")
    done = shell.run("abort", "long", "--reason", "enough")
    assert (done.returncode, done.stdout) == (0, "execution long is ABORTED\n")
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 1


def test_abort_ends_what_nobody_drives(shell: Shell) -> None:
    process = shell.start_resting("long")
    shell.kill(process)
    document = shell.json("abort", "long")
    assert document["phase"] == "ABORTED"
    assert shell.json("show", "long")["nodes"][0]["phase"] == "ABORTED"


def test_a_detached_run_goes_on_in_the_background(shell: Shell) -> None:
    done = shell.run("run", "--detach", shell.program.name, "ratio", "--x", "3")
    name = done.stdout.strip()
    followed = shell.run("logs", name, "--follow")
    assert "doubling 3" in followed.stdout
    assert shell.json("show", name)["phase"] == "SUCCEEDED"


def test_a_detached_run_can_be_a_document(shell: Shell) -> None:
    document = shell.json("run", "--detach", shell.program.name, "double", "--x", "4")
    assert document["outputs"] is None
    shell.run("logs", document["execution"], "--follow")
    assert shell.json("show", document["execution"])["outputs"] == {"o0": 8}


def test_a_suspended_run_prints_its_document_and_how_to_go_on(shell: Shell) -> None:
    process = shell.start_resting("long", "--output", "json", "--home", str(shell.home))
    process.send_signal(signal.SIGTERM)
    stdout, said = process.communicate(timeout=WAIT_S)
    document = {"execution": "long", "phase": "RUNNING", "outputs": None, "error": None}
    assert (process.returncode, json.loads(stdout)) == (130, document)
    assert f"go on with: elevon resume long --home {shell.home}" in said


def test_a_full_disk_stops_the_engine_and_the_execution_resumes(shell: Shell) -> None:
    shell.program.write_text(
        "from elevon import task, workflow\n"
        "@task\n"
        "def fill(i: int) -> str:\n"
        "    return 'x' * 60000\n"
        "@task\n"
        "def total(parts: list[str]) -> int:\n"
        "    return sum(len(part) for part in parts)\n"
        "@workflow\n"
        "def many() -> int:\n"
        "    return total(parts=[fill(i=i) for i in range(30)])\n"
    )

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    full = shell.start("run", "--execution-id", "big", shell.program.name, "many", preexec_fn=limit_files)
    _, said = full.communicate(timeout=WAIT_S)
    assert full.returncode == 74
    assert said.splitlines()[-1].startswith("elevon: the engine stopped: ")
    assert said.endswith("go on with: elevon resume big\n")
    assert shell.run("resume", "big").stdout == "outputs:\n  o0: 1800000\n"


def test_an_exit_code_is_told_where_the_parent_ignores_the_ends_of_children(shell: Shell) -> None:
    shell.program.write_text(
        "import os\n"
        "from elevon import task, workflow\n"
        "@task\n"
        "def leave(code: int) -> int:\n"
        "    os._exit(code)\n"
        "@workflow\n"
        "def leaving(code: int) -> int:\n"
        "    return leave(code=code)\n"
    )

    def ignore_children() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    run = shell.start("run", shell.program.name, "leaving", "--code", "3", preexec_fn=ignore_children)
    _, said = run.communicate(timeout=WAIT_S)
    assert run.returncode == 1
    assert "s: n0, attempt 0: the worker process exited with code 3 while it ran the task" in said


PICKLED = """
from decimal import Decimal

from elevon import task, workflow


class Box:
    def __init__(self, width: int) -> None:
        self.width = width


@task
def total(content: bytes, by_default: bytes, box: Box, share: Decimal) -> str:
    return f"{content} {by_default} {box.width} {share}"


@task
def half(box: Box) -> Decimal:
    return Decimal(box.width) / 2


@workflow
def flow(by_default: bytes = b"abc") -> str:
    return total(content=b"hi", by_default=by_default, box=Box(5), share=half(box=Box(3)))
"""


def test_pickled_constants_and_defaults_travel_with_the_execution(shell: Shell) -> None:
    (shell.program.parent / "pickled.py").write_text(PICKLED)
    done = shell.run("run", "pickled.py", "flow")
    assert done.stdout == "outputs:\n  o0: b'hi' b'abc' 5 1.5\n", done.stderr


TYPED = """
import datetime as dt
from typing import NamedTuple

from elevon import task, workflow


class Trip(NamedTuple):
    start: dt.date
    end: dt.date
    days: list[dt.date]
    at: dt.datetime


@task
def plan(start: dt.date) -> Trip:
    end = start + dt.timedelta(days=1)
    return Trip(start, end, [start, end], dt.datetime(2024, 5, 1, tzinfo=dt.UTC))


@workflow
def trip(start: dt.date) -> Trip:
    return plan(start=start)
"""


def test_outputs_are_printed_as_they_were_declared(shell: Shell) -> None:
    shell.program.write_text(TYPED)
    expected = (
        "outputs:\n  start: 2024-05-01\n  end: 2024-05-02\n"
        '  days: ["2024-05-01", "2024-05-02"]\n  at: 2024-05-01T00:00:00+00:00\n'
    )
    for name in ("trip", "plan"):
        assert shell.run("run", shell.program.name, name, "--start", "2024-05-01").stdout == expected
    newest = shell.json("executions")[0]["execution"]
    assert expected in shell.run("show", newest).stdout


def test_what_the_encoding_of_a_terminal_lacks_is_spelled(shell: Shell) -> None:
    shell.program.write_text(
        "from elevon import task\n\n@task\ndef greet(name: str) -> str:\n"
        "    print(name)\n    return f'snow: {name}'\n"
    )
    words = ["run", "--execution-id", "winter", shell.program.name, "greet", "--name", "\N{SNOWMAN}"]
    shell.environment["PYTHONIOENCODING"] = "latin-1"
    assert shell.run(*words).stdout == "outputs:\n  o0: snow: \\u2603\n"
    assert "\\u2603" in shell.run("logs", "winter").stdout
    assert "snow: \\u2603" in shell.run("show", "winter").stdout
    assert shell.json("show", "winter")["outputs"] == {"o0": "snow: \N{SNOWMAN}"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize(
    ("redirection", "code", "sentence"),
    [
        (">&-", 0, "unheard SUCCEEDED in "),
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">/dev/full", 74, "elevon: there is no room for what was to be written (No space left on device): "),
    ],
)
def test_an_execution_does_not_depend_on_who_can_be_told(
    shell: Shell, redirection: str, code: int, sentence: str
) -> None:
    words = [sys.executable, "-m", "elevon", "run", "--execution-id", "unheard"]
    words += [shell.program.name, "ratio", "--x", "3"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {redirection}', "sh", *words],
        capture_output=True,
        text=True,
        cwd=shell.directory,
        env=shell.environment,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert [each["phase"] for each in shell.json("executions")] == ["SUCCEEDED"]
