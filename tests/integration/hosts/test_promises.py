"""An executor in a process of its own may rely on what every executor may rely on."""

import logging
import os
from pathlib import Path

import msgspec
import pytest

from elevon import app
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import LiteralMap
from elevon.records.phases import ExecutionPhase
from elevon.records.tokens import PoolLimits
from tests.integration.engine import flows
from tests.integration.engine.worlds import attempt, drive, driving, identity, outputs_of, until
from tests.integration.hosts.players import Impatient, Shouting
from tests.integration.hosts.stages import Stage

LOUD = Path(__file__).parents[1] / "engine" / "loud_program.py"


async def test_calls_are_made_in_another_process_and_state_comes_back(stage: Stage) -> None:
    record = await stage.run()
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert outputs_of(record) == {"o0": 1}
    assert stage.kinds() == ["initialize", "start", "check", "finalize", "close"]
    (pid,) = stage.pids()
    assert pid != os.getpid()
    assert stage.notes[2]["state"] == 1


async def test_many_calls_are_under_way_at_once(stage: Stage) -> None:
    assert (await stage.run(workflow=flows.five)).phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("start") == 5
    assert len(stage.pids()) == 1


async def test_outputs_are_resolved_in_the_process(stage: Stage) -> None:
    assert outputs_of(await stage.run(check="done_without_outputs")) == {"o0": 7}


@pytest.mark.parametrize(
    ("step", "sentence"), [("fail", "the service has no such queue"), ("panic", "SystemExit")]
)
async def test_what_a_call_raises_is_a_system_failure_with_its_text(
    stage: Stage, step: str, sentence: str
) -> None:
    record = await stage.run(check=step)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert sentence in record.failure.message
    assert stage.kinds().count("check") == 3, "the engine's patience has another limit"
    assert stage.kinds().count("kill") == 1


async def test_once_is_kept_by_the_engine_and_known_to_the_next_call(stage: Stage) -> None:
    record = await stage.run(start=["submit_once"], check=["submit_once", "done"])
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("submitted") == 1
    assert stage.kinds().count("found") == 0


async def test_wake_shortens_a_long_wait(stage: Stage) -> None:
    record = await stage.run(start="wake_later")
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("check") == 1


async def test_time_out_cancels_the_call_and_spares_the_process(stage: Stage) -> None:
    record = await stage.run(Impatient, check=["hang", "done"])
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert len(stage.pids()) == 1


async def test_everything_that_the_engine_gives_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FSEC_SERVICE_PASSWORD", "correct horse")
    pools = {"licences": PoolLimits(limit=1)}
    async with stage.engine(settings={"pools": pools}, start="use_everything") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        await drive(embedded, execution)
        used = await stage.noted("used")
        state_dir = stage.world.home.executors_dir / "player"
    assert used["blob"] == "content"
    assert used["secret_length"] == len("correct horse")
    assert LiteralMap.FromString(bytes.fromhex(used["inputs"])) == LiteralMap()
    assert used["code"] is None  # the execution was made without
    assert used["allocation"] == "GRANTED"
    assert used["state_dir"] == str(state_dir)
    assert used["namespace"] == "default-development"


async def test_what_it_logs_is_the_engines_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await stage.run(start="speak")
    (record,) = [one for one in caplog.records if one.name == "player.voice"]
    assert record.levelno == logging.WARNING
    assert "the queue is long (in the host of executor 'player')" in record.getMessage()
    assert "the queue is printed" in (stage.world.home.hosts_dir / "own" / "player.log").read_text()


async def test_type_of_a_stranger_runs_user_code_in_a_worker(stage: Stage) -> None:
    async with stage.world.engine(Shouting()) as embedded:
        prepared = programs.load(str(LOUD), "loud").prepare(await embedded.task_types(()))
        new = msgspec.structs.replace(prepared, given={"x": literals.integer(20)})
        execution = (await embedded.admin.create_execution(new)).id
        await drive(embedded, execution)
        assert outputs_of(await embedded.admin.get(execution)) == {"o0": 21}


async def test_state_that_json_does_not_keep_is_refused_by_its_path(stage: Stage) -> None:
    record = await stage.run(check="lossy_state")
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "executor 'player' returned a state that can't be kept" in record.failure.message


async def test_abort_kills_in_the_process(stage: Stage) -> None:
    async with stage.engine(start="waiting") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await stage.noted("start")
            await until(embedded, is_running)
            await embedded.admin.abort(execution, by="ada", reason="enough")
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert stage.kinds()[-3:] == ["kill", "finalize", "close"]


async def is_running(embedded: app.Embedded) -> bool:
    return (await attempt(embedded)).phase == "RUNNING"


async def test_engine_goes_on_from_what_another_engine_committed(stage: Stage) -> None:
    async with stage.engine(start="waiting", check="hang") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await stage.noted("start")
            await until(embedded, is_running)
    async with stage.engine(start="fail", check="done") as embedded:
        await drive(embedded, identity())
        record = await embedded.admin.get(identity())
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("start") == 1
    assert len(stage.pids()) == 2


async def test_process_that_nobody_needs_is_not_started(stage: Stage) -> None:
    async with stage.engine():
        pass
    assert stage.notes == []


async def test_failed_initialize_refuses_its_types_and_says_why(stage: Stage) -> None:
    async with stage.engine(initialize="fail") as embedded:
        await stage.world.create(embedded, flows.single)
        await embedded.executors.ready(["scripted"])
        host = embedded.executors.host(embedded.executors.registry.of_type("scripted"))
        assert not host.is_ready
        assert host.failure is not None
        assert "the service has no such queue" in host.failure.message
