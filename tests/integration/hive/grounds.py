"""Engines with a backend of hive and its service; a backend is added to `GROUNDS`.

A ground says how an engine is configured for its backend, and what the backend's ledger tells of the queries.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from elevon.primitives import ids
from tests.integration.hive.hiveserver2.servers import Statement
from tests.integration.hive.hiveserver2.sharing import shared_server
from tests.integration.hive.qds.processes import TOKEN, QdsProcess, qds


class Ground(NamedTuple):
    """A backend with its service.

    Attributes:
        settings: The table `[executors.hive]`.
        environment: Of the engine.
        begun: The names of the queries that were ever begun, `EXECUTION/NODE` first, one for each submission; by the
            ledger of the service, or of a home.
        running: What of them runs now, for people; empty once all has ended.
    """

    settings: Mapping[str, Any]
    environment: Mapping[str, str]
    begun: Callable[[Path], Sequence[str]]
    running: Callable[[Path], Sequence[str]]


@contextmanager
def embedded(directory: Path) -> Iterator[Ground]:
    del directory

    def begun(home: Path) -> list[str]:
        history = home / "executors/hive/history.jsonl"
        lines = history.read_text().splitlines() if history.exists() else []
        return [f"{entry['name']} {entry['token']}" for entry in map(json.loads, lines)]

    def running(home: Path) -> list[str]:
        return [str(path) for path in (home / "executors/hive/queries").glob("*")]

    yield Ground({}, {}, begun, running)


@contextmanager
def qubole(directory: Path) -> Iterator[Ground]:
    with qds(directory / "qds") as service:
        yield ground_of(service)


def node_of(name: str) -> str:
    """`EXECUTION/NODE` of the name of a command, `EXECUTION-n1-dn0-ATTEMPT-...`."""
    found = re.match(r"(.+?)-(n\d+(?:-dn\d+)*)-\d+-", name)
    assert found is not None
    return f"{found[1]}/{found[2].replace('-', '/')}"


def ground_of(service: QdsProcess) -> Ground:
    def running(_home: Path) -> list[str]:
        ended = {entry["id"] for what in ("done", "error", "cancelled") for entry in service.entries(what)}
        return [entry["name"] for entry in service.entries() if entry["id"] not in ended]

    return Ground(
        settings={"backend": "qubole", "resync_s": 0.2, "qubole": {"base_url": service.url}},
        environment={"_FSEC_QUBOLE_API_TOKEN": TOKEN},
        begun=lambda _home: [f"{node_of(entry['name'])} {entry['name']}" for entry in service.entries()],
        running=running,
    )


@contextmanager
def hiveserver2(directory: Path) -> Iterator[Ground]:
    del directory
    server = shared_server()
    user = ids.new("user", 20)  # whom no other test knows
    settings = {"backend": "hiveserver2", "resync_s": 0.2, "call_s": 60}

    def sent() -> list[Statement]:
        return [statement for statement in server.statements() if statement.user == user]

    def name_of(statement: Statement) -> str:
        return statement.text.rpartition("\n-- ")[2]

    yield Ground(
        settings={**settings, "hiveserver2": {"port": server.port, "user": user}},
        environment={},
        begun=lambda _home: [name_of(one) for one in sent()],
        running=lambda _home: [name_of(one) for one in sent() if not one.is_over],
    )


GROUNDS: dict[str, Callable[[Path], AbstractContextManager[Ground]]] = {
    "embedded": embedded,
    "hiveserver2": hiveserver2,
    "qubole": qubole,
}


def toml_of(ground: Ground) -> str:
    """The configuration of a home."""
    lines = ["[executors.hive]"]
    tables: list[str] = []
    for name, value in ground.settings.items():
        if isinstance(value, Mapping):
            tables += [
                f"[executors.hive.{name}]",
                *(f"{key} = {json.dumps(one)}" for key, one in value.items()),
            ]
        else:
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join([*lines, *tables, ""])
