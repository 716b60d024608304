"""A round of the storm of servers: one after another serves a home, and clients start executions all the while.

A client sends again what it has no answer to, and looks again for what it waits for. It owns the processes and the
files of the round, and what has to be true in the end.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from elevon.primitives import failpoints
from tests.integration.machines import HeldPort
from tests.storm.servers import flows

FLOWS: Final = Path(__file__).with_name("flows.py")
FAILPOINTS: Final = (
    "store.before_commit",
    "store.after_commit",
    "engine.after_acquire",
    "engine.before_release",
    "driver.after_commit",
    "driver.after_start",
)
EXECUTION_COUNT: Final = 20
WORKER_COUNT: Final = 2
STRIKE_COUNT: Final = 4
CLIENT_COUNT: Final = 4
PATIENCE_S: Final = 60
LATEST_HIT: Final = 60
LONGEST_S: Final = 1.5


class Round:
    """One round, in a directory of its own.

    Args:
        seed: Of what happens in it.
        directory: Empty.
    """

    def __init__(self, seed: int, directory: Path) -> None:
        self._random = random.Random(seed)
        self._directory = directory
        self._ledger = directory / "ledger"
        self._held = HeldPort()
        self._port = self._held.number
        self._is_over = threading.Event()
        self._is_served = threading.Event()
        self.kill_count = 0
        self.story: list[str] = []
        self.complaints: list[str] = []

    def carry_out(self) -> None:
        """Serve, kill and serve again while clients start executions and wait for them; then judge."""
        names = [f"x{number}" for number in range(EXECUTION_COUNT)]
        with self._held, ThreadPoolExecutor(CLIENT_COUNT + 1) as pool:
            serving = pool.submit(self._serve_and_kill)
            try:
                plan = self._register()
                shares = [names[start::CLIENT_COUNT] for start in range(CLIENT_COUNT)]
                list(pool.map(lambda share: self._run(plan, share), shares))
                self._judge(names)
            finally:
                self._is_over.set()
                serving.result()

    def _serve_and_kill(self) -> None:
        for number in range(STRIKE_COUNT + 1):
            is_last = number == STRIKE_COUNT
            point = "" if is_last or self._random.random() < 0.5 else self._random.choice(FAILPOINTS)
            hit = f"{point}:{self._random.randint(1, LATEST_HIT)}" if point else ""
            seconds = None if is_last else self._random.uniform(0.05, LONGEST_S)
            self.story.append(f"a server, killed at {hit or 'no failpoint'}, or after {seconds} s")
            with self._server(hit) as process:
                if seconds is None:
                    self._is_over.wait()
                    process.send_signal(signal.SIGTERM)
                    _, said = process.communicate(timeout=PATIENCE_S)
                    if process.returncode not in (0, 130) or "Traceback" in said:
                        self.complaints.append(f"the last server ended with {process.returncode}: {said}")
                else:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=seconds)
                    process.kill()
                    self.kill_count += 1

    @contextlib.contextmanager
    def _server(self, hit: str) -> Iterator["subprocess.Popen[str]"]:
        words = ["--home", str(self._directory / "home"), "--port", str(self._port), "--output", "json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "elevon", "serve", *words, "--workers", str(WORKER_COUNT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, failpoints.VARIABLE: hit},
        )
        with process:
            assert process.stdout is not None
            if process.stdout.readline():
                self._is_served.set()
            try:
                yield process
            finally:
                process.kill()

    def _register(self) -> Any:
        """Send the program once, by a command that waits for its end through all kills."""
        self._is_served.wait(PATIENCE_S)
        inputs = ["--who", "first", "--ledger", str(self._ledger)]
        url = ["--remote", f"http://127.0.0.1:{self._port}", "--execution-id", "first"]
        for _ in range(2 * STRIKE_COUNT):  # a command that nobody ever answered gives up
            words = [sys.executable, "-m", "elevon", "run", *url, str(FLOWS), "chain", *inputs]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
            if done.returncode == 0:
                break
        found = self._ask("GET", "/api/v1/executions/default/development/first")
        return found["spec"]["launchPlan"]

    def _run(self, plan: Any, names: list[str]) -> None:
        for name in names:
            given = {"who": name, "ledger": str(self._ledger)}
            literals = {key: {"scalar": {"primitive": {"stringValue": text}}} for key, text in given.items()}
            body = {"name": name, "spec": {"launchPlan": plan}, "inputs": {"literals": literals}}
            self._ask("POST", "/api/v1/executions", body)
        for name in names:
            self._wait(name)

    def _wait(self, name: str) -> None:
        after = 0
        while True:
            update = self._ask("GET", f"/elevon/v1/executions/{name}/updates?after={after}&wait=20")
            if update["execution"].get("ended_at"):
                return
            after = update["after"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The document that a request is answered by, sent again until somebody answers."""
        content = None if body is None else json.dumps(body)
        pause = threading.Event()
        for _ in range(PATIENCE_S * 20):
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as asked,
            ):
                asked.request(method, path, content, {"Content-Type": "application/json"} if body else {})
                answer = asked.getresponse()
                document = json.loads(answer.read())
                if answer.status != http.client.OK:
                    self.complaints.append(f"{method} {path}: {answer.status} {document}")
                return document
            pause.wait(0.05)
        raise TimeoutError(f"nobody answered {method} {path}")

    def _judge(self, names: list[str]) -> None:
        """All are there once, have ended well, and no more ran again than kills explain."""
        listed = self._ask("GET", "/api/v1/executions/default/development?limit=1000")["executions"]
        phases = {one["id"]["name"]: one["closure"]["phase"] for one in listed}
        if phases != dict.fromkeys([*names, "first"], "SUCCEEDED") or len(listed) != len(phases):
            self.complaints.append(f"the executions are {phases}")
        ran = Counter(self._ledger.read_text().splitlines())
        wanted = {f"{who} {x}" for who in (*names, "first") for x in range(flows.STEP_COUNT)}
        if set(ran) != wanted:
            self.complaints.append(f"tasks ran that should not, or did not: {set(ran) ^ wanted}")
        again_count = ran.total() - len(ran)
        if again_count > self.kill_count * WORKER_COUNT:
            self.complaints.append(f"{again_count} tasks ran again, after {self.kill_count} kills")
