"""The hive executor alone: what it reads, what it refuses, and what it says of several queries."""

import asyncio
import importlib.util
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from elevon import Directory, errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl import literal_types, literals
from elevon.idl.hive_jobs import HiveQuery, HiveQueryCollection, QuboleHiveJob
from elevon.idl.messages import LiteralMap, LiteralType, SchemaType, StructuredDatasetType, TaskTemplate
from elevon.plugin import SetupContext
from elevon.primitives.clocks import SystemClock
from elevon.records.phases import AttemptPhase
from elevon.sdk import serialization
from elevon.tasktypes.hive.backends import selection
from elevon.tasktypes.hive.configurations import HiveConfig
from elevon.tasktypes.hive.executor import HiveExecutor
from elevon.tasktypes.hive.task import HiveTask
from elevon.tasktypes.hive.texts import written
from elevon.testing.contexts import FakeTaskContext
from elevon.testing.shipped.hive import FakeBackend, QueryService


class Bench:
    """An executor over a service in memory, and one task execution."""

    def __init__(self, folder: Path, takes: timedelta = timedelta(0), **config: Any) -> None:
        self.service = QueryService(takes=takes)
        self.service.clock = SystemClock()
        self.backend = FakeBackend(self.service)
        self.executor = HiveExecutor(self.backend)
        self.setup = SetupContext(
            config=HiveConfig(resync_s=0.02, check_s=1.0, **config),
            clock=SystemClock(),
            blobs=LocalBlobStore(),
            state_dir=folder,
        )
        self.context = FakeTaskContext(self.executor, folder, setup=self.setup)

    async def start(
        self, job: QuboleHiveJob, template: TaskTemplate | None = None, inputs: LiteralMap | None = None
    ) -> Any:
        await self.executor.initialize(self.setup)
        return await self.context.start(self.executor, template or TaskTemplate(), job, inputs)

    async def end(self) -> Any:
        """Check until it is over."""
        async with asyncio.timeout(10):
            while True:
                status = await self.context.check(self.executor)
                if status.phase is not None and status.phase.is_terminal:
                    await self.executor.finalize_task(self.context)
                    await self.executor.close()
                    return status
                await self.setup.clock.sleep(0.01)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def job(*texts: str, **more: Any) -> QuboleHiveJob:
    queries = [HiveQuery(query=text) for text in texts]
    return QuboleHiveJob(query_collection=HiveQueryCollection(queries=queries), **more)


def template_of(**outputs: LiteralType) -> TaskTemplate:
    template = TaskTemplate()
    for name, kind in outputs.items():
        template.interface.outputs.variables[name].type.CopyFrom(kind)
    return template


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (QuboleHiveJob(), "query: the task has none"),
        (QuboleHiveJob(query=HiveQuery(query=" ;")), "query.query: the query is empty"),
        (job("SELECT 1", ""), "query_collection.queries[1].query: the query is empty"),
        (
            job("SELECT 1", "SELECT '{{ .inputs.dax }}'"),
            "query_collection.queries[1].query: {{ .inputs.dax }} stands for nothing: there are no inputs",
        ),
        (job("SELECT 1", query=HiveQuery(query="SELECT 2")), "query_collection: there is a query beside it"),
        (job("SELECT 1", tags=["x" * 21]), "tags: 'xxxxxxxxxxxxxxxxxxxxx' has 21 characters"),
        (job("SELECT 1", tags=list("abcdefg")), "tags: 7 are too many, at most 6 are allowed"),
        (
            job("SELECT 1", cluster_label="elt"),
            "cluster_label: there is no cluster 'elt': did you mean 'etl'?",
        ),
    ],
)
async def test_what_can_t_be_is_refused_by_its_field(
    tmp_path: Path, wanted: QuboleHiveJob, problem: str
) -> None:
    bench = Bench(tmp_path, cluster_labels=("etl", ""))
    with pytest.raises(errors.UserError) as caught:
        await bench.start(wanted)
    assert problem in str(caught.value)
    await bench.executor.close()


