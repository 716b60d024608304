"""`ctx.once` through the real engine: an effect is carried out at most once, knowingly."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from elevon.plugin import ExecutorProperties, TaskContext, TaskStatus
from elevon.records.attempts import OnceRecord
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.memories import Memory, Noted
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    SOON,
    Flag,
    Scripted,
    State,
    World,
    attempt,
    compiled,
    drive,
    driving,
    identity,
    is_parked,
    until,
)

Step = Callable[[TaskContext[State]], Awaitable[TaskStatus[Any]]]


class Hurried(Noted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, call_timeout=timedelta(milliseconds=500)
    )


class Terse(Scripted):
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, generated_name_max_length=16
    )


class Service:
    """Something outside the engine: it counts what is asked of it."""

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.sought: list[str] = []

    async def submit(self, token: str) -> str:
        self.submitted.append(token)
        return f"job of {token}"

    async def find(self, token: str) -> str | None:
        self.sought.append(token)
        return f"job of {token}" if token in self.submitted else None

    async def submit_and_raise(self, token: str) -> str:
        await self.submit(token)
        raise ConnectionError("the answer was lost")

    def submit_and_hang(self, flag: Flag) -> Callable[[str], Awaitable[str]]:
        """A submission whose answer does not come."""

        async def submit(token: str) -> str:
            await self.submit(token)
            await flag.hang(token)
            return token

        return submit

    async def raise_only(self, token: str) -> str:
        raise ConnectionError(f"never arrived: {token}")


def once(submit: Any, find: Any = None, then: Any = RUNNING) -> Step:
    """A step that does one thing once."""

    async def step(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await ctx.once("submit", submit, find)
        return then if isinstance(then, TaskStatus) else await then(ctx)

    return step


async def test_committed_key_never_runs_again(world: World) -> None:
    service, flag = Service(), Flag()
    step = once(service.submit, then=flag.hang)
    await world.crash(flows.single, Scripted(start=[step]), flag.reached())
    again = Scripted(start=[once(service.submit)], check=[once(service.submit, then=DONE)])
    assert (await world.resume(again)).phase is ExecutionPhase.SUCCEEDED
    assert len(service.submitted) == 1


async def test_intent_without_a_result_is_looked_up_under_the_same_token(world: World) -> None:
    service, flag = Service(), Flag()

    await world.crash(flows.single, Scripted(start=[once(service.submit_and_hang(flag))]), flag.reached())
    again = Scripted(start=[once(service.submit, service.find)])
    assert (await world.resume(again)).phase is ExecutionPhase.SUCCEEDED
    assert service.sought == service.submitted
    assert len(service.submitted) == 1


async def test_intent_keeps_its_token_when_the_next_release_shortens_names(world: World) -> None:
    service, flag = Service(), Flag()

    await world.crash(flows.single, Scripted(start=[once(service.submit_and_hang(flag))]), flag.reached())
    again = Terse(start=[once(service.submit, service.find)])
    assert (await world.resume(again)).phase is ExecutionPhase.SUCCEEDED
    assert service.sought == service.submitted
    assert len(service.submitted) == 1


async def test_effect_that_surely_did_not_happen_is_carried_out(world: World) -> None:
    service = Service()
    executor = Scripted(start=[once(service.raise_only), once(service.submit, service.find)])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert service.sought == service.submitted
    assert len(service.submitted) == 1


async def test_effect_whose_answer_was_lost_is_found_again(world: World) -> None:
    service = Service()
    executor = Scripted(check=[once(service.submit_and_raise), once(service.submit, service.find, DONE)])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.SUCCEEDED
    assert len(service.submitted) == 1


async def test_intent_without_a_result_and_without_find_waits_for_help(world: World) -> None:
    service = Service()
    executor = Scripted(start=[once(service.submit_and_raise)])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, is_parked)
        record = await attempt(embedded)
        assert "once('submit') may already have happened under the token" in record.reason
        assert service.submitted[0] in record.reason
    mended = Scripted(start=[once(service.submit, service.find)])
    assert (await world.resume(mended)).phase is ExecutionPhase.SUCCEEDED
    assert len(service.submitted) == 1


async def test_key_that_is_asked_for_twice_at_the_same_time_runs_once(world: World) -> None:
    service = Service()

    async def both(ctx: TaskContext[State]) -> TaskStatus[Any]:
        one, other = await asyncio.gather(*(ctx.once("submit", service.submit) for _ in range(2)))
        assert one == other
        return DONE

    assert (await world.run(flows.single, Scripted(check=[both]))).phase is ExecutionPhase.SUCCEEDED
    assert len(service.submitted) == 1


async def test_ten_keys_run_beside_each_other(world: World) -> None:
    service = Service()

    async def ten(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await asyncio.gather(*(ctx.once(f"query {number}", service.submit) for number in range(10)))
        return DONE

    assert (await world.run(flows.single, Scripted(check=[ten]))).phase is ExecutionPhase.SUCCEEDED
    assert len(set(service.submitted)) == 10


async def test_effect_beside_one_that_raised_ends_with_the_call_and_is_not_doubled_by_the_next(
    world: World,
) -> None:
    service, has_begun, may_go_on = Service(), asyncio.Event(), asyncio.Event()

    async def submit_late(token: str) -> str:
        has_begun.set()
        await may_go_on.wait()
        return await service.submit(token)

    async def raise_meanwhile(token: str) -> str:
        await has_begun.wait()
        return await service.raise_only(token)

    async def check(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await asyncio.gather(ctx.once("late", submit_late), ctx.once("broken", raise_meanwhile))
        raise AssertionError("the other effect did not raise")

    async def check_again(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await ctx.once("late", service.submit, service.find)
        may_go_on.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return DONE

    assert (
        await world.run(flows.single, Scripted(check=[check, check_again]))
    ).phase is ExecutionPhase.SUCCEEDED
    assert len(service.submitted) == 1


@pytest.mark.parametrize("with_find", [True, False], ids=["with find", "without find"])
async def test_effect_whose_call_ran_out_of_time_while_its_result_was_committed_is_known(
    tmp_path: Path, with_find: bool
) -> None:
    """The store takes longer for it than the call may."""
    service = Service()
    memory = Memory(tmp_path)
    find = service.find if with_find else None
    release = memory.store.hold(lambda change: isinstance(change, OnceRecord) and change.result is not None)

    async def check(ctx: TaskContext[State]) -> TaskStatus[Any]:
        try:
            await ctx.once("submit", service.submit, find)
        finally:
            release.set()
        raise AssertionError("the call was not cancelled")

    async def check_again(ctx: TaskContext[State]) -> TaskStatus[Any]:
        assert await ctx.once("submit", service.submit, find) == f"job of {service.submitted[0]}"
        return DONE

    executor = Hurried(memory.ledger, check=[check, check_again])
    async with memory.engine(executor) as embedded:
        await embedded.admin.create_execution(msgspec.structs.replace(compiled(flows.single), name="x1"))
        await drive(embedded, identity())
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED
    assert executor.kinds() == ["start", "check", "check", "finalize"]
    assert len(service.submitted) == 1
    assert service.sought == []


@pytest.mark.parametrize("key", [5, "a\udcff"])
async def test_key_that_no_row_can_have_is_refused_before_anything_is_done(world: World, key: Any) -> None:
    service = Service()

    async def start(ctx: TaskContext[State]) -> TaskStatus[Any]:
        await ctx.once(key, service.submit)
        return DONE

    record = await world.run(flows.single, Scripted(start=[start]))
    assert record.failure is not None
    assert f"once({key!r}) has a key that can't be kept" in record.failure.message
    assert service.submitted == []


async def test_each_attempt_has_tokens_of_its_own(world: World) -> None:
    service = Service()
    failing = once(service.submit, then=TaskStatus.retryable_failure("the job failed"))
    executor = Scripted(start=[failing, once(service.submit)])
    assert (await world.run(flows.stubborn, executor)).phase is ExecutionPhase.SUCCEEDED
    assert len(set(service.submitted)) == 2


async def test_kill_sees_effects_that_no_committed_state_tells_of(world: World) -> None:
    service = Service()
    seen: list[dict[str, bool]] = []

    async def kill(ctx: TaskContext[State]) -> None:
        assert ctx.custom_state is None
        seen.append({key: intent.is_done for key, intent in ctx.intents.items()})

    executor = Scripted(start=[once(service.submit, then=_raising)], kill=[kill])
    assert (await world.run(flows.single, executor)).phase is ExecutionPhase.FAILED
    assert seen == [{"submit": True}]


async def _raising(_ctx: object) -> TaskStatus[Any]:
    raise RuntimeError("after the effect")
