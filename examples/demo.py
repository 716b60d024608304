"""The demo: the airports of the world are surveyed, killed by `kill -9` in the middle, and resumed.

It types what a person would type, and checks what it claims: the run ends well, and no node that had succeeded
before the kill ran again. Its exit code is not zero if anything went otherwise. Executions are kept in build/demo, or
where the one argument says.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
HOME = Path(sys.argv[1] if len(sys.argv) > 1 else EXAMPLES.parent / "build" / "demo").absolute()
ELEVON = (sys.executable, "-m", "elevon")
EXECUTION = "airports-demo"
KILL_AFTER = 12
DEADLINE_S = 60
IS_TERMINAL = sys.stderr.isatty()


def main() -> int:
    """Run, kill, look, resume, report; returns the exit code."""
    shutil.rmtree(HOME, ignore_errors=True)
    tell("A survey of the world's airports. The read fails at first and is repeated.")
    engine = start("run", "--execution-id", EXECUTION, str(EXAMPLES / "airports.py"), "airports")
    done_before = wait_until_under_way(engine)
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    draw("\x1b[?25h\n")  # the killed program could not give the cursor back
    show(f"kill -9 {engine.pid}")

    tell(f"The engine is dead. {len(done_before)} nodes had succeeded, and that is on disk:")
    start("executions").wait()

    tell("Go on. What had succeeded stays; the pause remembers when it ends.")
    code = start("resume", EXECUTION, stdout=subprocess.DEVNULL).wait()
    view = look()
    if code or view is None:
        return fail(f"the resumed run ended with exit code {code}")
    done_after = succeeded(view)
    repeated = [node for node, story in done_before.items() if done_after.get(node) != story]
    if repeated:
        return fail(f"these nodes had succeeded and ran again: {', '.join(repeated)}")

    tell(f"{len(done_after)} nodes succeeded; none of the {len(done_before)} from before the kill ran again.")
    print(f"\n{view['outputs']['o0']}", flush=True)
    tell(f"See for yourself: .venv/bin/elevon show {EXECUTION} --home {short(str(HOME))}")
    return 0


def wait_until_under_way(engine: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Look every moment until enough nodes have succeeded; returns their stories by id."""
    give_up_at = time.monotonic() + DEADLINE_S
    while engine.poll() is None and time.monotonic() < give_up_at:
        view = look()
        done = succeeded(view) if view else {}
        if len(done) >= KILL_AFTER:
            return done
        time.sleep(0.05)
    if engine.poll() is None:
        engine.kill()
    sys.exit(fail(f"the run did not get far enough to be killed (exit code {engine.wait()})"))


def succeeded(view: dict[str, Any]) -> dict[str, Any]:
    """The story of each node that succeeded: when it began and ended, and its attempts."""
    found: dict[str, Any] = {}
    waiting: list[dict[str, Any]] = list(view["nodes"])
    while waiting:
        node = waiting.pop()
        waiting += node["nodes"]
        if node["phase"] == "SUCCEEDED":
            found[node["node"]] = (node["started_at"], node["ended_at"], len(node["attempts"]))
    return found


def look() -> dict[str, Any] | None:
    """What `elevon show` says; None before there is an execution. Reading needs no lock and no engine."""
    command = [*ELEVON, "show", EXECUTION, "--home", str(HOME), "--output", "json"]
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
