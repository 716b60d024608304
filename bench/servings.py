"""elevon as a server: how soon it is ready, and what its API adds to an engine in one's own process.

Beside each figure of the API stands, as the floor, the same work in a warm engine without HTTP, in the same round.
"""

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from bench import contenders
from bench.measurements import Bench, in_turn
from bench.programs import Workload
from bench.results import SUBJECT, Bar, Row

_CLIENTS = 16
_SINGLE = Workload("chain", 1)
_MANY = Workload("chain", 3, copies=100)


def served(bench: Bench) -> Iterator[Row]:
    """The start of a server, then W3 and W5 through its API."""
    floor = [bench.pythons.elevon, "-c", "pass"]
    runs: dict[str, Callable[[], float]] = {
        SUBJECT: lambda: _start_seconds(bench),
        "floor": lambda: contenders.run_command(floor).seconds,
    }
    yield Row("serve: start to ready", "s", in_turn(max(bench.rounds, 7), runs), Bar(1.0, is_ratio=False))
    ours = contenders.elevon(bench.pythons.elevon, bench.directory, bench.directory / "beside")
    with Server(bench) as server, ours as engine:
        for name, unit, scale, workload, rounds in (
            ("serve: W3 through the API", "ms", 1000, _SINGLE, 20),
            ("serve: W5 through the API", "s", 1, _MANY, bench.rounds),
        ):
            measured = in_turn(rounds, _sides(server, engine, workload))
            yield Row(name, unit, {who: [found * scale for found in made] for who, made in measured.items()})


def _sides(server: "Server", engine: contenders.Runner, workload: Workload) -> dict[str, Callable[[], float]]:
    plan = server.register(workload)
    return {
        SUBJECT: lambda: server.run(plan, workload),
        "floor": lambda: engine.measure(workload)["seconds"],
    }


def _start_seconds(bench: Bench) -> float:
    begun_at = time.perf_counter()
    with Server(bench):
        return time.perf_counter() - begun_at


class Server:
    """`elevon serve` with two workers, from its start to its end."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._numbers = itertools.count()
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def __enter__(self) -> Self:
        program = self._bench.pythons.elevon.parent / "elevon"
        words = ["serve", "--home", self._bench.directory / "served", "--port", "0", "--workers", "2"]
        self._process = subprocess.Popen(
            [str(word) for word in (program, *words, "--output", "json")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=contenders.environment(),
            cwd=contenders.ROOT,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise contenders.BenchError("elevon serve ended before it was ready")
        self._url = json.loads(line)["url"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def register(self, workload: Workload) -> Any:
        """Send a program as its user does; returns the launch plan."""
        path = workload.write("elevon", self._bench.directory)
        name = self._name()
        program = self._bench.pythons.elevon.parent / "elevon"
        words = ["run", "--remote", self._url, "--execution-id", name, path, "main"]
        contenders.run_command([program, *words])
        with self._connected() as connection:
            found = _ask(connection, "GET", f"/api/v1/executions/default/development/{name}")
        return found["spec"]["launchPlan"]

    def run(self, plan: Any, workload: Workload) -> float:
        """Start so many executions at once, and wait for the end of all; seconds."""
        names = [self._name() for _ in range(workload.copies)]
        shares = [names[start::_CLIENTS] for start in range(min(_CLIENTS, len(names)))]
        begun_at = time.perf_counter()
        with ThreadPoolExecutor(len(shares)) as pool:
            ended = list(pool.map(lambda share: self._run_all(plan, share), shares))
        seconds = time.perf_counter() - begun_at
        if set(itertools.chain(*ended)) != {"SUCCEEDED"}:
            raise contenders.BenchError(f"executions through the API ended otherwise: {ended}")
        return seconds

    def _run_all(self, plan: Any, names: list[str]) -> list[str]:
        with self._connected() as connection:
            for name in names:
                _ask(connection, "POST", "/api/v1/executions", {"name": name, "spec": {"launchPlan": plan}})
            return [_last_phase(connection, name) for name in names]

    def _name(self) -> str:
        return f"b{os.getpid()}x{next(self._numbers)}x{time.monotonic_ns()}"

    def _connected(self) -> contextlib.closing[http.client.HTTPConnection]:
        found = urllib.parse.urlsplit(self._url)
        assert found.hostname is not None
        return contextlib.closing(http.client.HTTPConnection(found.hostname, found.port, timeout=60))


def _last_phase(connection: http.client.HTTPConnection, name: str) -> str:
    after = 0
    while True:
        update = _ask(connection, "GET", f"/elevon/v1/executions/{name}/updates?after={after}&wait=30")
        if update["execution"].get("ended_at"):
            return update["execution"]["phase"]
        after = update["after"]


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    if answer.status != http.client.OK:
        raise contenders.BenchError(f"{method} {path} was answered {answer.status}: {document['message']}")
    return document
