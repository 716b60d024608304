"""One round: a real `elevon run` that is killed by a plan, and resumed until it ends.

It owns the processes and the files of the round. What was durable at each kill is read from a copy of the database,
so that the next engine finds the files as the kill left them.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from elevon import app, errors
from elevon.primitives import failpoints
from elevon.primitives.clocks import SystemClock
from elevon.records.identities import ExecutionId
from elevon.records.snapshots import StoredExecution
from elevon.stores.sqlite import SqliteStateStore
from tests.storm import ledgers
from tests.storm.plans import Plan, Strike

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("program.py")
EXECUTION = ExecutionId("default", "development", "storm")
NAME = EXECUTION.name
WORKER_COUNT = 3
PATIENCE_S = 60.0


class Look(NamedTuple):
    """What was durable at one moment.

    Attributes:
        line_count: Length of the tasks' ledger.
        stored: What was durable; None if the execution was not.
    """

    line_count: int
    stored: StoredExecution | None = None


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        code: Exit code; negative for a signal.
        stdout: What it printed.
        stderr: What it said.
    """

    code: int
    stdout: str
    stderr: str


class Round:
    """One round, in a directory of its own.

    Args:
        plan: When to kill.
        directory: Empty.
        run_s: How long an undisturbed run takes, in seconds.
    """

    def __init__(self, plan: Plan, directory: Path, run_s: float) -> None:
        self.plan = plan
        self.run_s = run_s
        self.directory = directory
        self.home = app.Home(directory / "home")
        self.ledger = directory / "ledger"
        self.service = directory / "service"
        self.story: list[str] = []
        self.complaints: list[str] = []
        self.kills: list[Look] = []

    def carry_out(self) -> None:
        """Run, kill, and go on until nobody kills any more."""
        for strike in (*self.plan.strikes, None):
            ended = self._go_on(strike)
            if ended is not None and ended.code == -signal.SIGKILL:
                self.kills.append(self.look())
                continue
            if ended is not None and ended.code != (0 if self.plan.workflow == "storm" else 1):
                said = f"{ended.stderr.strip()} {ended.stdout.strip()}"
                self.complaints.append(f"the last process ended with {ended.code}: {said}")
            elif not self.kills and any(one.failpoint.endswith(":1") for one in self.plan.strikes[:1]):
                self.complaints.append("the failpoint was never reached")
            return

    def _go_on(self, strike: Strike | None) -> Ended | None:
        """The next process: `run` until the execution is durable, then `resume`."""
        engine = ["--workers", str(WORKER_COUNT)]
        for name in ("Kiln", "Press"):
            engine += ["--tasktype", f"tests.storm.executors:{name}"]
        if self.kills and self.kills[-1].stored is not None:
            words = ["resume", *engine, NAME]
        else:
            if self.kills:
                self._expect_none(["resume", *engine, NAME])
            words = [
                "run",
                *engine,
                "--execution-id",
                NAME,
                str(PROGRAM),
                self.plan.workflow,
                "--ledger",
                str(self.ledger),
            ]
        process = self._start(words, strike.failpoint if strike else "")
        ended = self._finish(process, strike)
        self.story.append(
            f"{words[0]}, to be killed at {strike}: {_brief(ended)}"
            if strike
            else f"{words[0]}: {_brief(ended)}"
        )
        return ended

    def _expect_none(self, words: list[str]) -> None:
        ended = self._finish(self._start(words, ""), None)
        if ended is None or ended.code != 2 or "no execution" not in ended.stderr:
            self.complaints.append(f"resume of what was never durable said: {_brief(ended)}")

    def _start(self, words: list[str], failpoint: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),  # marks every process of the round: tasks are given it too
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
            "STORM_SERVICE": str(self.service),
            failpoints.VARIABLE: failpoint,
        }
        command, *rest = words
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "elevon",
                command,
                "--home",
                str(self.home.path),
                "--output",
                "json",
                *rest,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
        )

    def _finish(self, process: subprocess.Popen[str], strike: Strike | None) -> Ended | None:
        """Kill it in time, or wait for its end; None if there is none."""
        began = time.monotonic()
        by_time = strike is not None and not strike.failpoint
        try:
            stdout, stderr = process.communicate(
                timeout=strike.share * self.run_s if strike and by_time else PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            if not by_time:
                self.complaints.append(f"a process hung for {time.monotonic() - began:.0f} s")
                return None
        return Ended(process.returncode, stdout, stderr)

    def look(self) -> Look:
        """What is durable, from a copy, and how long the ledger was before that."""
        line_count = len(ledgers.read(self.ledger))
        copy = self.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("elevon.db", "elevon.db-wal"):
            if (self.home.path / name).exists():
                shutil.copy(self.home.path / name, copy / name)
        database = copy / "elevon.db"
        return asyncio.run(_read(database, line_count)) if database.exists() else Look(line_count)


async def _read(database: Path, line_count: int) -> Look:
    store = SqliteStateStore(database, SystemClock())
    await store.open()
    try:
        return Look(line_count, await store.load_execution(EXECUTION))
    except errors.NotFoundError:
        return Look(line_count)
    finally:
        await store.close()


def _brief(ended: Ended | None) -> str:
    return "no end" if ended is None else f"exit {ended.code} {ended.stderr.strip()[-300:]}".strip()
