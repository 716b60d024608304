"""Operators fail, abandon and unpark attempts, and drain types, while an engine runs and while none does."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from elevon import app, errors
from elevon.admin.attempts import Order
from elevon.plugin import ExecutorProperties, TaskStatus
from elevon.primitives import locks
from elevon.primitives.clocks import SystemClock
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization
from elevon.stores.sqlite import SqliteStateStore
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    SOON,
    Flag,
    Narrow,
    Other,
    Scripted,
    State,
    Tidy,
    World,
    attempt,
    drive,
    driving,
    identity,
    is_parked,
    until,
)

LATER: TaskStatus[Any] = TaskStatus.running(State(), check_after=timedelta(minutes=5))
UNREADABLE = errors.CorruptStateError("the state can't be read")
ORDER = Order(execution=identity(), node_id="n0", by="ada", reason="it is stuck")


class Distant(Scripted):
    """Runs in a thread."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="thread", check_after=SOON)


def reached(
    phase: AttemptPhase, node_id: str = "n0", name: str = "x1"
) -> Callable[[app.Embedded], Awaitable[bool]]:
    async def is_there(embedded: app.Embedded) -> bool:
        view = await embedded.admin.view(identity(name))
        (node,) = [node for node in view.walk() if node.id == node_id]
        return bool(node.attempts) and node.attempts[-1].phase is phase

    return is_there


async def has_failed_kill(embedded: app.Embedded) -> bool:
    found = await attempt(embedded)
    return found.phase is AttemptPhase.KILLING and found.system_failure_count > 1


async def has_failed_finalize(embedded: app.Embedded) -> bool:
    if not await reached(AttemptPhase.SUCCEEDED)(embedded):
        return False
    return (await attempt(embedded)).system_failure_count > 1


async def story_of(world: World) -> list[str]:
    """What the history says of the attempt."""
    async with app.reading(world.home) as admin:
        view = await admin.view(identity())
    return [row.message for row in view.history if row.node_id == "n0" and row.message]


async def test_a_failed_attempt_is_killed_and_not_tried_again(world: World) -> None:
    executor = Scripted(start=[LATER])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.stubborn)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, reached(AttemptPhase.RUNNING))
            asked = await elsewhere.attempts.fail(ORDER)
            await task
            assert await elsewhere.attempts.is_obeyed(asked)
        record = await embedded.admin.get(execution)
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert record.failure.message == "node n0: failed by ada: it is stuck"
    assert executor.kinds() == ["start", "kill", "finalize"]


async def test_what_was_asked_while_no_engine_ran_is_obeyed_by_the_next_one(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(check=[flag.hang]), flag.reached())
    async with app.reading(world.home) as elsewhere:
        await elsewhere.attempts.fail(ORDER)
    executor = Scripted(check=[LATER])
    assert (await world.resume(executor)).phase is ExecutionPhase.FAILED
    assert executor.kinds() == ["check", "kill", "finalize"]


async def test_a_kill_that_was_abandoned_while_no_engine_ran_is_not_tried_by_the_next_one(
    world: World,
) -> None:
    flag = Flag()
    async with world.engine(Scripted(start=[LATER], kill=[flag.hang])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution), app.reading(world.home) as elsewhere:
            await until(embedded, reached(AttemptPhase.RUNNING))
            await elsewhere.abort(execution, by="ada", reason="wrong input")
            await flag.reached()
    async with app.reading(world.home) as elsewhere:
        await elsewhere.attempts.abandon(ORDER)
    executor = Scripted()
    assert (await world.resume(executor)).phase is ExecutionPhase.ABORTED
    assert executor.calls == []


async def test_a_finalizer_that_was_abandoned_while_no_engine_ran_is_not_tried_by_the_next_one(
    world: World,
) -> None:
    flag = Flag()
    await world.crash(flows.single, Tidy(start=[DONE], finalize=[flag.hang]), flag.reached())
    async with app.reading(world.home) as elsewhere:
        await elsewhere.attempts.abandon(ORDER)
    executor = Tidy()
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED
    assert executor.calls == []


async def test_an_attempt_that_nobody_serves_is_failed_and_abandoned(world: World) -> None:
    flag = Flag()
    await world.crash(flows.single, Scripted(check=[flag.hang]), flag.reached())
    async with world.engine() as embedded:
        async with driving(embedded, identity()) as task, app.reading(world.home) as elsewhere:
            await until(embedded, is_parked)
            await elsewhere.attempts.fail(ORDER)
            await until(embedded, reached(AttemptPhase.KILLING))
            await until(embedded, is_parked)
            assert (await attempt(embedded)).reason.startswith(
                "it can't be killed, and waits until it can be or is abandoned: no executor is registered"
            )
            await elsewhere.attempts.abandon(ORDER)
            await task
        found = await attempt(embedded)
    assert (found.phase, found.finalization) == (AttemptPhase.FAILED, Finalization.ABANDONED)


async def test_a_kill_that_never_succeeds_is_abandoned(world: World) -> None:
    executor = Scripted(start=[LATER], kill=[OSError("gone")])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, reached(AttemptPhase.RUNNING))
            await elsewhere.abort(execution, by="ada", reason="wrong input")
            await until(embedded, has_failed_kill)
            await elsewhere.attempts.abandon(ORDER)
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert "finalize" not in executor.kinds()
    assert "the kill was abandoned by ada: it is stuck" in await story_of(world)


