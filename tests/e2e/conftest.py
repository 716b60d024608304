"""Every test has a home, a file with workflows, and `elevon` as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WAIT_S = 40

PROGRAM = '''
import os, sys, time
from pathlib import Path
from elevon import task, workflow

TRACE = Path(__file__).with_name("trace.txt")


def note(line: str) -> None:
    with TRACE.open("a") as file:
        file.write(line + "\\n")


@task
def double(x: int) -> int:
    """Twice as much."""
    note(f"double {x}")
    print(f"doubling {x}")
    return 2 * x


@task
def divide(x: int, y: int) -> float:
    note(f"divide {x} {y}")
    return x / y


@task
def linger(seconds: float) -> str:
    note(f"linger {os.getpid()}")
    print("lingering", flush=True)
    time.sleep(seconds)
    return "rested"


@workflow
def ratio(x: int, y: int = 2) -> float:
    """How often one goes into the other.

    Args:
        x: The one.
        y: The other.
    """
    return divide(x=double(x=x), y=y)


@workflow
def rest(seconds: float) -> str:
    return linger(seconds=seconds)
'''


class Shell:
    """Runs `elevon` in a directory of its own, with a home of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.program = directory / f"program_{directory.name.replace('-', '_')}.py"
        self.program.write_text(PROGRAM)
        self.environment = {**os.environ, "ELEVON_HOME": str(self.home)}
        self.started: list[subprocess.Popen[str]] = []

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "elevon", *words],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=self.environment,
            timeout=WAIT_S,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """The document that a command prints."""
        return json.loads(self.run(*words, "--output", "json").stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command as a terminal does, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "elevon", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=self.environment,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def start_resting(self, execution: str) -> subprocess.Popen[str]:
        """Start a workflow that lasts until it is ended, and return when its task runs."""
        process = self.start(
            "run", "--execution-id", execution, self.program.name, "rest", "--seconds", "600"
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "linger RUNNING" in line:
                return process
        raise AssertionError(f"the task never ran: {process.wait()}")

    @property
    def trace(self) -> list[str]:
        """What the tasks noted, a line each."""
        path = self.directory / "trace.txt"
        return path.read_text().splitlines() if path.exists() else []

    def close(self) -> None:
        """End what a test has left."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    made = Shell(tmp_path)
    yield made
    made.close()
