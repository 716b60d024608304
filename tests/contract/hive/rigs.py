"""Backends of hive queries with their service, as the contract suite needs them; a backend is added to `RIGS`."""

import abc
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import SetupContext
from elevon.primitives import ids
from elevon.primitives.clocks import SystemClock
from elevon.records.resources import ResourceKind, key_of
from elevon.tasktypes.hive.backends.embedded.backends import EmbeddedBackend
from elevon.tasktypes.hive.backends.hiveserver2.backends import HiveServer2Backend
from elevon.tasktypes.hive.backends.interfaces import HiveBackend, Query
from elevon.tasktypes.hive.backends.qubole.backends import QuboleBackend
from elevon.tasktypes.hive.configurations import HiveConfig, HiveServer2Settings, QuboleSettings
from elevon.testing.shipped.hive import FakeBackend, QueryService
from elevon.workers.cluster.clusters import LocalCluster
from tests.integration.hive.hiveserver2.sharing import SharedServer, shared_server
from tests.integration.hive.qds.processes import TOKEN, QdsProcess, qds


class Rig(abc.ABC):
    """A service that runs, and what a test must know of it.

    Attributes:
        quick: A query that succeeds soon.
        slow: One that takes a minute if nobody ends it.
        failing: One that the service takes, and that fails.
        complaint: What the service says of that one, in part.
        runs_sql: Whether it really runs what it is given.
    """

    quick = "CREATE TABLE IF NOT EXISTS made AS SELECT 1 AS one"
    slow = "SELECT reflect('java.lang.Thread', 'sleep', 60000L) AS slept"
    failing = "SELECT assert_true(1 > 2) AS checked"
    complaint = "1 > 2"
    runs_sql = True

    @abc.abstractmethod
    def backend(self) -> HiveBackend:
        """Another backend of the same service, as a new engine makes it; not opened."""

    @abc.abstractmethod
    def submission_count(self, query: Query) -> int:
        """How often the service has begun a query with this text, by its own ledger."""


class FakeRig(Rig):
    """The service of the conformance kit, in memory; how long a query takes is in what it is told."""

    complaint = "failed"
    runs_sql = False

    def __init__(self) -> None:
        self._service = _TimedService()
        self._service.clock = SystemClock()

    def backend(self) -> HiveBackend:
        return FakeBackend(self._service)

    def submission_count(self, query: Query) -> int:
        return sum(thing.spec["text"] == query.text for thing in self._service.things)


class _TimedService(QueryService):
    """Slow queries take a minute, failing ones fail."""

    async def create(self, token: str, **spec: object) -> str:
        takes = timedelta(minutes=1) if spec["text"] == Rig.slow else timedelta(0)
        return self.make(token, takes, **spec).id

    async def look(self, ids: Sequence[str]) -> list[str | None]:
        found = await super().look(ids)
        texts = {thing.id: thing.spec["text"] for thing in self.things}
        return [
            "failed" if status == "succeeded" and texts[one] == Rig.failing else status
            for one, status in zip(ids, found, strict=True)
        ]


class EmbeddedRig(Rig):
    """DuckDB, each query a process on this machine."""

    def __init__(self, setup: SetupContext[HiveConfig]) -> None:
        self._setup = setup
        self._history = setup.state_dir / "history.jsonl"

    def backend(self) -> HiveBackend:
        return EmbeddedBackend(self._setup)

    def submission_count(self, query: Query) -> int:
        del query  # a test has but one of its own
        return len(self._history.read_text().splitlines()) if self._history.exists() else 0


@asynccontextmanager
async def embedded(directory: Path) -> AsyncGenerator[Rig]:
    clock = SystemClock()
    cluster = LocalCluster(directory / "cluster", clock, 4)
    setup = SetupContext(
        config=HiveConfig(),
        clock=clock,
        blobs=LocalBlobStore(),
        state_dir=directory / "hive",
        cluster=cluster,
    )
    yield EmbeddedRig(setup)
    for pod in await cluster.list(ResourceKind("v1", "Pod"), {}):
        await cluster.delete(key_of(pod), grace=timedelta(0))
    await cluster.close()


class QuboleRig(Rig):
    """The QDS server of the tests."""

    def __init__(self, setup: SetupContext[HiveConfig], service: QdsProcess) -> None:
        self._setup = setup
        self._service = service

    def backend(self) -> HiveBackend:
        return QuboleBackend(self._setup)

    def submission_count(self, query: Query) -> int:
        return sum(entry["query"] == query.text for entry in self._service.entries())


class Token:
    """The secret of the server."""

    async def get(self, group: str, key: str, version: str = "") -> str:
        assert (group, key, version) == ("qubole", "api_token", "")
        return TOKEN


@asynccontextmanager
async def qubole(directory: Path) -> AsyncGenerator[Rig]:
    with qds(directory / "qds") as service:
        setup = SetupContext(
            config=HiveConfig(backend="qubole", qubole=QuboleSettings(base_url=service.url)),
            clock=SystemClock(),
            blobs=LocalBlobStore(),
            state_dir=directory,
            secrets=Token(),
        )
        yield QuboleRig(setup, service)


@asynccontextmanager
async def fake(directory: Path) -> AsyncGenerator[Rig]:
    del directory
    yield FakeRig()


class HiveServer2Rig(Rig):
    """Spark's Thrift server, shared by all tests of a run: what is said to it is this rig's own."""

    def __init__(self, server: SharedServer, directory: Path) -> None:
        mark = ids.new("t", 20).replace("-", "_")
        self.quick = f"SELECT 1 AS {mark}"
        naps = "SELECT reflect('java.lang.Thread', 'sleep', 100L) AS nap FROM range(0, 600, 1, 1)"
        self.slow = f"SELECT count(nap) AS {mark} FROM ({naps})"
        self._server = server
        self._directory = directory

    def backend(self) -> HiveBackend:
        settings = HiveServer2Settings(port=self._server.port)
        config = HiveConfig(backend="hiveserver2", hiveserver2=settings)
        return HiveServer2Backend(
            SetupContext(
                config=config, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=self._directory
            )
        )

    def submission_count(self, query: Query) -> int:
        return sum(statement.text.startswith(query.text) for statement in self._server.statements())


@asynccontextmanager
async def hiveserver2(directory: Path) -> AsyncGenerator[Rig]:
    yield HiveServer2Rig(shared_server(), directory)


RIGS: dict[str, Callable[[Path], AbstractAsyncContextManager[Rig]]] = {
    "embedded": embedded,
    "fake": fake,
    "hiveserver2": hiveserver2,
    "qubole": qubole,
}
