"""`elevon serve` as a process, and a client of it elsewhere."""

import contextlib
import http.client
import json
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.e2e.conftest import WAIT_S, Shell
from tests.integration.machines import HeldPort

FLYTE = "/api/v1/executions/default/development"


class Server:
    """One `elevon serve` at a time over the home of a shell, and the shell as its client elsewhere."""

    def __init__(self, shell: Shell, tmp_path: Path) -> None:
        self.shell = shell
        self.client = Shell(tmp_path)
        del self.client.environment["ELEVON_HOME"]
        self._held = HeldPort()
        self.port = self._held.number
        self.url = ""

    def start(self, *words: str, preexec_fn: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start it, always at the same port, and return when it is ready."""
        port = ["--port", str(self.port)]
        process = self.shell.start("serve", *port, "--output", "json", *words, preexec_fn=preexec_fn)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        self.url = json.loads(line)["url"]
        self.client.environment["ELEVON_REMOTE"] = self.url
        return process

    def close(self) -> None:
        """End what the client has started, and give the port back."""
        self.client.close()
        self._held.close()

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and document."""
        content = None if body is None else json.dumps(body)
        if content:
            headers["Content-Type"] = "application/json"
        status, answer = self.read(path, method, content, headers)
        return status, json.loads(answer)

    def read(
        self, path: str, method: str = "GET", content: str | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, str]:
        """Status and text."""
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        ) as connection:
            connection.request(method, path, content, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def start_again(self, execution: str, name: str) -> int:
        """Start what an execution runs once more, with its inputs; returns the status."""
        _, found = self.ask(f"{FLYTE}/{execution}")
        _, data = self.ask(f"/api/v1/data/executions/default/development/{execution}")
        spec = {"launchPlan": found["spec"]["launchPlan"]}
        body = {"name": name, "spec": spec, "inputs": data["fullInputs"]}
        status, _ = self.ask("/api/v1/executions", "POST", body)
        return status

    def wait(self, name: str) -> str:
        """The last phase of an execution, once it has come."""
        after = 0
        while True:
            _, update = self.ask(f"/elevon/v1/executions/{name}/updates?after={after}&wait=20")
            if update["execution"].get("ended_at"):
                return update["execution"]["phase"]
            after = update["after"]


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """Send a signal; returns the exit code and what was said."""
    process.send_signal(number)
    _, said = process.communicate(timeout=WAIT_S)
    return process.returncode, said
