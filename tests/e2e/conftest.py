"""Every test has a home, a file with workflows, and `elevon` as a process of its own."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from elevon.primitives import locks

if TYPE_CHECKING:
    from tests.e2e.servers import Server

WAIT_S = 40
START_S = 40

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
    fifo = Path(__file__).with_name("lingering")
    if fifo.exists():
        fifo.write_text("here")
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

    def run(self, *words: str, wait_s: float = WAIT_S) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, which comes within `wait_s`."""
        return subprocess.run(
            [sys.executable, "-m", "elevon", *words],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=self.environment,
            timeout=wait_s,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """The document that a command prints."""
        return json.loads(self.run(*words, "--output", "json").stdout)

    def start(self, *words: str, preexec_fn: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start a command as a terminal does, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "elevon", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=self.environment,
            start_new_session=True,
            preexec_fn=preexec_fn,  # noqa: PLW1509 - the test process has no threads
        )
        self.started.append(process)
        return process

    def start_resting(self, execution: str, *words: str) -> subprocess.Popen[str]:
        """Start a workflow that lasts until it is ended, and return when its task runs."""
        return self.start_lingering(
            "run", "--execution-id", execution, *words, self.program.name, "rest", "--seconds", "600"
        )

    def start_lingering(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, and return when a task that it runs has written to the file `lingering`."""
        fifo = self.directory / "lingering"
        os.mkfifo(fifo)
        process = self.start(*words)
        reading = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        is_running, _, _ = select.select([reading], [], [], START_S)
        os.close(reading)
        fifo.unlink()
        assert is_running, f"the task never ran: {process.poll()}"
        return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill an engine, and return when all that it had started is gone too."""
        process.kill()
        process.communicate()
        for lock in (self.home / "engines").glob("*.lock"):
            assert locks.wait_free(lock, WAIT_S)

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
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.close()


@pytest.fixture
def server(shell: Shell, tmp_path: Path) -> Iterator["Server"]:
    from tests.e2e.servers import Server

    (tmp_path / "client").mkdir()
    made = Server(shell, tmp_path / "client")
    yield made
    made.close()
