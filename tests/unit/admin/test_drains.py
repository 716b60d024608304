"""A drain is known by who asked for it and why, and what is left of a type is counted."""

import pytest

from elevon import errors
from elevon.records.identities import AttemptId
from elevon.records.phases import AttemptPhase, Finalization
from tests.unit.admin.specimens import World, attempt


async def test_a_drain_says_who_and_why_until_it_is_lifted(world: World) -> None:
    await world.admin.drains.drain("spark", by="Ada", reason="upgrade")
    (drain,) = await world.admin.drains.list_drains()
    assert (drain.task_type, drain.by, drain.reason, drain.at) == (
        "spark",
        "Ada",
        "upgrade",
        world.clock.now(),
    )
    await world.admin.drains.resume("spark")
    assert not await world.admin.drains.list_drains()


async def test_only_what_is_drained_can_be_resumed(world: World) -> None:
    with pytest.raises(errors.UserError, match="'spark' is not drained: no type is"):
        await world.admin.drains.resume("spark")
    await world.admin.drains.drain("spark", by="Ada", reason="upgrade")
    with pytest.raises(errors.UserError, match="'sparc' is not drained: did you mean 'spark'"):
        await world.admin.drains.resume("sparc")


async def test_a_census_counts_what_is_left_of_a_type(world: World) -> None:
    execution = await world.commit(
        attempt(AttemptPhase.SUCCEEDED),
        attempt(AttemptPhase.FAILED, 1, finalization=Finalization.PENDING),
        attempt(AttemptPhase.RUNNING, 2),
        attempt(AttemptPhase.WAITING_FOR_RESOURCES, 3),
        attempt(AttemptPhase.RUNNING, 4, is_parked=True, reason="the state can't be read"),
    )
    found = await world.admin.drains.census({"python-task"})
    assert [one.attempt for one in found.in_flight] == [1, 2]
    assert [one.attempt for one in found.waiting] == [3]
    assert found.parked == ((AttemptId(execution, "n0", 4), "the state can't be read"),)
    assert (await world.admin.drains.census({"spark"})).is_empty
