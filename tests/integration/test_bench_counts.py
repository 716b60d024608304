"""What the engine does for each node of the benchmark's workloads, counted: a change of design shows here, not noise.

The executor succeeds in its start, so nothing depends on how fast a process is. A number that falls is good news: write
the new one down. One that rises is a cost that every workflow pays.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.programs import Workload
from elevon.admin.executions import Admin
from elevon.blobs.local_files import LocalBlobStore
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus
from elevon.plugin.contexts import SetupContext
from elevon.plugin.registry import Registration, Registry
from elevon.primitives.clocks import SystemClock
from elevon.propeller.engines import Engine
from elevon.propeller.executors import Executors
from elevon.propeller.services import Services
from elevon.records.changes import Change
from elevon.records.leases import Lease
from elevon.records.phases import ExecutionPhase
from elevon.stores.sqlite import SqliteStateStore
from elevon.workers.launcher import LocalLauncher
from elevon.workers.processes import Household

FAN = Workload("fan", 200)
CHAIN = Workload("chain", 100)
MAP = Workload("map", 200)


class Instant(Executor[None, None]):
    """Answers every Python task in its start, and counts how often it is called."""

    id = "instant"
    task_types = ("python-task",)
    properties = ExecutorProperties(isolation="engine")

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[None]:
        self.calls["start"] += 1
        items = literals.collection([literals.integer(1)] * MAP.count)
        return TaskStatus.succeeded(
            {
                name: items if variable.type.HasField("collection_type") else literals.integer(1)
                for name, variable in template.interface.outputs.variables.items()
            }
        )

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        self.calls["check"] += 1
        return TaskStatus.running()

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        self.calls["kill"] += 1


class CountingStore(SqliteStateStore):
    """The real store; it counts commits, and the rows that they hand in by kind of record."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SystemClock())
        self.commit_count = 0
        self.rows: Counter[str] = Counter()

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        self.commit_count += 1
        self.rows.update(type(change).__name__ for change in changes)
        return super().commit(lease, changes)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the programs are: one place, as a module of one name can be imported from one place only."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("programs")
        patch.syspath_prepend(folder / "elevon")
        yield folder


async def run(workload: Workload, sources: Path, folder: Path) -> tuple[CountingStore, Mapping[str, int]]:
    """Drive it to its end; the store, and the calls of the executor."""
    clock, executor = SystemClock(), Instant()
    store = CountingStore(folder / "elevon.db")
    await store.open()
    launcher = LocalLauncher(2, store.get_artifact, clock, Household(folder / "scratch", None))

    def setup(registration: Registration) -> SetupContext[Any]:
        return SetupContext(config=None, clock=clock, blobs=LocalBlobStore(), state_dir=folder)

    executors = Executors(Registry.of([executor]), setup)
    services = Services(
        store=store, executors=executors, launcher=launcher, clock=clock, data_dir=folder / "data"
    )
    try:
        program = programs.load(str(workload.write("elevon", sources)), "main")
        admin = Admin(store, clock)
        created = await admin.create_execution(program.prepare(executors.registry.known_types))
        await Engine("e1", services).drive(created.id)
        assert (await admin.get(created.id)).phase is ExecutionPhase.SUCCEEDED
    finally:
        await executors.stop()
        await launcher.close()
        await store.close()
    return store, executor.calls


@pytest.mark.parametrize("workload", [FAN, CHAIN], ids=lambda one: one.module)
async def test_a_node_costs_one_call_and_six_rows(workload: Workload, sources: Path, tmp_path: Path) -> None:
    store, calls = await run(workload, sources, tmp_path)
    assert calls == {"start": workload.node_count}
    assert store.rows == {
        "NodeRecord": 2 * workload.node_count,
        "AttemptRecord": 2 * workload.node_count,
        "Transition": 2 * workload.node_count + 2,
        "ExecutionRecord": 2,
    }


async def test_an_element_costs_what_a_node_does_and_an_array_two_rows_and_their_history(
    sources: Path, tmp_path: Path
) -> None:
    store, calls = await run(MAP, sources, tmp_path)
    assert calls == {"start": MAP.node_count}
    assert store.rows == {
        "NodeRecord": 2 * MAP.node_count + 2,
        "AttemptRecord": 2 * MAP.node_count,
        "Transition": 2 * MAP.node_count + 4,
        "ExecutionRecord": 2,
    }


async def test_a_chain_commits_once_a_node(sources: Path, tmp_path: Path) -> None:
    store, _ = await run(CHAIN, sources, tmp_path)
    assert store.commit_count == CHAIN.node_count + 1


async def test_a_fan_commits_once_a_layer(sources: Path, tmp_path: Path) -> None:
    store, _ = await run(FAN, sources, tmp_path)
    assert store.commit_count == 4


async def test_a_map_commits_once_a_layer_and_for_its_list(sources: Path, tmp_path: Path) -> None:
    store, _ = await run(MAP, sources, tmp_path)
    assert store.commit_count == 5
