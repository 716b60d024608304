"""A round of the storm of jobs: many runs in one home, their engine killed by a plan, the service in trouble as well.

It owns the processes and the files of the round.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

from elevon import app
from elevon.primitives import failpoints
from http_job.server.ledgers import Entry
from http_job.server.processes import ServiceProcess
from tests.storm.jobs import behaviours
from tests.storm.jobs.behaviours import Behaviour

ROOT = Path(__file__).parents[3]
FAILPOINTS = (
    "once.after_intent",
    "once.after_submit",
    "once.after_result",
    "driver.before_start",
    "driver.after_start",
    "driver.after_check",
    "driver.before_kill",
    "driver.after_kill",
    "driver.before_finalize",
    "driver.after_commit",
    "store.before_commit",
    "store.after_commit",
)
LATEST_S = 3.0
PATIENCE_S = 90.0


class Strike(NamedTuple):
    """One kill of the engine.

    Attributes:
        after_s: So long after its start, in seconds; what has ended by then is not killed.
        failpoint: `name:count`, whichever comes first; empty for none.
    """

    after_s: float
    failpoint: str

    def __str__(self) -> str:
        return f"{self.failpoint or 'nothing'} or {self.after_s:.2f} s"


class Plan(NamedTuple):
    """What happens to a round.

    Attributes:
        runs: What is run.
        strikes: The kills of the engines that follow each other.
        faults: Of the service, from the start.
        outage_after_s: When the service is killed and started again, in seconds; None for never.
    """

    runs: tuple[Behaviour, ...]
    strikes: tuple[Strike, ...]
    faults: dict[str, Any]
    outage_after_s: float | None


def plan_of(seed: int, count: int) -> Plan:
    """The round of the runs with so many seeds from this one on."""
    chance = random.Random(f"round {seed}")
    strikes: list[Strike] = []
    for _ in range(chance.choice((2, 3, 4))):
        name = chance.choice(FAILPOINTS)
        is_by_time = chance.random() < 0.5
        failpoint = "" if is_by_time else f"{name}:{chance.randint(1, count)}"
        strikes.append(Strike(chance.uniform(0.5, LATEST_S), failpoint))
    faults: dict[str, Any] = {
        "refused_creates": chance.choice((0, 0, count // 5)),
        "lost_creates": chance.choice((0, count // 5, count // 2)),
        "latency_s": chance.choice((0.0, 0.0, 0.02)),
        "requests_per_s": chance.choice((0.0, 0.0, 100.0)),
    }
    runs = tuple(behaviours.of_seed(one) for one in range(seed, seed + count))
    outage = chance.uniform(0.5, 2 * LATEST_S) if chance.random() < 0.4 else None
    return Plan(runs, tuple(strikes), faults, outage)


class Round:
    """One round, in a directory of its own.

    Args:
        plan: What happens to it.
        directory: Empty.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.home = app.Home(directory / "home")
        self.kill_count = 0
        self.story: list[str] = []
        self.complaints: list[str] = []

    def carry_out(self) -> list[Entry]:
        """Run, kill, and go on until nobody kills any more; what the service has to say of it at the end."""
        with ServiceProcess(self.directory / "ledger") as service:
            service.misbehave(**self.plan.faults)
            outage = self._begin_outage(service)
            try:
                for strike in (*self.plan.strikes, None):
                    if self._go_on(service.url, strike) != -signal.SIGKILL:
                        break
                    self.kill_count += 1
            finally:
                if outage is not None:
                    outage.join()
            self.complaints.extend(_running(service))
            return service.entries()

    def _begin_outage(self, service: ServiceProcess) -> threading.Timer | None:
        if self.plan.outage_after_s is None:
            return None

        def happen() -> None:
            service.kill()
            service.restart()

        timer = threading.Timer(self.plan.outage_after_s, happen)
        timer.start()
        self.story.append(f"the service is killed after {self.plan.outage_after_s:.2f} s")
        return timer

    def _go_on(self, url: str, strike: Strike | None) -> int:
        """The next engine; how it ended."""
        process = self._start(url, strike.failpoint if strike else "")
        try:
            _, said = process.communicate(timeout=strike.after_s if strike else PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            if strike is None:
                self.complaints.append(f"the last engine hung for {PATIENCE_S:.0f} s")
        self.story.append(f"an engine, to be killed at {strike}, ended with {process.returncode}")
        if process.returncode not in (0, -signal.SIGKILL):
            self.complaints.append(f"an engine ended with {process.returncode}: {said.strip()[-2000:]}")
        return process.returncode

    def _start(self, url: str, failpoint: str) -> subprocess.Popen[str]:
        paths = (ROOT / "src", ROOT, ROOT / "examples" / "http-job")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            failpoints.VARIABLE: failpoint,
        }
        first, count = self.plan.runs[0].seed, len(self.plan.runs)
        words = [sys.executable, "-m", "tests.storm.jobs.program", self.home.path, url, first, count]
        return subprocess.Popen(
            list(map(str, words)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
        )


def _running(service: ServiceProcess) -> list[str]:
    """Jobs that are left over."""
    service.misbehave()
    return [f"job {job.id} was left {job.phase}" for job in service.jobs() if not job.phase.is_terminal]
