"""What real processes are to be disturbed at, learnt by simulated runs in a process of its own.

A simulated run is torn down in the middle of whatever it does. A library with threads of its own, such as gRPC, may
not live through the end of its event loop: that is no fault of the executor, and must not end the kit. A lesson that
ended so is taken again.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.testing.conformance import modules
from elevon.testing.conformance.plans import Base
from elevon.testing.conformance.virtual_checks import VirtualCheck

_PROGRAM: Final = "from elevon.testing.conformance import lessons; lessons.teach()"
_TRIES: Final = 5
_SAID_LIMIT: Final = 2000


class _Task(msgspec.Struct, frozen=True):
    """What to learn: the scenario as `MODULE:CLASS`, where Python looks for it, and where the answer goes."""

    scenario: str
    path: tuple[str, ...]
    answer: str


class Lesson(msgspec.Struct, frozen=True):
    """What was learnt.

    Attributes:
        bases: Runs to which faults are added; the first is the undisturbed one.
        duration_s: How long an undisturbed run takes, in seconds of its own time.
    """

    bases: tuple[Base, ...]
    duration_s: float


def learn(scenario: str) -> Lesson:
    """Learn of a scenario that can be imported by its name.

    Raises:
        UnavailableError: Its runs end the process that they are in, each time.
    """
    with tempfile.TemporaryDirectory(prefix="elevon-lesson-") as directory:
        answer = Path(directory) / "answer"
        task = msgspec.json.encode(_Task(scenario, tuple(sys.path), str(answer)))
        surroundings = {**os.environ, "TMPDIR": directory}  # a process that is lost leaves its files to us
        how = ""
        for _ in range(_TRIES):
            done = subprocess.run(  # noqa: S603 - this interpreter, with a module of this package
                [sys.executable, "-c", _PROGRAM],
                input=task,
                env=surroundings,
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return msgspec.json.decode(answer.read_bytes(), type=Lesson)
            how = f"{done.returncode}: {done.stderr.decode(errors='replace').strip()[-_SAID_LIMIT:]}"
    raise errors.UnavailableError(
        f"the undisturbed runs of the scenario {scenario} end their process with {how}"
    )


def teach() -> None:
    """The process's side."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=_Task)
    sys.path[:] = task.path
    with tempfile.TemporaryDirectory(prefix="elevon-check-") as directory:
        bases, duration_s = VirtualCheck(modules.load(task.scenario), Path(directory)).learnt()
        Path(task.answer).write_bytes(msgspec.json.encode(Lesson(tuple(bases), duration_s)))
