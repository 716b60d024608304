"""Hive in a real engine, with every backend that ships: how queries end, and that nothing of them is left."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from elevon import errors
from elevon.idl.messages import LiteralMap
from elevon.records.phases import ExecutionPhase
from elevon.sdk.types.files import local_path
from tests.integration.engine.worlds import driving
from tests.integration.hive import worlds
from tests.integration.hive.grounds import embedded
from tests.integration.hive.worlds import Rig


async def left_of(rig: Rig) -> list[str]:
    """Processes with a path of the home in their commands; a keeper whose pod is gone is given its moment to end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            while _processes_of(rig):  # noqa: ASYNC110 - another process tells by its end
                await asyncio.sleep(0.05)
    return _processes_of(rig)


def _processes_of(rig: Rig) -> list[str]:
    root = str(rig.world.home.path)
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(command) for command in commands if any(root in word for word in command)]


async def test_rows_of_a_query_become_a_data_set(rig: Rig) -> None:
    record = await rig.run(worlds.select_seven)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    blob = LiteralMap.FromString(record.outputs or b"").literals["o0"].scalar.blob
    rows = duckdb.execute(f"SELECT * FROM read_parquet('{local_path(blob.uri)}/*.parquet')")
    assert [one[0] for one in rows.description] == ["number"]
    assert rows.fetchall() == [(7,)]
    assert (len(rig.begun()), rig.running()) == (1, [])


async def test_a_query_that_fails_is_tried_again_and_says_why(rig: Rig) -> None:
    record = await rig.run(worlds.doomed)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "the query failed in 2 tries" in record.failure.message
    assert "1 > 2" in record.failure.message
    assert record.failure.kind is errors.ErrorKind.USER
    assert (len(rig.begun()), rig.running()) == (2, [])


async def test_a_query_that_does_not_parse_is_refused_with_its_place(rig: Rig) -> None:
    record = await rig.run(worlds.garbled)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "line 2" in record.failure.message
    assert record.failure.kind is errors.ErrorKind.USER


async def test_a_query_of_a_table_that_is_not_there_names_it(rig: Rig) -> None:
    record = await rig.run(worlds.lost)
    assert record.failure is not None
    assert "no_such_table_anywhere" in record.failure.message


async def test_a_query_that_runs_too_long_is_cancelled(rig: Rig) -> None:
    record = await rig.run(worlds.impatient)
    assert record.failure is not None
    assert "ran longer than its time-out of 3 s" in record.failure.message
    assert (len(rig.begun()), rig.running()) == (1, [])


async def test_one_that_fails_has_the_others_of_its_task_cancelled(rig: Rig) -> None:
    record = await rig.run(worlds.mixed)
    assert record.failure is not None
    assert "query 1 of 2 failed" in record.failure.message
    assert rig.running() == []


async def test_an_abort_leaves_no_query_and_no_process(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, worlds.patient)
        async with driving(embedded, execution) as driven:
            await rig.until_begun(embedded, execution)
            await embedded.admin.abort(execution, by="a test", reason="enough")
            await driven
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert (len(rig.begun()), rig.running(), await left_of(rig)) == (1, [], [])


async def test_an_engine_that_is_lost_is_replaced_without_a_second_query(rig: Rig) -> None:
    async with rig.engine() as embedded:
        execution = await rig.world.create(embedded, worlds.patient)
        async with driving(embedded, execution):
            await rig.until_begun(embedded, execution)
    async with rig.engine() as embedded, driving(embedded, execution) as driven:
        await embedded.admin.abort(execution, by="a test", reason="enough")
        await driven
    assert (len(rig.begun()), rig.running()) == (1, [])


@pytest.mark.parametrize("settings", [{"pool": "queries", "pool_per": "query"}, {"parallel_count": 1}])
async def test_queries_wait_for_their_turn(rig: Rig, settings: dict[str, Any]) -> None:
    record = await rig.run(worlds.many, **settings)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert (len(rig.begun()), rig.running()) == (3, [])


async def test_a_query_whose_process_is_killed_is_lost_and_says_so(
    tmp_path: Path,
) -> None:
    with embedded(tmp_path) as ground:
        rig = Rig(tmp_path / "home", ground)
        async with rig.engine() as engine:
            execution = await rig.world.create(engine, worlds.patient)
            async with driving(engine, execution) as driven:
                await rig.until_begun(engine, execution)
                (entry,) = map(
                    json.loads, (tmp_path / "home/executors/hive/history.jsonl").read_text().splitlines()
                )
                psutil.Process(entry["pid"]).kill()
                await driven
            record = await engine.admin.get(execution)
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.SYSTEM
    assert "its process ended without a result: exit code 137" in record.failure.message
