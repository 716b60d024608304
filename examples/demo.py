"""The demo: two runs are killed by `kill -9` in the middle, and resumed.

First the airports of the world are surveyed by Python tasks; then a pipeline of a Hive query, Spark, Python and a pod
finds the most crowded skies, and is killed while the query runs. The demo types what a person would type, and checks
what it claims: each run ends well, no node that had succeeded before the kill ran again, and the query that ran was
followed, not begun anew. Its exit code is not zero if anything went otherwise. Executions are kept in build/demo, or
where the one argument says.
"""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

EXAMPLES = Path(__file__).resolve().parent
HOME = Path(sys.argv[1] if len(sys.argv) > 1 else EXAMPLES.parent / "build" / "demo").absolute()
ELEVON = (sys.executable, "-m", "elevon")
DEADLINE_S = 90
IS_TERMINAL = sys.stderr.isatty()

View = dict[str, Any]
Stories = dict[str, Any]


class Act(NamedTuple):
    """One run, its kill, and how it goes on.

    Attributes:
        execution: Its name.
        file: The program.
        workflow: What of it is run.
        opening: What it does.
        is_ripe: Whether to kill it, as it looks now.
        interval: Between the kill and the resume.
        going_on: What to expect of the resume.
    """

    execution: str
    file: str
    workflow: str
    opening: str
    is_ripe: Callable[[View], bool]
    interval: str
    going_on: str


def main() -> int:
    """Both acts; returns the exit code."""
    shutil.rmtree(HOME, ignore_errors=True)
    survey = Act(
        execution="airports-demo",
        file="airports.py",
        workflow="airports",
        opening="A survey of the world's airports. The read fails at first and is repeated.",
        is_ripe=lambda view: len(succeeded(view)) >= 12,
        interval="The engine is dead. {done} nodes had succeeded, and that is on disk:",
        going_on="Go on. What had succeeded stays; the pause remembers when it ends.",
    )
    pipeline = Act(
        execution="skies-demo",
        file="pipeline.py",
        workflow=skies(),
        opening="Now a pipeline: a Hive query compares all airports with each other, and what it finds goes through "
        "Spark, Python and a pod.",
        is_ripe=lambda view: len(succeeded(view)) >= 2 and any(states(view, "hive", "RUNNING")),
        interval="The engine is dead again, and the query runs on without it. On disk there are {done} nodes:",
        going_on="Go on. The query that runs is found, and not begun again.",
    )
    return play(survey) or play(pipeline)


def skies() -> str:
    """The pipeline that can run here."""
    if shutil.which("java") is None or importlib.util.find_spec("pyspark") is None:
        tell("There is no Java or no pyspark here, so the pipeline below does without Spark.")
        return "crowded_skies_without_spark"
    return "crowded_skies"


def play(act: Act) -> int:
    """Run, kill, look, resume, report; returns the exit code."""
    tell(act.opening)
    engine = start("run", "--execution-id", act.execution, str(EXAMPLES / act.file), act.workflow)
    before = wait_until_ripe(act, engine)
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    draw("\x1b[?25h\n")  # the killed program could not give the cursor back
    show(f"kill -9 {engine.pid}")

    done_before, running_before = succeeded(before), states(before, "hive", "RUNNING")
    tell(act.interval.format(done=len(done_before)))
    start("executions").wait()

    tell(act.going_on)
    code = start("resume", act.execution, stdout=subprocess.DEVNULL).wait()
    after = look(act)
    if code or after is None:
        return fail(f"the resumed run ended with exit code {code}")
    done_after = succeeded(after)
    repeated = [node for node, story in done_before.items() if done_after.get(node) != story]
    if repeated:
        return fail(f"these nodes had succeeded and ran again: {', '.join(repeated)}")
    if any(attempts > 1 for node, (*_, attempts) in done_after.items() if node in running_before):
        return fail("the query that ran was begun again")

    tell(f"{len(done_after)} nodes succeeded; none of the {len(done_before)} from before the kill ran again.")
    print(f"\n{after['outputs']['o0'].rstrip()}", flush=True)
    tell(f"See for yourself: .venv/bin/elevon show {act.execution} --home {short(str(HOME))}")
    return 0


def wait_until_ripe(act: Act, engine: subprocess.Popen[bytes]) -> View:
    """Look every moment until the run is where it is to be killed; returns how it looked."""
    give_up_at = time.monotonic() + DEADLINE_S
    while engine.poll() is None and time.monotonic() < give_up_at:
        view = look(act)
        if view and act.is_ripe(view):
            return view
        time.sleep(0.05)
    if engine.poll() is None:
        engine.kill()
    sys.exit(fail(f"the run did not get far enough to be killed (exit code {engine.wait()})"))


def succeeded(view: View) -> Stories:
    """The story of each node that succeeded: when it began and ended, and its attempts."""
    return {
        node["node"]: (node["started_at"], node["ended_at"], len(node["attempts"]))
        for node in nodes_of(view)
        if node["phase"] == "SUCCEEDED"
    }


def states(view: View, task_type: str, phase: str) -> set[str]:
    """The nodes of a task type of which an attempt is in a phase."""
    return {
        node["node"]
        for node in nodes_of(view)
        if node["task_type"] == task_type and any(attempt["phase"] == phase for attempt in node["attempts"])
    }


def nodes_of(view: View) -> Iterator[View]:
    """All nodes, those within others too."""
    waiting: list[View] = list(view["nodes"])
    while waiting:
        node = waiting.pop()
        waiting += node["nodes"]
        yield node


def look(act: Act) -> View | None:
    """What `elevon show` says; None before there is an execution. Reading needs no lock and no engine."""
    command = [*ELEVON, "show", act.execution, "--home", str(HOME), "--output", "json"]
    done = subprocess.run(command, capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def start(*words: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """Type a command."""
    show(" ".join(["elevon", *map(short, words)]))
    return subprocess.Popen([*ELEVON, *words, "--home", str(HOME)], stdout=stdout)


def fail(sentence: str) -> int:
    """Say what went wrong."""
    print(f"demo: {sentence}", file=sys.stderr)
    return 1


def tell(sentence: str) -> None:
    """A line of the story."""
    print(bold(f"\n{sentence}"), flush=True)


def show(command: str) -> None:
    """A line that a person would type."""
    print(f"$ {command}", flush=True)


def short(path: str) -> str:
    """A path in this repository as it is typed at its root."""
    return path.removeprefix(f"{EXAMPLES.parent}/")


def bold(text: str) -> str:
    """The same, bold on a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if IS_TERMINAL else text


def draw(codes: str) -> None:
    """Codes for a terminal, where there is one."""
    if IS_TERMINAL:
        print(codes, end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
