"""Virtual environments with a stranger's package, built and installed for real."""

import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import elevon

UV = Path(sys.executable).with_name("uv")
PROJECT = """
[build-system]
requires = ["uv_build"]
build-backend = "uv_build"

[project]
name = "naps"
version = "{version}"

[project.entry-points."elevon.tasktypes"]
nap = "naps:NapExecutor"
"""
MODULE = '''
from datetime import timedelta
from pathlib import Path

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.plugin import Executor, ExecutorProperties, TaskStatus

VERSION = {version}


class Settings(msgspec.Struct):
    gate: str = ""


class State(msgspec.Struct):
    seconds: int
    unit: str = "s"


class NapExecutor(Executor[None, State]):
    """Is done once there is a file."""

    id = "nap"
    task_types = ("scripted",)
    properties = ExecutorProperties(check_after=timedelta(milliseconds=20))
    config_type = Settings
    state_version = VERSION

    async def initialize(self, setup):
        self.gate = Path(setup.config.gate)

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.running(State(1), check_after=timedelta(milliseconds=20))

    async def check_task_status(self, ctx):
        if not self.gate.exists():
            return TaskStatus.running(ctx.state, check_after=timedelta(milliseconds=20))
        return TaskStatus.succeeded({{"o0": literals.integer(VERSION)}})

    async def kill_task(self, ctx, reason):
        pass

    def migrate(self, old_version, raw):
        return {{"seconds": 60 * raw["seconds"], "unit": "min"}}
'''


class Environment:
    """One, empty at first.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = str(folder / "venv" / "bin" / "python")
        _uv("venv", "--python", sys.executable, str(folder / "venv"))

    def link_elevon(self) -> None:
        """Install this elevon there, with what it needs."""
        places = [sysconfig.get_paths()["purelib"], str(Path(elevon.__file__).parent.parent)]
        (self._packages() / "elevon.pth").write_text("\n".join(places) + "\n")

    def install(self, version: int) -> None:
        """Build a release of the package, and install it."""
        source = self.folder / f"naps-{version}"
        (source / "src" / "naps").mkdir(parents=True, exist_ok=True)
        (source / "pyproject.toml").write_text(PROJECT.format(version=f"{version}.0"))
        (source / "src" / "naps" / "__init__.py").write_text(textwrap.dedent(MODULE.format(version=version)))
        _uv("pip", "install", "--offline", "--no-deps", "--reinstall", "--python", self.python, str(source))

    def uninstall(self) -> None:
        """Remove the package."""
        _uv("pip", "uninstall", "--python", self.python, "naps")

    def remove(self) -> None:
        """Remove the environment."""
        shutil.rmtree(self.folder / "venv")

    def _packages(self) -> Path:
        (found,) = (self.folder / "venv" / "lib").glob("python3*/site-packages")
        return found


def _uv(*arguments: str) -> None:
    subprocess.run([UV, *arguments, "--quiet"], check=True)
