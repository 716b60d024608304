"""A round of the storm of jobs: many runs in one home, their engine killed by a plan, the service in trouble as well.

It owns the processes and the files of the round.
"""

import random
import signal
import threading
from pathlib import Path
from typing import Any, NamedTuple

from elevon import app
from http_job.server.ledgers import Entry
from http_job.server.processes import ServiceProcess
from tests.storm import engines
from tests.storm.engines import Strike
from tests.storm.jobs import behaviours
from tests.storm.jobs.behaviours import Behaviour

EXAMPLE = engines.ROOT / "examples" / "http-job"
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
        words = (self.home.path, url, self.plan.runs[0].seed, len(self.plan.runs))
        ended = engines.driven("tests.storm.jobs.program", words, self.directory, strike, [EXAMPLE])
        self.story.append(f"an engine, to be killed at {strike}, ended with {ended.code}")
        self.complaints.extend(ended.complaints())
        return ended.code


def _running(service: ServiceProcess) -> list[str]:
    """Jobs that are left over."""
    service.misbehave()
    return [f"job {job.id} was left {job.phase}" for job in service.jobs() if not job.phase.is_terminal]
