"""Executions that wait for others of their home, with real engines, workers and stores."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from elevon import app
from elevon.cli import programs
from elevon.idl.messages import LiteralMap
from elevon.primitives.clocks import SystemClock
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.sdk import types
from elevon.sdk.files import IN_PLACE
from elevon.sdk.types import Waitable
from elevon.stores.sqlite import SqliteStateStore
from tests.integration.engine.worlds import World, drive, driving, identity, until
from tests.integration.waitable import waiting_flows

FLOWS = Path(waiting_flows.__file__)
QUICK = {"resync_s": 0.1, "check_s": 5.0}
SETTINGS: dict[str, Any] = {"configuration": {"waitable": QUICK}}


async def create(engine: app.Embedded, workflow: str, name: str, *runs: str) -> ExecutionId:
    new = msgspec.structs.replace(programs.load(str(FLOWS), workflow).prepare(None), name=name)
    if runs:
        references = [Waitable(run) for run in runs]
        new = msgspec.structs.replace(
            new, given={"runs": types.to_literal(references, list[Waitable], IN_PLACE)}
        )
    return (await engine.admin.create_execution(new)).id


async def has_seen_all(engine: app.Embedded) -> bool:
    """Whether the one that waits knows that those are there which it waits for."""
    attempts = (await engine.admin.rows(identity("w"))).attempts
    return bool(attempts) and attempts[0].phase_version > 0


def told(record: ExecutionRecord) -> Any:
    return types.literal_to_json(LiteralMap.FromString(record.outputs or b"").literals["o0"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_the_code_runs_once_all_have_ended_and_is_told_how(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        awaited = [await create(engine, "napping", "a"), await create(engine, "spoiling", "b")]
        waits = await create(engine, "reporting", "w", "a", "b", "a")
        await drive(engine, waits, *awaited)
        assert told(await engine.admin.get(waits)) == ["a SUCCEEDED", "b FAILED", "a SUCCEEDED"]
        ended = [(await engine.admin.get(one)).ended_at for one in (*awaited, waits)]
        assert ended[2] == max(at for at in ended if at)


async def test_an_executor_in_a_process_reaches_the_control_plane_too(world: World) -> None:
    settings = {"configuration": {"apart": QUICK}}
    async with world.engine(waiting_flows.ApartExecutor(), **settings) as engine:
        awaited = await create(engine, "napping", "a")
        waits = await create(engine, "reporting_apart", "w", "a")
        await drive(engine, waits, awaited)
        assert told(await engine.admin.get(waits)) == ["a SUCCEEDED"]

        endless = await create(engine, "endless", "e")
        second = await create(engine, "reporting_apart", "w2", "e")
        async with driving(engine, second, endless) as done:
            await until(engine, lambda _: is_running(engine, second))
            await engine.admin.abort(second, by="ann", reason="enough")
            await done
        assert (await engine.admin.get(endless)).phase is ExecutionPhase.ABORTED


async def is_running(engine: app.Embedded, execution: ExecutionId) -> bool:
    attempts = (await engine.admin.rows(execution)).attempts
    return bool(attempts) and attempts[0].phase is AttemptPhase.QUEUED


async def test_an_abort_ends_what_still_runs_and_says_who_asked(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        endless, nap = await create(engine, "endless", "e"), await create(engine, "napping", "a")
        waits = await create(engine, "reporting", "w", "e", "a")
        await drive(engine, nap)
        async with driving(engine, waits, endless) as done:
            await until(engine, has_seen_all)
            await engine.admin.abort(waits, by="ann", reason="enough")
            await done
        ended = await engine.admin.get(endless)
        assert (ended.phase, ended.aborted_by) == (ExecutionPhase.ABORTED, "waitable w")
        assert ended.failure is not None
        assert ended.failure.message.endswith(
            "w/n0#0, which waited for it, was ended: stopped, because aborted by ann: enough"
        )
        assert (await engine.admin.get(nap)).phase is ExecutionPhase.SUCCEEDED


async def test_what_nobody_drives_is_ended_when_it_is_next_driven(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        endless = await create(engine, "endless", "e")
        waits = await create(engine, "reporting", "w", "e")
        async with driving(engine, waits) as done:
            await until(engine, has_seen_all)
            await engine.admin.abort(waits, by="ann", reason="enough")
            await done
        assert (await engine.admin.get(endless)).phase is ExecutionPhase.QUEUED
        await drive(engine, endless)
        assert (await engine.admin.get(endless)).phase is ExecutionPhase.ABORTED


async def test_a_queue_time_out_limits_the_wait_and_ends_what_was_awaited(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        endless = await create(engine, "endless", "e")
        waits = await create(engine, "hurrying", "w", "e")
        await drive(engine, waits, endless)
        assert (await engine.admin.get(waits)).phase is ExecutionPhase.FAILED
        ended = await engine.admin.get(endless)
        assert (ended.phase, ended.aborted_by) == (ExecutionPhase.ABORTED, "waitable w")


async def test_a_retry_waits_on_for_the_same_executions(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        awaited = await create(engine, "napping", "a")
        waits = await create(engine, "stumbling", "w", "a")
        await drive(engine, waits, awaited)
        assert told(await engine.admin.get(waits)) == ["a SUCCEEDED"]
        attempts = (await engine.admin.rows(waits)).attempts
        assert [one.phase for one in attempts] == [AttemptPhase.RETRYABLE_FAILED, AttemptPhase.SUCCEEDED]
        assert (await engine.admin.get(awaited)).phase is ExecutionPhase.SUCCEEDED


async def test_an_execution_that_is_deleted_while_it_is_awaited_fails_the_wait_with_a_sentence(
    world: World,
) -> None:
    async with world.engine(**SETTINGS) as engine:
        doomed = await create(engine, "napping", "a")
        waits = await create(engine, "reporting", "w", "a")
        async with driving(engine, waits) as done:
            await until(engine, has_seen_all)
            # `elevon delete` wants it to have ended: whoever deletes rows by hand is not asked.
            store = SqliteStateStore(world.home.database, SystemClock())
            await store.open()
            await store.delete_execution(doomed)
            await store.close()
            await done
        record = await engine.admin.get(waits)
        assert record.phase is ExecutionPhase.FAILED
        assert record.failure is not None
        assert "a was deleted before its end was seen, so nobody knows how it ended" in record.failure.message


async def test_an_engine_that_takes_over_waits_on(world: World) -> None:
    async with world.engine(**SETTINGS) as engine:
        await create(engine, "napping", "a")
        waits = await create(engine, "reporting", "w", "a")
        async with driving(engine, waits):
            await until(engine, has_seen_all)
    async with world.engine(**SETTINGS) as engine:
        await drive(engine, waits, identity("a"))
        assert told(await engine.admin.get(waits)) == ["a SUCCEEDED"]
        (attempt,) = (await engine.admin.rows(waits)).attempts
        assert attempt.attempt == 0
