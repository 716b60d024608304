"""What an executor may rely on around its start, by the real engine."""

import asyncio
from datetime import timedelta
from typing import Any, Literal

import pytest

from elevon import errors
from elevon.idl import literals
from elevon.plugin import ExecutorProperties, TaskStatus
from elevon.records.nodes import OUTPUTS_LIMIT_BYTES
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Flag,
    Hurried,
    Scripted,
    State,
    World,
    outputs_of,
)


def starts(executor: Scripted) -> list[bool]:
    """Of each start, whether it was told that one before may have happened."""
    return [call.may_have_happened for call in executor.calls if call.kind == "start"]


async def test_start_that_raised_is_told_that_it_may_have_happened(world: World) -> None:
    executor = Scripted(start=[RuntimeError("no answer"), RUNNING])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert starts(executor) == [False, True]


async def test_start_that_timed_out_is_told_that_it_may_have_happened(world: World) -> None:
    executor = Hurried(start=[Flag().hang, RUNNING])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert starts(executor) == [False, True]


async def test_start_that_the_engine_did_not_survive_is_told_that_it_may_have_happened(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(start=[flag.hang]), flag.reached())
    after = Scripted()
    assert (await world.resume(after)).phase is ExecutionPhase.SUCCEEDED
    assert starts(after) == [True]


async def test_start_that_is_not_ready_need_not_say_anything_of_its_state(world: World) -> None:
    answers = [
        TaskStatus.not_ready(check_after=SOON),
        TaskStatus.not_ready(State(7), check_after=SOON),
        TaskStatus.not_ready(check_after=SOON),
        RUNNING,
    ]
    executor = Scripted(start=answers)
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert [call.state for call in executor.calls if call.kind == "start"] == [None, None, State(7), State(7)]


async def test_start_that_was_not_ready_is_repeated_without_doubt_and_keeps_its_state(world: World) -> None:
    executor = Scripted(start=[TaskStatus.not_ready(State(7), check_after=SOON), RUNNING])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert starts(executor) == [False, False]
    assert [call.state for call in executor.calls if call.kind == "start"] == [None, State(7)]


async def test_start_that_never_answers_ends_in_a_system_failure_after_a_kill(world: World) -> None:
    executor = Scripted(start=[RuntimeError("the service is down")])
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "the service is down" in record.failure.message
    assert "RuntimeError" in record.failure.traceback
    assert executor.kinds() == ["start", "start", "start", "kill", "finalize"]


async def test_start_that_raises_a_user_error_is_not_repeated(world: World) -> None:
    executor = Scripted(start=[errors.UserError("the table has no column 'x'")])
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.USER
    assert "the table has no column 'x'" in record.failure.message
    assert executor.kinds() == ["start", "kill", "finalize"]


@pytest.mark.parametrize("answer", [None, "running", {"phase": "SUCCEEDED"}])
async def test_answer_that_is_no_status_fails_the_task_and_says_what_to_return(
    world: World, answer: object
) -> None:
    async def wrong(_ctx: object) -> object:
        return answer

    record = await world.run(flows.single, Scripted(start=[wrong]))
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert f"returned {type(answer).__name__} from start: return a TaskStatus" in record.failure.message


async def test_answer_that_nobody_awaited_fails_the_task_and_says_so(world: World) -> None:
    forgotten = asyncio.sleep(0)

    async def wrong(_ctx: object) -> object:
        return forgotten

    record = await world.run(flows.single, Scripted(start=[wrong]))
    await forgotten
    assert record.failure is not None
    assert "returned coroutine from start: await it" in record.failure.message


@pytest.mark.parametrize("isolation", ["engine", "thread"])
async def test_method_that_is_no_coroutine_fails_the_task_and_says_what_to_write(
    world: World, isolation: Literal["engine", "thread"]
) -> None:
    class Forgetful(Scripted):
        properties = ExecutorProperties(isolation=isolation)

        def start_task(self, *_: object) -> Any:
            return TaskStatus.running(check_after=timedelta(0))

    record = await world.run(flows.single, Forgetful())
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "instead of a coroutine from start: define the method by async def" in record.failure.message


async def test_success_without_its_outputs_is_a_failure_that_names_them(world: World) -> None:
    executor = Scripted(start=[TaskStatus.succeeded({"wrong": literals.integer(1)})])
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "without the outputs o0" in record.failure.message


async def test_outputs_too_large_for_a_row_fail_the_task_and_say_what_to_return(world: World) -> None:
    large = literals.string("x" * OUTPUTS_LIMIT_BYTES)
    executor = Scripted(start=[TaskStatus.succeeded({"o0": large})])
    record = await world.run(flows.single, executor)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert record.failure.kind is errors.ErrorKind.USER
    assert "(node n0) returned o0 of 6710" in record.failure.message
    assert "return large data as a File or Directory" in record.failure.message


async def test_check_that_raises_is_repeated_from_the_same_state(world: World) -> None:
    executor = Scripted(check=[ConnectionError("reset"), ConnectionError("reset"), DONE])
    record = await world.run(flows.single, executor)
    assert outputs_of(record) == {"o0": 1}
    assert executor.kinds() == ["start", "check", "check", "check", "finalize"]
    assert len({call.state for call in executor.calls if call.kind == "check"}) == 1


async def test_error_that_says_when_to_come_back_is_obeyed(world: World) -> None:
    executor = Scripted(check=[errors.RetryableError("429", after=timedelta(milliseconds=1)), DONE])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
