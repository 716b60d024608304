"""What holds for every task type that ships, whichever it is."""

import importlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from elevon import tasktypes
from elevon.idl.hive_jobs import HiveQuery, QuboleHiveJob
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.idl.spark_jobs import SparkJob
from elevon.plugin import Executor
from elevon.plugin.declarations import check_class, is_executor
from elevon.plugin.registry import Registry
from elevon.primitives.clocks import SystemClock
from elevon.records.phases import FOLLOWED
from elevon.tasktypes.hive.executor import HiveExecutor
from elevon.tasktypes.sidecar.executor import SidecarExecutor
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob
from elevon.tasktypes.spark.executor import SparkExecutor
from elevon.testing import FakeCluster
from elevon.testing.contexts import FakeTaskContext
from elevon.testing.shipped.hive import FakeBackend, QueryService

MAKERS = {"hive": lambda: HiveExecutor(FakeBackend(_query_service()))}
"""Of executors that do nothing without a service."""
CLUSTERED = {"sidecar": SidecarExecutor, "spark": SparkExecutor}
"""Those whose makings share a cluster."""
POD = {"containers": [{"name": "primary", "command": ["true"]}]}
SPECS = {
    "hive": QuboleHiveJob(query=HiveQuery(query="SELECT 1")),
    "sidecar": json_format.ParseDict({"podSpec": POD, "primaryContainerName": "primary"}, SidecarJob()),
    "spark": SparkJob(mainApplicationFile="local:///app.py"),
}
"""Messages of those for which an empty one is an error."""
FOLDERS = sorted(path.parent.name for path in Path(tasktypes.__path__[0]).glob("*/executor.py"))


def executor_of(folder: str) -> Executor[Any, Any]:
    module = importlib.import_module(f"elevon.tasktypes.{folder}.executor")
    (found,) = [
        value for value in vars(module).values() if is_executor(value) and value.__module__ == module.__name__
    ]
    return check_class(found)()


def _of_cluster(kind: Callable[[FakeCluster], Executor[Any, Any]]) -> Callable[[], Executor[Any, Any]]:
    cluster = FakeCluster()
    cluster.clock = SystemClock()
    return lambda: kind(cluster)


def _query_service() -> QueryService:
    made = QueryService()
    made.clock = SystemClock()
    return made


@pytest.fixture(params=FOLDERS)
def make(request) -> Callable[[], Executor[Any, Any]]:
    if request.param in CLUSTERED:
        return _of_cluster(CLUSTERED[request.param])
    return MAKERS.get(request.param, lambda: executor_of(request.param))


@pytest.fixture
async def executor(make, tmp_path) -> AsyncGenerator[Executor[Any, Any]]:
    made = make()
    await made.initialize(FakeTaskContext(made, tmp_path).setup)
    yield made
    await made.close()


@pytest.fixture
def context(executor, tmp_path):
    return FakeTaskContext(executor, tmp_path)


def spec_of(executor):
    decode = Registry.of([executor]).by_id(executor.id).implementation.decode_spec
    return SPECS.get(executor.id) or decode(TaskTemplate())


def test_all_of_them_live_together():
    registry = Registry.of([executor_of(folder) for folder in FOLDERS])
    assert registry.known_types >= {"python-task", "container", "raw-container", "echo", "sleep"}


async def test_a_start_answers_with_a_status_that_can_be_committed(executor, context):
    status = await context.start(executor, TaskTemplate(), spec_of(executor))
    assert status.phase is not None


async def test_a_start_that_may_have_happened_can_be_started_again(executor, context):
    await executor.start_task(context, TaskTemplate(), spec_of(executor), LiteralMap())
    context.start_may_have_happened = True
    status = await context.start(executor, TaskTemplate(), spec_of(executor))
    assert status.failure is None


async def test_kill_needs_no_state_and_may_be_repeated(executor, context):
    for _ in range(2):
        await executor.kill_task(context, "aborted")


async def test_kill_after_the_start_may_be_repeated_too(executor, context):
    await context.start(executor, TaskTemplate(), spec_of(executor))
    for _ in range(2):
        await executor.kill_task(context, "aborted")


async def test_finalize_may_be_repeated_after_every_end(executor, context):
    for _ in range(2):
        await executor.finalize_task(context)


async def test_an_executor_made_anew_goes_on_from_the_state(executor, context, make):
    started = await context.start(executor, TaskTemplate(), spec_of(executor))
    if started.phase in FOLLOWED:
        other = make()
        await other.initialize(context.setup)
        status = await context.check(other)
        await other.close()
        assert status.failure is None
