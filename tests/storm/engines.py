"""One engine of a storm: a program of the tests that drives executions in a directory, and is killed by a strike."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from elevon.primitives import failpoints

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0


class Strike(NamedTuple):
    """One kill of an engine: so long after its start, or at a failpoint (`name:count`) if that comes first."""

    after_s: float
    failpoint: str = ""

    def __str__(self) -> str:
        return f"{self.failpoint or 'nothing'} or {self.after_s:.2f} s"


class Ended(NamedTuple):
    """How an engine ended.

    Attributes:
        code: Its exit code, negative for a signal.
        said: What it wrote to stderr.
        has_hung: Whether it had to be killed, though no strike was for it.
    """

    code: int
    said: str
    has_hung: bool

    def complaints(self) -> Iterator[str]:
        """What is wrong with that: it may have been killed, or have ended well."""
        if self.has_hung:
            yield f"the last engine hung for {PATIENCE_S:.0f} s"
        elif self.code not in (0, -signal.SIGKILL):
            yield f"an engine ended with {self.code}: {self.said.strip()[-2000:]}"


def driven(
    program: str, words: Sequence[object], directory: Path, strike: Strike | None, paths: Sequence[Path] = ()
) -> Ended:
    """Let an engine run until it ends or is killed.

    Args:
        program: The module that is run.
        words: Given to it.
        directory: `HOME` of its processes, by which left-overs are found.
        strike: When it is killed; None for one that is to end by itself.
        paths: Where modules are besides elevon's and those of the tests.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT, *paths))),
        failpoints.VARIABLE: strike.failpoint if strike else "",
    }
    with subprocess.Popen(
        [sys.executable, "-m", program, *map(str, words)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
    ) as process:
        try:
            _, said = process.communicate(timeout=strike.after_s if strike else PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            return Ended(process.returncode, said, has_hung=strike is None)
    return Ended(process.returncode, said, has_hung=False)
