"""Every example does what its docstring says, run as a reader would run it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NO_WORKFLOWS = {"demo.py"}  # a driver of the others; it has a test of its own


class Example(NamedTuple):
    """One run, and what it must give."""

    file: str
    words: tuple[str, ...]
    outputs: dict[str, Any] | None = None
    error: str = ""
    options: tuple[str, ...] = ()


RUNS = (
    Example("hello.py", ("hello",), {"o0": "hello world"}),
    Example("hello.py", ("hello", "--name", "Ada"), {"o0": "hello Ada"}),
    Example("fan_out.py", ("primes",), {"o0": 1229}),
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
    Example(
        "arrivals.py",
        ("relay", "--path", "letter"),
        {"o0": "dear reader"},
        options=("--tasktype", "arrival.executor:ArrivalExecutor"),
    ),
)


@pytest.mark.parametrize("example", RUNS, ids=lambda example: " ".join([example.file, *example.words]))
def test_an_example_gives_what_it_promises(example: Example, tmp_path: Path) -> None:
    done = run(tmp_path, *example.options, str(EXAMPLES / example.file), *example.words)
    document = json.loads(done.stdout)
    assert document["outputs"] == example.outputs, done.stderr
    assert (document["phase"], done.returncode) == (("FAILED", 1) if example.error else ("SUCCEEDED", 0))
    assert example.error in (document["error"] or {"message": ""})["message"]


def test_a_command_sorts_a_file(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("b\nc\na\nb\n")
    done = run(
        tmp_path, str(EXAMPLES / "command.py"), "greatest", "--source", str(source), "--target", str(target)
    )
    assert json.loads(done.stdout)["outputs"] == {"o0": "c"}
    assert target.read_text() == "a\nb\nc\n"


@pytest.mark.parametrize(("workflow", "leaves_trace"), [("strict", False), ("thorough", True)])
def test_the_policy_decides_what_still_runs_after_a_failure(
    workflow: str, leaves_trace: bool, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    done = run(tmp_path, str(EXAMPLES / "on_failure.py"), workflow, "--path", str(trace))
    assert (done.returncode, trace.exists()) == (1, leaves_trace)


def test_no_example_goes_untested() -> None:
    tested = {example.file for example in RUNS} | {"command.py", "on_failure.py"} | NO_WORKFLOWS
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested | {"airports.py"}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`elevon run` with a home and a working directory of its own, as JSON."""
    return subprocess.run(
        [sys.executable, "-m", "elevon", "run", "--home", str(folder / "home"), "--output", "json", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
