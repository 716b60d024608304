"""Resource pools with real engines: who waits says why, is served in turn, and no token is ever lost."""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from elevon import app
from elevon.plugin import TaskStatus
from elevon.primitives.clocks import SystemClock
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.records.tokens import PoolLimits
from elevon.stores.sqlite import SqliteStateStore
from tests.integration.engine import flows
from tests.integration.engine.queries import Queries, ThreadedQueries
from tests.integration.engine.worlds import SOON, World, drive, driving, identity, until

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("pooled_program.py")
ONE = {"queries": PoolLimits(limit=1)}


async def standing(world: World) -> tuple[list[str], list[str]]:
    """Executions that hold a token, and those that wait, as they are durable."""
    store = SqliteStateStore(world.home.database, SystemClock())
    await store.open()
    tokens = await store.list_tokens()
    await store.close()
    held = [one.owner.execution.name for one in tokens if one.is_granted]
    return held, [one.owner.execution.name for one in tokens if not one.is_granted]


async def is_in(embedded: app.Embedded, name: str, phase: AttemptPhase, reason: str = "") -> bool:
    """Whether the newest attempt of an execution's only node is in a phase, for a reason."""
    view = await embedded.admin.view(identity(name))
    (node,) = view.walk()
    newest: list[AttemptRecord] = list(node.attempts[-1:])
    return bool(newest) and newest[0].phase is phase and reason in newest[0].reason


@contextlib.asynccontextmanager
async def one_holds_one_waits(world: World, executor: Queries) -> AsyncGenerator[app.Embedded]:
    """An engine with `x1`, which holds the only token, and `x2`, which waits for it."""
    async with world.engine(executor, pools=ONE) as embedded:
        first = await world.create(embedded, flows.single)
        second = await world.create(embedded, flows.single, "x2")
        async with driving(embedded, first):
            await until(embedded, lambda there: is_in(there, "x1", AttemptPhase.RUNNING))
            async with driving(embedded, second):
                await until(
                    embedded,
                    lambda there: is_in(there, "x2", AttemptPhase.WAITING_FOR_RESOURCES, "no token"),
                )
                yield embedded


async def ended(embedded: app.Embedded, name: str) -> ExecutionRecord:
    """The execution once it has ended."""

    async def is_over(there: app.Embedded) -> bool:
        return (await there.admin.get(identity(name))).phase.is_terminal

    await until(embedded, is_over)
    return await embedded.admin.get(identity(name))


@pytest.mark.parametrize("kind", [Queries, ThreadedQueries])
@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_run_than_there_are_tokens_and_all_are_served(
    world: World, kind: type[Queries], limit: int
) -> None:
    executor = kind(is_short=True)
    record = await world.run(flows.five, executor, pools={"queries": PoolLimits(limit=limit)})
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert len(executor.begun) == len(set(executor.begun)) == 5
    assert executor.most <= limit
    assert await standing(world) == ([], [])


async def test_who_waits_says_why_and_is_woken_when_its_turn_comes(world: World) -> None:
    executor = Queries()
    async with one_holds_one_waits(world, executor) as embedded:
        view = await embedded.admin.view(identity("x2"))
        (node,) = view.walk()
        assert node.attempts[0].reason == (
            "no token of the pool 'queries' is free: 1 of 1 are held, by default:development:x1/n0#0; nobody is ahead"
        )
        assert await standing(world) == (["x1"], ["x2"])
        executor.end("x1/n0#0")
        executor.end("x2/n0#0")
        assert (await ended(embedded, "x2")).phase is ExecutionPhase.SUCCEEDED
    assert executor.begun == ["x1/n0#0", "x2/n0#0"]
    assert await standing(world) == ([], [])


async def test_aborted_holder_lets_the_next_one_in(world: World) -> None:
    executor = Queries()
    async with one_holds_one_waits(world, executor) as embedded:
        executor.end("x2/n0#0")
        await embedded.admin.abort(identity("x1"), by="ann", reason="enough")
        assert (await ended(embedded, "x2")).phase is ExecutionPhase.SUCCEEDED
    assert await standing(world) == ([], [])


async def test_aborted_waiter_leaves_the_queue(world: World) -> None:
    executor = Queries()
    async with one_holds_one_waits(world, executor) as embedded:
        await embedded.admin.abort(identity("x2"), by="ann", reason="enough")
        assert (await ended(embedded, "x2")).phase is ExecutionPhase.ABORTED
        assert await standing(world) == (["x1"], [])


