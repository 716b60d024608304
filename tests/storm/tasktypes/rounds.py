"""A round of the storm of task types: one `elevon run` that is killed by a plan, and resumed until it ends.

What is run and what must hold then besides is a `Subject`: one module of `subjects` a task type or backend. It owns the
processes and the files of the round; whatever is started for it has the round's directory as its `HOME`, which is how
left-overs are found.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from elevon.primitives import failpoints

ROOT = Path(__file__).parents[3]
EXECUTION = "storm"
PATIENCE_S = 120.0
ENDING_S = 30.0
FAILPOINTS = (
    "once.after_intent",
    "once.after_submit",
    "once.after_result",
    "driver.before_start",
    "driver.after_start",
    "driver.before_check",
    "driver.after_check",
    "driver.before_finalize",
    "driver.after_commit",
    "store.before_commit",
    "store.after_commit",
)


class Ground(NamedTuple):
    """Where a round happens, and with what.

    Attributes:
        directory: The round's own; `HOME` of all its processes.
        environment: Added to that of the engines.
    """

    directory: Path
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        """The home of its engines."""
        return self.directory / "home"


def _no_service() -> AbstractContextManager[Mapping[str, str]]:
    return contextlib.nullcontext({})


def _no_complaints(_ground: Ground) -> Iterator[str]:
    return iter(())


class Subject(NamedTuple):
    """What is stormed.

    Attributes:
        program: The file with the workflow.
        words: The workflow's name and its inputs, for a directory of the round.
        outputs: What must come out.
        run_s: How long an undisturbed run takes, about; kills by time come within it.
        configuration: `elevon.toml` of the home, for the environment that the service gave; empty for none.
        service: Started once for all rounds of a process; gives variables for the engines, and is ended after them.
        complaints: What is wrong at the end besides: what the service or a ledger counted.
        failpoints: Where engines may be killed besides at a time.
    """

    program: Path
    words: Callable[[Path], Sequence[str]]
    outputs: Mapping[str, Any]
    run_s: float
    configuration: Callable[[Mapping[str, str]], str] = lambda _environment: ""
    service: Callable[[], AbstractContextManager[Mapping[str, str]]] = _no_service
    complaints: Callable[[Ground], Iterator[str]] = _no_complaints
    failpoints: Sequence[str] = FAILPOINTS


class Strike(NamedTuple):
    """One kill of the engine: after so many seconds, or at a failpoint (`name:count`) if there is one."""

    after_s: float
    failpoint: str = ""

    def __str__(self) -> str:
        return self.failpoint or f"{self.after_s:.2f} s"


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, and what it said."""

    code: int
    stdout: str
    stderr: str


def strikes_of(seed: int, subject: Subject) -> tuple[Strike, ...]:
    """The kills of a seed: the first hits `elevon run`, the others what is started to go on."""
    chance = random.Random(seed)
    count = chance.choices((1, 2, 3), (60, 30, 10))[0]
    return tuple(_strike(chance, subject) for _ in range(count))


def _strike(chance: random.Random, subject: Subject) -> Strike:
    after_s = chance.uniform(0.3, 0.3 + subject.run_s)
    if chance.random() < 0.5:
        return Strike(after_s)
    return Strike(PATIENCE_S, f"{chance.choice(subject.failpoints)}:{chance.choice((1, 1, 2, 3))}")


class Round:
    """One round.

    Args:
        subject: What is run.
        strikes: When its engines are killed.
        ground: Where; the directory is empty.
    """

    def __init__(self, subject: Subject, strikes: Sequence[Strike], ground: Ground) -> None:
        self._subject = subject
        self._strikes = strikes
        self._ground = ground
        self.story: list[str] = []
        self.kill_count = 0

    def carry_out(self) -> list[str]:
        """Run, kill, and go on until nobody kills any more; what is wrong then."""
        ground = self._ground
        ground.home.mkdir()
        configuration = self._subject.configuration(ground.environment)
        if configuration:
            (ground.home / "elevon.toml").write_text(configuration, encoding="utf-8")
        for strike in (*self._strikes, None):
            ended = self._go_on(strike)
            if ended.code == -signal.SIGKILL and strike is not None:
                self.kill_count += 1
                continue
            return [*self._wrong_with(ended), *self._subject.complaints(ground), *left_over(ground)]
        raise AssertionError("the last engine is not killed")

    def _go_on(self, strike: Strike | None) -> Ended:
        """The next engine: `run` until the execution is durable, then `resume`."""
        words: Sequence[str] = ("resume", EXECUTION)
        if not self._is_there():
            given = self._subject.words(self._ground.directory)
            words = ("run", "--execution-id", EXECUTION, str(self._subject.program), *given)
        ended = self._elevon(*words, strike=strike)
        self.story.append(
            f"{words[0]}, to be killed at {strike}: exit {ended.code} {ended.stderr[-500:].strip()}"
        )
        return ended

    def _is_there(self) -> bool:
        return self._elevon("show", EXECUTION).code == 0

    def _wrong_with(self, ended: Ended) -> Iterator[str]:
        if ended.code == -signal.SIGKILL:
            yield f"the last engine hung for {PATIENCE_S:.0f} s"
            return
        shown = self._elevon("show", EXECUTION)
        document = json.loads(shown.stdout) if shown.code == 0 else {}
        if ended.code or document.get("outputs") != self._subject.outputs:
            yield (
                f"the last engine ended with {ended.code}, and the execution is {document.get('phase')} with the "
                f"outputs {document.get('outputs')}: {document.get('error')} {ended.stderr[-2000:]}"
            )

    def _elevon(self, command: str, *words: str, strike: Strike | None = None) -> Ended:
        home = ("--home", str(self._ground.home), "--output", "json")
        with subprocess.Popen(
            [sys.executable, "-m", "elevon", command, *home, *words],
            env=self._environment(strike),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._ground.directory,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=strike.after_s if strike else PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                stdout, stderr = process.communicate()
        return Ended(process.returncode, stdout, stderr)

    def _environment(self, strike: Strike | None) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._ground.directory),
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
            **self._ground.environment,
            failpoints.VARIABLE: strike.failpoint if strike else "",
        }


def left_over(ground: Ground) -> Iterator[str]:
    """Processes of the round that are there still, though they were given time to end."""
    deadline = time.monotonic() + ENDING_S
    while (left := list(_processes_of(ground))) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield from left


def _processes_of(ground: Ground) -> Iterator[str]:
    for process in psutil.process_iter(["cmdline", "environ", "pid", "status"]):
        environment = process.info["environ"] or {}
        is_alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if environment.get("HOME") == str(ground.directory) and is_alive:
            yield f"process {process.info['pid']} was left over: {process.info['cmdline']}"
