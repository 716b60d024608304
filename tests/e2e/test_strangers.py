"""A package that elevon has never heard of: built and installed for real, killed with the engine, upgraded, taken away.

Each story is told twice: with the package in the environment of the engine, and in one of its own, whose Python a host
process of the home runs.
"""

import json
import os
import select
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from elevon.primitives import locks

WAIT_S = 30

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "ferry"
version = "{version}"
dependencies = ["elevon"]

[project.entry-points."elevon.tasktypes"]
ferry = "ferry.executor:FerryExecutor"

[tool.hatch.build.targets.wheel]
packages = ["ferry"]
"""

EXECUTOR = '''
from datetime import timedelta
from pathlib import Path

import msgspec

from elevon.idl import literals
from elevon.plugin import Executor, ExecutorProperties, TaskStatus


class Crossing(msgspec.Struct):
    gate: str
{field}

class FerryExecutor(Executor[None, Crossing]):
    """Crosses when its gate is there."""

    id = "ferry"
    task_types = ("ferry",)
    properties = ExecutorProperties(check_after=timedelta(milliseconds=50))
    state_version = {version}

    async def start_task(self, ctx, template, spec, inputs):
        gate = inputs.literals["gate"].scalar.primitive.string_value
        with Path(f"{{gate}}.starts").open("a") as ledger:
            ledger.write("started by version {version}\\n")
        return TaskStatus.running(Crossing(gate))

    async def check_task_status(self, ctx):
        bell = Path(f"{{ctx.state.gate}}.bell")
        if bell.exists():
            bell.write_text("the start is behind us")
        if not Path(ctx.state.gate).exists():
            return TaskStatus.running(ctx.state)
        return TaskStatus.succeeded({{"o0": literals.string(f"crossed {{ctx.state!r}}")}})

    async def kill_task(self, ctx, reason):
        pass

    def migrate(self, old_version, raw):
        return raw | {{"toll": 3}}
'''

TASK = """
from elevon import Task


class Ferry(Task[..., str]):
    task_type = "ferry"
    inputs = {"gate": str}
    outputs = {"o0": str}
"""

DAY = """
from elevon import Task, workflow


class Ferry(Task[..., str]):
    task_type = "ferry"
    inputs = {"gate": str}
    outputs = {"o0": str}


ferry = Ferry("ferry")


@workflow
def day(gate: str) -> str:
    return ferry(gate=gate)
"""


class Wheels:
    """The package, as pip builds it: two releases, the second of which keeps a toll in its state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for version, field in ((1, ""), (2, "    toll: int = 2\n")):
            source = folder / f"source{version}"
            (source / "ferry").mkdir(parents=True)
            (source / "pyproject.toml").write_text(PROJECT.format(version=version))
            (source / "ferry" / "__init__.py").touch()
            (source / "ferry" / "task.py").write_text(TASK)
            (source / "ferry" / "executor.py").write_text(EXECUTOR.format(version=version, field=field))
            pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))

    def of(self, version: int) -> str:
        return str(next(self._folder.glob(f"ferry-{version}-*.whl")))