async def test_repeated_attempt_asks_for_a_token_of_its_own(world: World) -> None:
    executor = Queries()
    executor.end("x1/n0#0", TaskStatus.retryable_failure("no luck"))
    executor.end("x1/n0#1")
    record = await world.run(flows.stubborn, executor, pools=ONE)
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert executor.begun == ["x1/n0#0", "x1/n0#1"]
    assert await standing(world) == ([], [])


async def test_restart_changes_neither_who_holds_nor_who_waits(world: World) -> None:
    async with one_holds_one_waits(world, Queries()):
        pass
    assert await standing(world) == (["x1"], ["x2"])
    executor = Queries()

    async def is_refused(_embedded: app.Embedded) -> bool:
        return executor.refused == ["x2/n0#0"]

    async with (
        world.engine(executor, pools=ONE) as embedded,
        driving(embedded, identity("x1"), identity("x2")),
    ):
        executor.end("x2/n0#0")
        await until(embedded, is_refused)
        executor.end("x1/n0#0")
        assert (await ended(embedded, "x2")).phase is ExecutionPhase.SUCCEEDED
    assert executor.begun == ["x2/n0#0"]
    assert await standing(world) == ([], [])


def run_until_killed(world: World) -> None:
    """An engine in a process of its own, whose `x1` holds the only token when it is killed."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(world.home.path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "running"
    process.kill()
    process.communicate()


async def test_token_of_a_killed_engine_is_kept_for_whoever_goes_on(world: World) -> None:
    run_until_killed(world)
    executor = Queries()
    async with world.engine(executor, pools=ONE) as embedded:
        second = await world.create(embedded, flows.single, "x2")
        async with driving(embedded, second):
            await until(
                embedded, lambda there: is_in(there, "x2", AttemptPhase.WAITING_FOR_RESOURCES, "x1/n0#0")
            )
            assert await standing(world) == (["x1"], ["x2"])
            executor.end("x1/n0#0")
            executor.end("x2/n0#0")
            await drive(embedded, identity("x1"))
            assert (await ended(embedded, "x2")).phase is ExecutionPhase.SUCCEEDED
    assert await standing(world) == ([], [])


async def test_engines_of_a_home_share_its_pools(world: World) -> None:
    here, there = Queries(), Queries(again_after=SOON)
    async with world.engine(here, pools=ONE) as first, world.engine(there, pools=ONE) as second:
        x1, x2 = await world.create(first, flows.single), await world.create(second, flows.single, "x2")
        async with driving(first, x1):
            await until(first, lambda engine: is_in(engine, "x1", AttemptPhase.RUNNING))
            async with driving(second, x2):
                await until(
                    second, lambda engine: is_in(engine, "x2", AttemptPhase.WAITING_FOR_RESOURCES, "x1/n0#0")
                )
                there.end("x2/n0#0")
                here.end("x1/n0#0")
                assert (await ended(second, "x2")).phase is ExecutionPhase.SUCCEEDED
    assert (here.begun, there.begun) == (["x1/n0#0"], ["x2/n0#0"])
    assert await standing(world) == ([], [])


async def test_waiter_whose_engine_has_gone_holds_up_nobody(world: World) -> None:
    async with one_holds_one_waits(world, Queries()):
        pass
    executor = Queries(is_short=True)
    async with world.engine(executor, pools=ONE) as embedded:
        await drive(embedded, identity("x1"))
        third = await world.create(embedded, flows.single, "x3")
        await drive(embedded, third)
        assert await standing(world) == ([], ["x2"])
        await drive(embedded, identity("x2"))
    assert executor.begun == ["x3/n0#0", "x2/n0#0"]
    assert await standing(world) == ([], [])


async def test_deleted_execution_holds_nothing(world: World) -> None:
    executor = Queries()
    async with world.engine(executor, pools=ONE) as embedded:
        first = await world.create(embedded, flows.single)
        executor.end("x1/n0#0", TaskStatus.permanent_failure("no"))
        await drive(embedded, first)
        await embedded.admin.delete(first)
    assert await standing(world) == ([], [])


async def test_pool_that_nobody_configured_is_named_with_its_setting(world: World) -> None:
    record = await world.run(flows.single, Queries(), pools={"uploads": PoolLimits(limit=1)})
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "there is no resource pool 'queries' (those there are: uploads)" in record.failure.message
    assert "add [pools.queries] with its limit to elevon.toml" in record.failure.message
