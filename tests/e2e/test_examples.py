"""Every example does what its docstring says, run as a reader would run it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.conftest import Shell

EXAMPLES = Path(__file__).parents[2] / "examples"
TESTED_APART = {
    "airports.py",
    "arrivals.py",
    "command.py",
    "demo.py",
    "on_failure.py",
    "pipeline.py",
    "queries.py",
}


class Example(NamedTuple):
    """One run, and what it must give."""

    file: str
    words: tuple[str, ...]
    outputs: dict[str, Any] | None = None
    error: str = ""


RUNS = (
    Example("hello.py", ("hello",), {"o0": "hello world"}),
    Example("hello.py", ("hello", "--name", "Ada"), {"o0": "hello Ada"}),
    Example("fan_out.py", ("primes",), {"o0": 1229}),
    Example("dynamic.py", ("measure", "--text", "ONE\na b c\nTWO\nd e\nTHREE"), {"o0": 4}),
    Example("dynamic.py", ("measure", "--text", ""), {"o0": 0}),
    Example("map.py", ("average", "--text", "1\n2\nthree\n6", "--scale", "10"), {"o0": 30.0}),
    Example("map.py", ("average", "--text", "one\ntwo\n3"), error="could not convert string to float"),
    Example("branch.py", ("tidy", "--text", "a rather long text"), {"o0": "a rather lon..."}),
    Example("branch.py", ("tidy", "--text", "short"), {"o0": "short"}),
    Example("branch.py", ("tidy", "--text", ""), error="there is no text"),
    Example("subworkflow.py", ("diagonal", "--a", "2", "--b", "3", "--c", "6"), {"o0": 7.0}),
    Example(
        "own_types.py",
        ("send", "--order", '{"customer": "Ada", "amounts": {"pen": 7}}'),
        {"stamped": "[large] 7 things for Ada", "letter": "dear Ada"},
    ),
    Example("files.py", ("longest_word", "--text", "the longest word"), {"o0": "longest"}),
    Example("retries.py", ("patient",), {"o0": "answer to attempt 1"}),
    Example("retries.py", ("patient", "--url", "http://x"), error="http://x is no address of ours"),
    Example("timeouts.py", ("punctual",), {"o0": "in time"}),
)


@pytest.mark.parametrize("example", RUNS, ids=lambda example: " ".join([example.file, *example.words]))
def test_an_example_gives_what_it_promises(example: Example, shell: Shell) -> None:
    done = shell.run("run", "--output", "json", str(EXAMPLES / example.file), *example.words)
    document = json.loads(done.stdout)
    assert document["outputs"] == example.outputs, done.stderr
    assert (document["phase"], done.returncode) == (("FAILED", 1) if example.error else ("SUCCEEDED", 0))
    assert example.error in (document["error"] or {"message": ""})["message"]


def test_a_command_sorts_a_file(shell: Shell) -> None:
    source, target = shell.directory / "source", shell.directory / "target"
    source.write_text("b\nc\na\nb\n")
    program = str(EXAMPLES / "command.py")
    document = shell.json("run", program, "greatest", "--source", str(source), "--target", str(target))
    assert document["outputs"] == {"o0": "c"}
    assert target.read_text() == "a\nb\nc\n"


def test_a_stranger_s_task_type_waits_for_a_file(shell: Shell) -> None:
    executor = ("--tasktype", "arrival.executor:ArrivalExecutor")
    letter = str(shell.directory / "letter")
    document = shell.json("run", *executor, str(EXAMPLES / "arrivals.py"), "relay", "--path", letter)
    assert document["outputs"] == {"o0": "dear reader"}


@pytest.mark.parametrize(("workflow", "leaves_trace"), [("strict", False), ("thorough", True)])
def test_the_policy_decides_what_still_runs_after_a_failure(
    workflow: str, leaves_trace: bool, shell: Shell
) -> None:
    trace = shell.directory / "trace"
    done = shell.run("run", str(EXAMPLES / "on_failure.py"), workflow, "--path", str(trace))
    assert (done.returncode, trace.exists()) == (1, leaves_trace)


@pytest.mark.timeout(300)  # it starts a JVM
def test_the_demo_survives_its_kills_and_ends_with_two_reports(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "demo.py"), str(tmp_path / "home")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=290)
    assert done.returncode == 0, done.stderr
    assert "Mataveri Airport (IPC, CL)" in done.stdout
    assert "29  US  Brackett Field" in done.stdout
    assert done.stdout.count("$ kill -9") == 2
    assert done.stdout.count("before the kill ran again") == 2


def test_the_pipeline_gives_the_same_without_spark(shell: Shell) -> None:
    words = ("crowded_skies_without_spark", "--within-km", "20", "--count", "1")
    document = shell.json("run", str(EXAMPLES / "pipeline.py"), *words)
    assert "Blakely Island Airport" in document["outputs"]["o0"]


def test_no_example_goes_untested() -> None:
    tested = {example.file for example in RUNS} | TESTED_APART
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