class Environment:
    """A virtual environment that has elevon; the package comes and goes."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        (place,) = folder.glob("lib/python*/site-packages")
        ours = [path for path in sys.path if path.endswith("site-packages")]
        lines = [f"import site; site.addsitedir({path!r})\n" for path in ours]
        (place / "elevon-of-the-tests.pth").write_text("".join(lines))

    def install(self, wheel: str) -> None:
        pip("--python", str(self.python), "install", "--no-deps", "--no-index", "--force-reinstall", wheel)

    def uninstall(self) -> None:
        pip("--python", str(self.python), "uninstall", "--yes", "ferry")


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr


class Harbour:
    """A home, the engine's Python, and the environment in which the package is or is not."""

    def __init__(self, folder: Path, engine: Environment, stranger: Environment) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        self.stranger = stranger
        self._engine = engine
        self._started: list[subprocess.Popen[str]] = []
        (folder / "day.py").write_text(DAY)
        if stranger is not engine:
            (folder / "home").mkdir()
            (folder / "home" / "elevon.toml").write_text(f'[hosts.harbour]\npython = "{stranger.python}"\n')

    def run_and_kill(self) -> None:
        """Begin the execution, and kill the engine when the task has been checked, so that its state is durable."""
        bell = Path(f"{self.gate}.bell")
        os.mkfifo(bell)
        process = self._start("run", "--execution-id", "day", "day.py", "day", "--gate", str(self.gate))
        hearing = os.open(bell, os.O_RDWR | os.O_NONBLOCK)
        is_checked, _, _ = select.select([hearing], [], [], WAIT_S)
        os.close(hearing)
        bell.unlink()
        assert is_checked, f"the task was never checked: {process.poll()}"
        self._kill(process)

    def resume_until(self, sign: str) -> None:
        """Go on with it, and kill the engine when it has said something."""
        process = self._start("resume", "day")
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if sign in line:
                break
        self._kill(process)
        assert sign in "".join(said[-1:]), said

    def resume(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._engine.python), "-m", "elevon", "resume", "day"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )

    @property
    def starts(self) -> list[str]:
        return Path(f"{self.gate}.starts").read_text().splitlines()

    def show(self) -> str:
        done = subprocess.run(
            [str(self._engine.python), "-m", "elevon", "show", "day", "--output", "json"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT_S,
        )
        return json.dumps(json.loads(done.stdout))

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(WAIT_S)
            assert process.stderr is not None
            process.stderr.close()

    def _kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        for lock in (self.folder / "home" / "engines").glob("*.lock"):
            assert locks.wait_free(lock, WAIT_S)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(self._engine.python), "-m", "elevon", *words],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "ELEVON_HOME": str(self.folder / "home")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return Wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(params=["the engine's environment", "an environment of its own"])
def harbour(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harbour]:
    engine = Environment(tmp_path / "engine")
    is_apart = request.param == "an environment of its own"
    made = Harbour(tmp_path, engine, Environment(tmp_path / "stranger") if is_apart else engine)
    yield made
    made.close()


def test_it_runs_is_killed_with_the_engine_and_goes_on(harbour: Harbour, wheels: Wheels) -> None:
    harbour.stranger.install(wheels.of(1))
    harbour.run_and_kill()
    harbour.gate.touch()
    done = harbour.resume()
    assert (done.returncode, "crossed Crossing(gate=" in done.stdout) == (0, True), done.stderr
    assert harbour.starts == ["started by version 1"]


def test_taken_away_its_attempt_waits_and_names_it_and_goes_on_when_it_is_back(
    harbour: Harbour, wheels: Wheels
) -> None:
    harbour.stranger.install(wheels.of(1))
    harbour.run_and_kill()
    harbour.gate.touch()
    harbour.stranger.uninstall()
    harbour.resume_until("task type 'ferry'")
    assert "no executor is registered for the task type 'ferry'" in harbour.show()
    harbour.stranger.install(wheels.of(1))
    done = harbour.resume()
    assert (done.returncode, "crossed" in done.stdout) == (0, True), done.stderr
    assert harbour.starts == ["started by version 1"]


def test_its_second_release_migrates_the_state_of_the_first(harbour: Harbour, wheels: Wheels) -> None:
    harbour.stranger.install(wheels.of(1))
    harbour.run_and_kill()
    harbour.gate.touch()
    harbour.stranger.install(wheels.of(2))
    done = harbour.resume()
    assert (done.returncode, "toll=3" in done.stdout) == (0, True), done.stderr


def test_its_first_release_leaves_the_state_of_the_second_alone(harbour: Harbour, wheels: Wheels) -> None:
    harbour.stranger.install(wheels.of(2))
    harbour.run_and_kill()
    harbour.gate.touch()
    harbour.stranger.install(wheels.of(1))
    harbour.resume_until("version 2")
    harbour.stranger.install(wheels.of(2))
    done = harbour.resume()
    assert (done.returncode, "toll=2" in done.stdout) == (0, True), done.stderr
    assert harbour.starts == ["started by version 2"]