async def test_a_task_without_a_label_is_refused_where_there_is_no_default(tmp_path: Path) -> None:
    bench = Bench(tmp_path, cluster_labels=("etl", "adhoc"))
    with pytest.raises(
        errors.UserError, match=r"cluster_label: the task names none, .* choose etl or adhoc, or set"
    ):
        await bench.start(job("SELECT 1"))
    await bench.executor.close()


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        (
            {"a": literal_types.blob(is_multipart=True), "b": literal_types.blob(is_multipart=True)},
            "not a, b",
        ),
        ({"a": literal_types.blob(is_multipart=False)}, "a is none: declare it as a directory"),
    ],
)
async def test_outputs_that_no_query_writes_are_refused(bench: Bench, outputs: Any, problem: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        await bench.start(job("SELECT 1"), template_of(**outputs))
    assert problem in str(caught.value)
    await bench.executor.close()


async def test_placeholders_are_replaced_before_anything_is_submitted(bench: Bench) -> None:
    into = "INSERT OVERWRITE DIRECTORY '{{ .rawOutputDataPrefix }}'"
    text = f"{into} SELECT '{{{{.inputs.day}}}}' AS {{{{ .PerRetryUniqueKey }}}}"
    inputs = literals.literal_map({"day": literals.string("monday")})
    await bench.start(job(text), inputs=inputs)
    assert (await bench.end()).phase is AttemptPhase.SUCCEEDED
    (thing,) = bench.service.things
    uri = Path(bench.context.raw_output_prefix).as_uri()
    key = bench.context.task_execution_id.generated_name
    assert thing.spec["text"] == f"INSERT OVERWRITE DIRECTORY '{uri}' SELECT 'monday' AS {key}"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (literal_types.blob(is_multipart=True), "blob"),
        (LiteralType(schema=SchemaType()), "schema"),
        (LiteralType(structured_dataset_type=StructuredDatasetType()), "structured_dataset"),
    ],
)
async def test_the_output_is_where_the_query_writes(bench: Bench, kind: LiteralType, field: str) -> None:
    await bench.start(job("SELECT 1"), template_of(rows=kind))
    status = await bench.end()
    assert getattr(status.outputs["rows"].scalar, field).uri == Path(bench.context.raw_output_prefix).as_uri()


async def test_the_sdk_s_own_template_is_read(bench: Bench) -> None:
    task = HiveTask("rows", "SELECT 1", outputs={"o0": Directory})
    (template,) = serialization.serialize(task, project="p", domain="d", version="1").tasks
    await bench.start(task.message(), template)
    assert (await bench.end()).outputs["o0"].scalar.blob.metadata.type.dimensionality == 1


async def test_a_collection_runs_its_queries_a_few_at_a_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parallel_count=2)
    await bench.start(job(*(f"SELECT {number}" for number in range(5))))
    first = await bench.context.check(bench.executor)
    assert len(bench.service.things) == 2
    assert [one["phase"] for one in first.details.custom_info["queries"]] == ["queued"] * 2 + ["pending"] * 3
    assert (await bench.end()).phase is AttemptPhase.SUCCEEDED
    assert [thing.spec["text"] for thing in bench.service.things] == [f"SELECT {n}" for n in range(5)]


async def test_a_cancel_for_its_time_out_is_known_as_one_by_the_engine_after_a_crash(tmp_path: Path) -> None:
    bench = Bench(tmp_path, takes=timedelta(hours=1))
    await bench.start(QuboleHiveJob(query=HiveQuery(query=written("SELECT 1\nAS a"), timeout_sec=60)))
    begun = await bench.context.check(bench.executor)
    bench.service.end(bench.service.things[0])
    state = begun.state
    assert state is not None
    item = msgspec.structs.replace(state.items[0], running_at=bench.context.now - timedelta(seconds=60))
    bench.context.commit(msgspec.structs.replace(begun, state=msgspec.structs.replace(state, items=(item,))))
    status = await bench.end()
    assert status.phase is AttemptPhase.RETRYABLE_FAILED
    assert "ran longer than its time-out of 60 s and was cancelled\n  SELECT 1 AS a" in status.failure.message


async def test_a_text_is_checked_beside_the_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(bench.backend, "check", lambda _query: threads.append(threading.current_thread()))
    await bench.start(job("SELECT 1", "SELECT 2"))
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    await bench.executor.close()


async def test_what_another_backend_began_waits_for_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    started = await bench.start(job("SELECT 1"))
    state = msgspec.structs.replace(started.state, backend="qubole")
    bench.context.commit(msgspec.structs.replace(started, state=state))
    status = await bench.context.check(bench.executor)
    assert status.phase is AttemptPhase.QUEUED
    assert "the query runs at the hive backend 'qubole', and [executors.hive] backend is 'embedded' now" in (
        status.details.reason
    )
    await bench.executor.close()


def test_a_package_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(
        errors.UserError, match=r"needs duckdb, which is not installed: pip install 'elevon\[hive\]'"
    ):
        selection.choose(Bench(tmp_path).setup)
