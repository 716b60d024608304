"""What a thread can't contain, a process does: it is ended, named, started again, and its calls are made again."""

import os
import signal
from pathlib import Path

import pytest

from elevon import app, errors
from elevon.plugin.descriptions import HostSettings
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import drive, driving, identity, until
from tests.integration.hosts import players
from tests.integration.hosts.players import Neighbour, Player
from tests.integration.hosts.stages import Stage
from tests.integration.machines import is_running

MIB = 1 << 20
SHARED = HostSettings(
    name="both", tasktypes=tuple(f"tests.integration.hosts.players:{one}" for one in ("Player", "Neighbour"))
)


async def messages(embedded: app.Embedded) -> str:
    """All that the history of the execution says."""
    view = await embedded.admin.view(identity())
    return "\n".join(one.message for one in view.history)


async def drive_to_end(
    stage: Stage, executor: type[Player] = Player, **more: object
) -> tuple[ExecutionRecord, str]:
    """How one execution ended, and its history in words."""
    async with stage.engine(executor, **more) as embedded:  # pyright: ignore[reportArgumentType]
        execution = await stage.world.create(embedded, flows.single)
        await drive(embedded, execution)
        return await embedded.admin.get(execution), await messages(embedded)


async def is_running_there(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    (node,) = view.walk()
    return bool(node.attempts) and node.attempts[-1].phase is AttemptPhase.RUNNING


@pytest.mark.parametrize(
    ("step", "how"),
    [
        ("die", "was ended by SIGKILL"),
        ("crash", "was ended by SIGSEGV"),
        ("leave", "exited with code 3: the licence has expired"),
    ],
)
async def test_process_that_ends_in_a_call_is_named_and_the_call_is_made_again(
    stage: Stage, step: str, how: str
) -> None:
    record, history = await drive_to_end(stage, check=[step, "done"])
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("start") == 1
    assert stage.kinds().count("check") == 2
    assert len(stage.pids()) == 2
    assert f"executor 'player' lost its host during check: the host of executor 'player' {how}" in history


async def test_start_that_lost_its_process_may_have_happened(stage: Stage) -> None:
    record, _ = await drive_to_end(stage, start=["die", "running"])
    assert record.phase is ExecutionPhase.SUCCEEDED
    first, second = (note for note in stage.notes if note["kind"] == "start")
    assert not first["may_have_happened"]
    assert second["may_have_happened"]


async def test_effect_that_lost_its_process_is_looked_for_and_not_repeated(stage: Stage) -> None:
    record, _ = await drive_to_end(stage, start=["submit_and_die", "submit_once"])
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("submitted") == 1
    assert stage.kinds().count("found") == 1


async def test_call_that_always_ends_its_process_fails_its_attempt_after_three_times(stage: Stage) -> None:
    record, _ = await drive_to_end(stage, check="leave")
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "the executor host died 3 times during this call" in record.failure.message
    assert "exited with code 3: the licence has expired" in record.failure.message
    assert stage.kinds().count("check") == 3
    assert stage.kinds().count("kill") == 1


async def test_memory_beyond_the_limit_costs_the_process_and_names_the_setting(stage: Stage) -> None:
    host = HostSettings(
        name="small", tasktypes=("tests.integration.hosts.players:Player",), memory_limit_bytes=200 * MIB
    )
    configuration = {"player": {"folder": str(stage.folder), "check": ["eat_memory", "done"]}}
    async with stage.world.engine(hosts=(host,), configuration=configuration) as embedded:
        execution = await stage.world.create(embedded, flows.single)
        await drive(embedded, execution)
        record, history = await embedded.admin.get(execution), await messages(embedded)
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert "executor 'player' lost its host during check: host 'small' used " in history
    assert "its limit is 200 MiB: raise memory_limit in [hosts.small]" in history


async def test_process_that_is_killed_from_outside_again_and_again_costs_no_patience(stage: Stage) -> None:
    """More often than the engine is patient with calls that raise, and with one attempt or another under way."""
    async with stage.engine(start="waiting", check="waiting") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await stage.noted("start")
            for number in range(1, 5):
                os.kill((await stage.noted("initialize", number))["pid"], signal.SIGKILL)
            await stage.noted("initialize", 5)
            assert not task.done()


async def test_attempts_are_looked_at_when_the_next_process_is_there_because_it_remembers_nothing(
    stage: Stage,
) -> None:
    """Their next check is minutes away, and whoever would have woken them is gone."""
    async with stage.engine(start="waiting") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await until(embedded, is_running_there)
            (pid,) = stage.pids()
            os.kill(pid, signal.SIGKILL)
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED


async def test_end_of_one_process_leaves_other_executors_alone(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    configuration = {
        "player": {"folder": str(stage.folder), "check": ["leave", "done"]},
        "neighbour": {"folder": str(other)},
    }
    async with stage.world.engine(Player(), Neighbour(), configuration=configuration) as embedded:
        one = await stage.world.create(embedded, flows.single, "one")
        two = await stage.world.create(embedded, flows.single_other, "two")
        await drive(embedded, one, two)
        assert (await embedded.admin.get(one)).phase is ExecutionPhase.SUCCEEDED
        assert (await embedded.admin.get(two)).phase is ExecutionPhase.SUCCEEDED
    assert len({note["pid"] for note in players.notes(other)}) == 1


async def test_executors_that_share_a_host_share_its_process_and_its_end(
    stage: Stage, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    configuration = {
        "player": {"folder": str(stage.folder), "check": ["leave", "done"]},
        "neighbour": {"folder": str(other)},
    }
    async with stage.world.engine(hosts=(SHARED,), configuration=configuration) as embedded:
        await embedded.executors.ready(["scripted", "other"])
        one = await stage.world.create(embedded, flows.single, "one")
        two = await stage.world.create(embedded, flows.single_other, "two")
        await drive(embedded, one, two)
        assert (await embedded.admin.get(one)).phase is ExecutionPhase.SUCCEEDED
        assert (await embedded.admin.get(two)).phase is ExecutionPhase.SUCCEEDED
    assert set(stage.pids()) == {note["pid"] for note in players.notes(other)}
    assert len(stage.pids()) == 2


async def test_initialize_that_ends_a_shared_process_is_refused_and_the_other_executor_is_not(
    stage: Stage, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    configuration = {
        "player": {"folder": str(stage.folder), "initialize": ["leave"]},
        "neighbour": {"folder": str(other)},
    }
    async with stage.world.engine(hosts=(SHARED,), configuration=configuration) as embedded:
        two = await stage.world.create(embedded, flows.single_other, "two")
        await embedded.executors.ready(["scripted", "other"])
        with pytest.raises(
            errors.UnavailableError, match="host 'both' exited with code 3: the licence has expired"
        ):
            embedded.executors.of_type("scripted")
        await drive(embedded, two)
        assert (await embedded.admin.get(two)).phase is ExecutionPhase.SUCCEEDED


async def test_process_that_ends_in_initialize_is_the_reason_for_the_refusal(stage: Stage) -> None:
    async with stage.engine(initialize="crash") as embedded:
        await stage.world.create(embedded, flows.single)
        await embedded.executors.ready(["scripted"])
        failure = embedded.executors.host(embedded.executors.registry.of_type("scripted")).failure
    assert failure is not None
    assert "the host of executor 'player' was ended by SIGSEGV" in failure.message
    assert "see " in failure.message
    assert stage.kinds().count("initialize") == 1


async def test_initialize_that_fails_after_a_restart_is_tried_again(stage: Stage) -> None:
    record, _ = await drive_to_end(
        stage, initialize=["nothing", "fail", "leave", "nothing"], check=["leave", "done"]
    )
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert stage.kinds().count("initialize") == 4


async def test_end_of_the_engine_leaves_no_process(stage: Stage) -> None:
    async with stage.engine(start="start_child") as embedded:
        execution = await stage.world.create(embedded, flows.single)
        async with driving(embedded, execution):
            child = (await stage.noted("child"))["child"]
    (pid,) = stage.pids()
    assert not is_running(pid)
    assert not is_running(child)