@pytest.mark.parametrize("kind", [Scripted, Distant])
async def test_a_kill_that_hangs_is_abandoned_and_left_behind(world: World, kind: type[Scripted]) -> None:
    async def hang(_ctx: object) -> None:
        await asyncio.Event().wait()

    executor = kind(start=[LATER], kill=[hang])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, reached(AttemptPhase.RUNNING))
            await elsewhere.abort(execution, by="ada", reason="wrong input")
            await until(embedded, reached(AttemptPhase.KILLING))
            await elsewhere.attempts.abandon(ORDER)
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED


async def test_a_required_finalizer_that_is_abandoned_lets_the_execution_end(world: World) -> None:
    async with world.engine(Tidy(finalize=[OSError("busy")])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, has_failed_finalize)
            assert not (await embedded.admin.get(execution)).phase.is_terminal
            await elsewhere.attempts.abandon(ORDER)
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
        assert (await attempt(embedded)).finalization is Finalization.ABANDONED
    assert "finalize was abandoned by ada: it is stuck" in await story_of(world)


async def test_a_parked_attempt_is_called_again_when_an_operator_says_so(world: World) -> None:
    async with world.engine(Scripted(check=[UNREADABLE, DONE])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, is_parked)
            await elsewhere.attempts.unpark(ORDER)
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
    assert "unparked by ada: it is stuck" in await story_of(world)


async def test_a_drained_type_begins_nothing_says_why_and_goes_on_when_it_may(world: World) -> None:
    executor = Scripted()
    async with world.engine(executor, Other()) as embedded:
        execution = await world.create(embedded, flows.mixed)
        await embedded.admin.drains.drain("scripted", by="ada", reason="upgrade")
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, is_parked)
            assert (await attempt(embedded)).reason == (
                "the task type 'scripted' was drained by ada: upgrade; elevon plugin resume scripted lets it go on"
            )
            await until(embedded, reached(AttemptPhase.SUCCEEDED, "n1"))
            assert executor.calls == []
            await elsewhere.drains.resume("scripted")
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED


async def test_what_runs_of_a_drained_type_goes_on_and_what_waits_in_line_does_not_begin(
    world: World,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def check(_ctx: object) -> TaskStatus[Any]:
        begun.set()
        await may_end.wait()
        return DONE

    executor = Narrow(check=[check])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.pair)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await begun.wait()
            await elsewhere.drains.drain("scripted", by="ada", reason="upgrade")
            await until(embedded, lambda embedded: is_parked(embedded, "n1"))
            may_end.set()
            await until(embedded, reached(AttemptPhase.SUCCEEDED))
            assert executor.kinds() == ["start", "check", "finalize"]
            await elsewhere.drains.resume("scripted")
            await task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED


async def test_a_start_that_waits_for_resources_is_not_repeated_while_its_type_is_drained(
    world: World,
) -> None:
    answers = [TaskStatus.not_ready(State(), check_after=SOON)]

    async def start(_ctx: object) -> TaskStatus[Any]:
        return answers[-1]

    executor = Scripted(start=[start])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution) as task, app.reading(world.home) as elsewhere:
            await until(embedded, reached(AttemptPhase.WAITING_FOR_RESOURCES))
            await elsewhere.drains.drain("scripted", by="ada", reason="upgrade")
            await until(embedded, is_parked)
            count = len(executor.calls)
            answers.append(DONE)
            await elsewhere.drains.resume("scripted")
            await task
        assert executor.kinds()[count:] == ["start", "finalize"]
        assert not executor.calls[count].may_have_happened


async def test_a_drain_outlasts_the_engine(world: World) -> None:
    async with app.reading(world.home) as elsewhere:
        await elsewhere.drains.drain("scripted", by="ada", reason="upgrade")
    executor = Scripted()
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, is_parked)
    async with app.reading(world.home) as elsewhere:
        await elsewhere.drains.resume("scripted")
    assert (await world.resume(executor)).phase is ExecutionPhase.SUCCEEDED


async def test_the_limit_of_an_executor_holds_among_executions_that_are_taken_up_together(
    world: World,
) -> None:
    async with world.engine(Narrow(start=[LATER])) as embedded:
        fresh = await world.create(embedded, flows.single, "x1")
        begun = await world.create(embedded, flows.single, "x2")
        async with driving(embedded, begun) as task:
            await until(embedded, reached(AttemptPhase.RUNNING, name="x2"))
            await embedded.engine.suspend()
            await task
    executor = Narrow()
    async with world.engine(executor) as embedded, app.reading(world.home) as elsewhere:
        with late_owner(world) as owner:
            await own(world, begun, owner)
            task = asyncio.create_task(drive(embedded, fresh, begun))
            for _ in range(100):  # so many reads, in which the fresh one could have begun
                await elsewhere.get(fresh)
        await task
    assert [kind for kind in executor.kinds() if kind != "finalize"] == ["check", "start", "check"]


@contextlib.contextmanager
def late_owner(world: World) -> Iterator[str]:
    """Id of an engine that lives within."""
    with locks.hold(world.home.lock_path("late")):
        yield "late"


async def own(world: World, execution: ExecutionId, owner: str) -> None:
    clock = SystemClock()
    store = SqliteStateStore(world.home.database, clock, lambda _owner: False)
    await store.open()
    try:
        now = clock.now()
        assert await store.acquire_lease(execution, owner, now + timedelta(minutes=5), now) is not None
    finally:
        await store.close()
