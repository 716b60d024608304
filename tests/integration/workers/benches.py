"""A launcher with real processes, and user code for it."""

import asyncio
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from elevon import errors, ports
from elevon.idl import messages
from elevon.primitives.clocks import SystemClock
from elevon.records.identities import AttemptId, ExecutionId
from elevon.sdk import sources
from elevon.workers.launcher import LocalLauncher
from elevon.workers.processes import Household
from elevon.workers.settings import WorkerSettings

LONG = timedelta(seconds=30)


class Bench:
    """Launchers, the artifacts they read, and short words for jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock_fd: int | None = None
        self.artifacts: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.launchers: list[LocalLauncher] = []

    async def load_artifact(self, digest: str) -> bytes:
        self.fetched.append(digest)
        await asyncio.sleep(0)
        if digest not in self.artifacts:
            raise errors.NotFoundError(f"there is no artifact {digest}")
        return self.artifacts[digest]

    def launcher(self, slot_count: int = 1, **settings: object) -> LocalLauncher:
        launcher = LocalLauncher(
            slot_count,
            self.load_artifact,
            SystemClock(),
            Household(self.folder / "scratch", self.lock_fd),
            WorkerSettings(**settings),  # pyright: ignore[reportArgumentType]
        )
        self.launchers.append(launcher)
        return launcher

    def code(self, text: str, *, root: str = "project", **others: str) -> str:
        """Store `tasks.py` with this text (and other modules) as a bundle; returns its digest."""
        prelude = "import os, signal, subprocess, sys, time\nfrom pathlib import Path\nfrom elevon import *\n"
        texts = {**others, "tasks": prelude + textwrap.dedent(text)}
        modules = tuple(
            sources.ModuleSource(name, f"{name.replace('.', '/')}.py", body.encode(), is_package=False)
            for name, body in sorted(texts.items())
        )
        bundle = sources.SourceBundle(str(self.folder / root), "tasks", modules)
        self.artifacts[bundle.digest + root] = sources.encode(bundle)
        return bundle.digest + root

    def task(self, task: str, code: str, number: int = 0, **fields: object) -> ports.Job:
        """The job of a Python task that takes an int or nothing."""
        return self._job(
            f"{task}-{number}", entrypoint=("tasks", task), code_digest=code, args=("x",), **fields
        )

    def command(self, *args: str, name: str = "command", **fields: object) -> ports.Job:
        return self._job(name, args=args, **fields)

    def left(self, name: str) -> str:
        """Where a command leaves a file for the launcher."""
        return str(self.folder / "data" / "command" / name)

    def _job(self, name: str, **fields: object) -> ports.Job:
        execution = ExecutionId("default", "development", "test")
        fields.setdefault("data_dir", self.folder / "data" / name)
        return ports.Job(id=AttemptId(execution, name, 0), name=name, **fields)  # pyright: ignore[reportArgumentType]


async def run(launcher: LocalLauncher, job: ports.Job) -> ports.JobResult:
    """Run a job to its end and forget it."""
    status = await launcher.start(job, nothing, LONG)
    assert status.result is not None, "the job did not end in time"
    launcher.forget(job.name)
    return status.result


def nothing() -> None:
    pass


async def until(condition: Callable[[], bool]) -> None:
    """Return when something outside has come true."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of what other processes do
            await asyncio.sleep(0.01)


def value(result: ports.JobResult) -> object:
    """The only output, an int or a string."""
    assert result.outputs is not None, result.failure
    literal = messages.LiteralMap.FromString(result.outputs).literals["o0"]
    primitive = literal.scalar.primitive
    return getattr(primitive, primitive.WhichOneof("value") or "")


def sentence(result: ports.JobResult) -> str:
    assert result.failure is not None, "it succeeded"
    return result.failure.message
