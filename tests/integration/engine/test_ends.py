"""How attempts and executions end: retries, time-outs, aborts, finalizers, policies, by the real engine."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from elevon import app
from elevon.errors import NonRecoverable
from elevon.idl import literals
from elevon.plugin import TaskContext, TaskStatus
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Call,
    Flag,
    Narrow,
    Other,
    Scripted,
    State,
    Tidy,
    World,
    attempt,
    compiled,
    drive,
    driving,
    identity,
    outputs_of,
    until,
)

LATER: TaskStatus[Any] = TaskStatus.running(State(), check_after=timedelta(minutes=5))
FAILED: TaskStatus[Any] = TaskStatus.retryable_failure("the job failed")


async def phases_of(embedded: app.Embedded, name: str = "x1") -> dict[str, str]:
    """Phases of the nodes that started."""
    view = await embedded.admin.view(identity(name))
    return {node.id: str(node.record.phase) for node in view.walk() if node.record is not None}


async def is_running(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(one.phase is AttemptPhase.RUNNING for node in view.walk() for one in node.attempts)


async def test_retryable_failure_makes_a_new_attempt_with_an_empty_state(world: World) -> None:
    executor = Scripted(check=[TaskStatus.retryable_failure("flaky", State(5)), DONE])
    record = await world.run(flows.stubborn, executor)
    assert outputs_of(record) == {"o0": 1}
    starts = [call for call in executor.calls if call.kind == "start"]
    assert [(call.attempt, call.state, call.may_have_happened) for call in starts] == [
        (0, None, False),
        (1, None, False),
    ]


async def test_retries_that_are_spent_fail_the_execution_with_the_last_error(world: World) -> None:
    executor = Scripted(check=[FAILED, FAILED, TaskStatus.retryable_failure("the last straw")])
    record = await world.run(flows.stubborn, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "the last straw" in record.failure.message
    assert executor.kinds() == ["start", "check", "finalize"] * 3


async def test_an_engine_lets_go_of_an_execution_that_had_ended_before_it(world: World) -> None:
    done = await world.run(flows.stubborn, Scripted(check=[DONE]))
    assert (await world.resume(Scripted())) == done


async def test_permanent_failure_spends_no_retry(world: World) -> None:
    executor = Scripted(check=[TaskStatus.permanent_failure("no such table")])
    assert (await world.run(flows.stubborn, executor)).phase is ExecutionPhase.FAILED
    assert executor.kinds() == ["start", "check", "finalize"]


async def test_system_failures_spend_no_retry_of_the_user(world: World) -> None:
    executor = Scripted(
        start=[RuntimeError("1"), RuntimeError("2"), RUNNING], check=[OSError("3"), OSError("4"), DONE]
    )
    record = await world.run(flows.single, executor)  # a task without retries
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert {call.attempt for call in executor.calls} == {0}


async def test_what_can_not_be_recovered_is_not_retried(world: World) -> None:
    executor = Scripted(check=[NonRecoverable("the input is wrong")])
    assert (await world.run(flows.stubborn, executor)).phase is ExecutionPhase.FAILED
    assert executor.kinds() == ["start", "check", "kill", "finalize"]


async def test_attempt_that_outlasts_its_time_is_killed_and_retried(world: World) -> None:
    executor = Scripted(start=[LATER, RUNNING])
    record = await world.run(flows.limited_twice, executor)
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert [call.kind for call in executor.calls if call.attempt == 0] == ["start", "kill", "finalize"]
    assert [call.kind for call in executor.calls if call.attempt == 1] == ["start", "check", "finalize"]


async def test_attempt_that_outlasts_its_time_without_retries_fails_and_names_the_limit(world: World) -> None:
    record = await world.run(flows.limited, Scripted(start=[LATER]))
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "timeout of 0:00:01" in record.failure.message


async def test_attempt_that_waits_too_long_for_its_start_fails(world: World) -> None:
    executor = Narrow(start=[TaskStatus.not_ready(check_after=SOON)])
    record = await world.run(flows.waiting, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert executor.kinds()[-2:] == ["kill", "finalize"]


async def test_kill_is_repeated_until_it_succeeds(world: World) -> None:
    executor = Scripted(start=[LATER], kill=[OSError("down"), OSError("down"), None])
    record = await world.run(flows.limited, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert executor.kinds() == ["start", "kill", "kill", "kill", "finalize"]


async def test_required_finalizer_is_repeated_until_it_succeeds(world: World) -> None:
    executor = Tidy(finalize=[OSError("busy")] * 12 + [None])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds().count("finalize") == 13


async def test_optional_finalizer_that_never_succeeds_is_given_up(world: World) -> None:
    executor = Scripted(finalize=[OSError("busy")])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
        assert (await attempt(embedded)).finalization is Finalization.ABANDONED


async def test_required_finalizer_is_made_up_for_by_the_next_engine(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Tidy(finalize=[flag.hang]), flag.reached())
    executor = Tidy()
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["finalize"]


async def test_abort_while_it_runs_kills_and_finalizes(world: World) -> None:
    executor = Scripted(start=[LATER])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.pair)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, is_running)
            await elsewhere.abort(execution, by="ada", reason="wrong input")
            await task
        record = await embedded.admin.get(execution)
    assert record.phase is ExecutionPhase.ABORTED
    assert record.aborted_by == "ada"
    assert sorted(executor.kinds()) == sorted(["start", "kill", "finalize"] * 2)


async def test_abort_while_nobody_drives_is_obeyed_by_the_next_engine(world: World) -> None:
    await suspended(world)
    async with app.reading(world.home) as elsewhere:
        await elsewhere.abort(identity(), by="ada", reason="wrong input")
    executor = Scripted(check=[LATER])
    assert (await world.resume(executor)).phase is ExecutionPhase.ABORTED
    assert executor.kinds()[-2:] == ["kill", "finalize"]


async def suspended(world: World) -> None:
    """Leave an execution whose only attempt runs outside."""
    async with world.engine(Scripted(start=[LATER])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task:
            await until(embedded, is_running)
            await embedded.engine.suspend()
            await task


async def test_restart_kills_nothing(world: World) -> None:
    await suspended(world)
    executor = Scripted()
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["check", "finalize"]


async def test_failure_stops_what_runs_beside_it(world: World) -> None:
    other = Other(start=[LATER])
    async with world.engine(Scripted(check=[TaskStatus.permanent_failure("broken")]), other) as embedded:
        execution = await world.create(embedded, flows.mixed)
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.FAILED
        assert await phases_of(embedded) == {"n0": "FAILED", "n1": "ABORTED"}
    assert other.kinds() == ["start", "kill", "finalize"]


async def test_patient_workflow_lets_run_what_can_still_run(world: World) -> None:
    other = Other(check=[RUNNING, RUNNING, DONE])
    async with world.engine(Scripted(start=[TaskStatus.permanent_failure("broken")]), other) as embedded:
        execution = await world.create(embedded, flows.patient)
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.FAILED
        assert await phases_of(embedded) == {"n0": "FAILED", "n1": "SUCCEEDED"}


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_attempts_are_under_way_than_the_execution_allows(world: World, limit: int) -> None:
    gauge = Gauge()
    async with world.engine(Scripted(start=[gauge.enter], check=[gauge.leave])) as embedded:
        await drive(embedded, await world.create(embedded, flows.five, max_parallelism=limit))
    assert gauge.highest == limit


async def test_no_more_attempts_are_under_way_than_the_executor_allows(world: World) -> None:
    gauge = Gauge()
    async with world.engine(Narrow(start=[gauge.enter], check=[gauge.leave])) as embedded:
        executions = [await world.create(embedded, flows.five, name) for name in ("x1", "x2")]
        await drive(embedded, *executions)
    assert gauge.highest == 1


class Gauge:
    """How many attempts are under way, and were at most."""

    def __init__(self) -> None:
        self.now = self.highest = 0

    async def enter(self, _ctx: object) -> TaskStatus[Any]:
        self.now += 1
        self.highest = max(self.highest, self.now)
        await asyncio.sleep(0)
        return RUNNING

    async def leave(self, _ctx: object) -> TaskStatus[Any]:
        self.now -= 1
        return DONE


async def test_recovery_reuses_what_succeeded(world: World) -> None:
    async def fail_second(ctx: TaskContext[State]) -> TaskStatus[Any]:
        is_first = ctx.task_execution_id.attempt.node_id == "n0"
        return DONE if is_first else TaskStatus.permanent_failure("a bug")

    async with world.engine(Scripted(check=[fail_second])) as embedded:
        execution = await world.create(embedded, flows.chain)
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.FAILED
    mended = Scripted(check=[TaskStatus.succeeded({"o0": literals.integer(42)})])
    record = await recovered(world, execution, mended)
    assert outputs_of(record) == {"o0": 42}
    assert {call.node_id for call in mended.calls} == {"n1"}


async def recovered(world: World, failed: ExecutionId, executor: Scripted) -> Any:
    async with world.engine(executor) as embedded:
        created = await embedded.admin.recover(failed, compiled(flows.chain))
        await drive(embedded, created.id)
        return await embedded.admin.get(created.id)


async def test_calls_for_one_attempt_never_overlap(world: World) -> None:
    under_way: list[Call] = []

    async def slow(ctx: TaskContext[State]) -> TaskStatus[Any]:
        assert not under_way
        under_way.append(Call("check", "n0", 0))
        for _ in range(5):
            ctx.wake()
            await asyncio.sleep(0.01)
        under_way.clear()
        return LATER

    executor = Scripted(check=[slow, slow, slow, DONE])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
