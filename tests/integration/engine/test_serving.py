"""An engine that serves takes up whatever is unfinished and nobody drives, until it is suspended."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

import apsw
import pytest

from elevon import app
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows, worlds
from tests.integration.engine.worlds import DONE, RUNNING, Flag, Scripted, World, identity


@contextlib.asynccontextmanager
async def serving(embedded: app.Embedded) -> AsyncGenerator[asyncio.Task[None]]:
    """Serve beside the test, which suspends it at the end."""
    task = asyncio.create_task(embedded.engine.serve())
    try:
        yield task
    finally:
        await embedded.engine.suspend()
        async with asyncio.timeout(10):
            await task


async def ended(embedded: app.Embedded, *names: str) -> None:
    """Return when all of these have succeeded."""

    async def have_succeeded(_: app.Embedded) -> bool:
        records = [await embedded.admin.get(identity(name)) for name in names]
        return all(record.phase is ExecutionPhase.SUCCEEDED for record in records)

    await worlds.until(embedded, have_succeeded)


async def test_what_is_unfinished_is_taken_up_at_the_start(world: World) -> None:
    async with world.engine(Scripted()) as embedded:
        await world.create(embedded, flows.single, "x1")
        await world.create(embedded, flows.single, "x2")
        async with serving(embedded):
            await ended(embedded, "x1", "x2")
        assert not embedded.engine.is_ready


async def test_what_is_announced_is_taken_up_at_once_and_but_once(world: World) -> None:
    scripted = Scripted(start=[DONE])
    async with world.engine(scripted) as embedded, serving(embedded):
        for name in ("x1", "x2"):
            execution = await world.create(embedded, flows.single, name)
            embedded.engine.take_up(execution)
            embedded.engine.take_up(execution)
            await ended(embedded, name)
    assert [kind for kind in scripted.kinds() if kind != "finalize"] == ["start", "start"]


async def test_what_a_living_engine_drives_is_left_to_it_until_that_lets_go(world: World) -> None:
    flag = Flag()
    async with world.engine(Scripted()) as server:
        async with world.engine(Scripted(start=[flag.hang])) as other:
            driven = await world.create(other, flows.single, "x1")
            async with worlds.driving(other, driven):
                await flag.reached()
                async with serving(server):
                    server.engine.take_up(driven)
                    free = await world.create(server, flows.single, "x2")
                    server.engine.take_up(free)
                    await ended(server, "x2")
        assert (await server.admin.get(driven)).phase is ExecutionPhase.RUNNING
    async with world.engine(Scripted()) as server, serving(server):
        await ended(server, "x1")


async def test_suspended_server_leaves_everything_resumable(world: World) -> None:
    flag = Flag()
    async with world.engine(Scripted(start=[flag.hang])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with serving(embedded):
            await flag.reached()
            assert embedded.engine.is_ready
        assert await embedded.admin.owner(execution) is None
    record = await world.resume(Scripted(start=[RUNNING], check=[DONE]))
    assert record.phase is ExecutionPhase.SUCCEEDED


async def test_an_execution_that_can_not_be_read_is_left_alone_and_the_others_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with world.engine(Scripted()) as embedded:
        broken = await world.create(embedded, flows.single, "broken")
        await spoil(world, broken)
        await world.create(embedded, flows.single, "x2")
        async with serving(embedded):
            await ended(embedded, "x2")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("execution broken can't be driven here and is left alone: ")


async def spoil(world: World, execution: ExecutionId) -> None:
    """Make the record of an execution unreadable."""
    connection = apsw.Connection(str(world.home.database))
    connection.execute("UPDATE executions SET record = x'00' WHERE name = ?", (execution.name,))
    connection.close()


async def test_a_request_is_obeyed_when_it_is_heeded(world: World) -> None:
    async with world.engine(Scripted(check=[RUNNING])) as embedded:
        execution = await world.create(embedded, flows.single)
        async with serving(embedded):
            await worlds.until(embedded, has_begun)
            await embedded.admin.abort(execution, by="me", reason="enough")
            await embedded.engine.heed()

            async def is_over(_: app.Embedded) -> bool:
                return (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED

            await worlds.until(embedded, is_over)


async def has_begun(embedded: app.Embedded) -> bool:
    """Whether the attempt of its one node runs."""
    return (await embedded.admin.view(identity())).nodes[0].attempts != ()
