"""Who is measured: the runners, each a process of its own environment that times itself, and their commands.

It must import nothing heavy: a child's peak memory starts from what its parent had when it was started.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from bench.programs import Workload

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """The benchmark itself could not go on; one sentence."""


class Pythons(NamedTuple):
    """The interpreters of the two environments.

    Attributes:
        elevon: Has elevon.
        flytekit: Has flytekit; None to measure without it.
    """

    elevon: Path
    flytekit: Path | None


def pythons() -> Pythons:
    """This interpreter for elevon, that of `ELEVON_FLYTEKIT_PYTHON` for flytekit."""
    named = os.environ.get("ELEVON_FLYTEKIT_PYTHON")
    return Pythons(Path(sys.executable), Path(named) if named else None)


def environment() -> dict[str, str]:
    """What children run in: bytecode is kept, as a user's is, and no home but the benchmark's own is known."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "ELEVON_HOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    paths = [str(ROOT), str(ROOT / "examples" / "http-job"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


class Runner:
    """A process that runs workloads and says how long each took.

    Args:
        name: The contender.
        sdk: Which SDK its programs are written for; empty for none.
        command: What starts it.
        directory: For its programs and its log.
    """

    def __init__(self, name: str, sdk: str, command: Sequence[str | Path], directory: Path) -> None:
        self.name = name
        self._sdk = sdk
        self._directory = directory
        self._log_path = directory / f"{name}.log"
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def measure(self, workload: Workload) -> dict[str, Any]:
        """Run it once.

        Returns:
            `seconds`, and what else this runner measures.

        Raises:
            BenchError: The runner died, or the workflow returned something else than it should.
        """
        path = workload.write(self._sdk, self._directory) if self._sdk else ""
        answer = self.ask({"path": str(path), **workload._asdict()})
        if answer["values"] != [workload.value] * workload.copies:
            raise BenchError(f"{self.name} computed {answer['values'][:3]} for {workload}")
        return answer

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request, and give what it answers.

        Raises:
            BenchError: The runner died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            said = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise BenchError(f"{self.name} died on {question}: {said[-1] if said else 'it said nothing'}")
        return json.loads(line)


def elevon(python: Path, directory: Path, home: Path) -> Runner:
    """The engine of elevon, warm."""
    return Runner("elevon", "elevon", [python, "-m", "bench.runners.elevon_engine", home], directory)


def elevon_jobs(python: Path, directory: Path, home: Path) -> Runner:
    """The engine of elevon, with jobs of a service."""
    return Runner("elevon", "elevon", [python, "-m", "bench.runners.elevon_jobs", home], directory)


def elevon_cache(python: Path, directory: Path) -> Runner:
    """A cache of elevon, with a service in memory."""
    return Runner("elevon", "elevon", [python, "-m", "bench.runners.elevon_cache"], directory)


def elevon_futures(python: Path, directory: Path) -> Runner:
    """The compiler of elevon, with futures."""
    return Runner("elevon", "elevon", [python, "-m", "bench.runners.elevon_futures"], directory)


def elevon_isolation(python: Path, directory: Path, home: Path) -> Runner:
    """The engine of elevon, with executors that do not behave."""
    return Runner("elevon", "elevon", [python, "-m", "bench.runners.elevon_isolation", home], directory)


def flytekit(python: Path, directory: Path) -> Runner:
    """The local call of flytekit."""
    return Runner("flytekit", "flytekit", [python, "-m", "bench.runners.flytekit_local"], directory)


def floor(python: Path, directory: Path) -> Runner:
    """The process pool."""
    return Runner("floor", "", [python, "-m", "bench.runners.pool_floor"], directory)


class Run(NamedTuple):
    """One command, from its start to its end.

    Attributes:
        seconds: Wall time.
        peak_bytes: Of the largest process among it and those that it waited for.
    """

    seconds: float
    peak_bytes: int


def run_command(command: Sequence[str | Path]) -> Run:
    """Run a whole command, quietly.

    Raises:
        BenchError: It failed.
    """
    begun_at = time.perf_counter()
    process = start_command(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun_at
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"{' '.join(map(str, command))} ended with exit code {process.returncode}")
    return Run(seconds, usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024)


def start_command(command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start a command that says nothing."""
    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=ROOT,
    )
