"""What every control plane does for executors; one suite over all adapters."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from elevon import ports
from elevon.app.control_planes import HomeControlPlane
from elevon.primitives.clocks import SystemClock
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.testing import FakeControlPlane
from tests.integration.engine.worlds import World, compiled, drive
from tests.integration.waitable import waiting_flows

A, B, MISSING = (ExecutionId("default", "development", name) for name in ("a", "b", "missing"))


class Ground(NamedTuple):
    """A control plane over the executions A and B, which take an hour; and what drives one to its end."""

    control_plane: ports.ControlPlane
    go_on: Callable[[ExecutionId], Awaitable[None]]


async def need_nobody(_execution: ExecutionId) -> None:
    """For executions that go on by themselves."""


@pytest.fixture(params=["fake", "home"])
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    if request.param == "fake":
        fake = FakeControlPlane({"a": None, "b": None})
        fake.clock = SystemClock()
        yield Ground(fake, need_nobody)
        return
    world = World(tmp_path)
    async with world.engine() as engine:
        for one in (A, B):
            new = msgspec.structs.replace(compiled(waiting_flows.endless), name=one.name)
            await engine.admin.create_execution(new)
        yield Ground(HomeControlPlane(engine.admin, world.home), lambda execution: drive(engine, execution))


async def test_standings_come_in_the_order_of_the_ids_and_tell_what_is_not_there(ground: Ground) -> None:
    found = await ground.control_plane.get_many([B, MISSING, A, B])
    assert [one and one.id for one in found] == [B, None, A, B]
    assert not any(one.phase.is_terminal for one in found if one)
    assert all(one.workflow and one.link for one in found if one)
    assert list(await ground.control_plane.get_many([])) == []


async def test_what_is_terminated_ends_as_aborted_and_nothing_else_does(ground: Ground) -> None:
    for _ in range(2):
        await ground.control_plane.terminate(A, "the suite", "it was to be")
    await ground.go_on(A)
    ended, other = await ground.control_plane.get_many([A, B])
    assert ended is not None
    assert ended.phase is ExecutionPhase.ABORTED
    assert other is not None
    assert not other.phase.is_terminal


async def test_to_terminate_what_has_ended_or_is_not_there_is_fine(ground: Ground) -> None:
    await ground.control_plane.terminate(MISSING, "the suite", "it was to be")
    await ground.control_plane.terminate(A, "the suite", "it was to be")
    await ground.go_on(A)
    (before,) = await ground.control_plane.get_many([A])
    await ground.control_plane.terminate(A, "another one", "again")
    assert list(await ground.control_plane.get_many([A, MISSING])) == [before, None]
