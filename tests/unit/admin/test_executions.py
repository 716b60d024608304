"""Executions are created whole or not at all, found by their ids, and removed only when nothing needs them."""

from datetime import timedelta

import msgspec
import pytest

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import LiteralMap
from elevon.records.phases import UNFINISHED, ExecutionPhase
from tests.unit.admin import specimens
from tests.unit.admin.specimens import World


async def test_a_new_execution_is_queued_with_defaults_filled_in(world: World) -> None:
    record = await world.admin.get(await world.create(x=5))
    inputs = LiteralMap.FromString(record.inputs).literals
    assert record.phase is ExecutionPhase.QUEUED
    assert {name: inputs[name].scalar.primitive.integer for name in inputs} == {"x": 5, "y": 3}


async def test_a_new_execution_keeps_its_closure_and_its_code(world: World) -> None:
    new = msgspec.structs.replace(
        specimens.prepare(specimens.both),
        given={"x": literals.integer(1)},
        code=b"code",
        source_path="/a/b.py",
    )
    record = await world.admin.create_execution(new)
    assert await world.admin.closure(record) == new.closure
    assert await world.admin.code(record) == b"code"
    assert record.source_path == "/a/b.py"


async def test_a_name_is_made_when_none_is_given(world: World) -> None:
    first, second = await world.create(name=""), await world.create(name="")
    assert first.name != second.name


@pytest.mark.parametrize("name", ["A", "1a", "a_b", "a" * 64, "a b", "-a", "a\n"])
async def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    with pytest.raises(errors.UserError, match="is no name: use"):
        await world.create(name=name)


async def test_a_name_that_is_taken_is_refused(world: World) -> None:
    await world.create(name="nightly")
    with pytest.raises(errors.ConflictError, match="'nightly' is taken"):
        await world.create(name="nightly")


async def test_inputs_that_do_not_fit_leave_nothing_behind(world: World) -> None:
    with pytest.raises(errors.UserError, match="there is no input 'z'"):
        await world.create(z=1)
    assert not await world.admin.list_executions()


async def test_an_execution_is_found_by_its_name_or_by_a_beginning_that_is_its_alone(world: World) -> None:
    first, second = await world.create(name="nightly-1"), await world.create(name="nightly")
    assert (await world.admin.find("nightly")).id == second
    assert (await world.admin.find("nightly-")).id == first


async def test_a_beginning_of_several_names_them(world: World) -> None:
    await world.create(name="nightly-1")
    await world.create(name="nightly-2")
    with pytest.raises(
        errors.NotFoundError, match="2 executions begin with 'night': write more of nightly-2, nightly-1"
    ):
        await world.admin.find("night")


async def test_an_unknown_name_is_answered_with_one_that_is_near(world: World) -> None:
    await world.create(name="nightly")
    with pytest.raises(errors.NotFoundError, match="did you mean 'nightly'"):
        await world.admin.find("nihgtly")
    with pytest.raises(errors.NotFoundError, match="elevon executions lists"):
        await world.admin.find("")


async def test_unfinished_executions_are_those_that_have_not_ended(world: World) -> None:
    waiting, ended = await world.create(name="a"), await world.create(name="b")
    await world.drive(ended, ExecutionPhase.SUCCEEDED)
    assert [record.id for record in await world.admin.list_executions(UNFINISHED)] == [waiting]


async def test_an_abort_is_a_request_to_the_owner(world: World) -> None:
    execution = await world.create()
    await world.admin.abort(execution, by="me", reason="enough")
    await world.store.acquire_lease(execution, "owner", world.clock.now() + specimens.DAY, world.clock.now())
    (request,) = await world.store.list_requests("owner")
    assert (request.by, request.reason) == ("me", "enough")


async def test_what_has_ended_can_not_be_aborted(world: World) -> None:
    execution = await world.create()
    await world.drive(execution, ExecutionPhase.FAILED)
    with pytest.raises(errors.UserError, match="has ended already, it is FAILED"):
        await world.admin.abort(execution, by="me", reason="enough")


async def test_only_what_has_ended_can_be_deleted(world: World) -> None:
    execution = await world.create()
    with pytest.raises(errors.UserError, match="elevon abort a1 ends it"):
        await world.admin.delete(execution)
    await world.drive(execution, ExecutionPhase.SUCCEEDED)
    await world.admin.delete(execution)
    assert not await world.admin.list_executions()


async def test_an_execution_is_kept_while_one_that_was_recovered_from_it_is_there(world: World) -> None:
    failed = await world.create(name="failed")
    await world.drive(failed, ExecutionPhase.FAILED, n0=2)
    recovered = await world.admin.recover(failed, specimens.prepare(specimens.both))
    with pytest.raises(errors.ConflictError, match=f"delete {recovered.id.name} first"):
        await world.admin.delete(failed)
    world.clock.instant += 2 * specimens.DAY
    assert (await world.admin.prune(specimens.DAY)).executions == ()
    await world.drive(recovered.id, ExecutionPhase.SUCCEEDED)
    world.clock.instant += 2 * specimens.DAY
    assert set((await world.admin.prune(specimens.DAY)).executions) == {failed, recovered.id}


async def test_prune_removes_what_ended_long_ago_and_nothing_else(world: World) -> None:
    old, young, waiting = [await world.create(name=name) for name in ("old", "young", "waiting")]
    await world.drive(old, ExecutionPhase.SUCCEEDED)
    world.clock.instant += timedelta(days=10)
    await world.drive(young, ExecutionPhase.FAILED)
    assert (await world.admin.prune(timedelta(days=5))).executions == (old,)
    assert {record.id for record in await world.admin.list_executions()} == {young, waiting}
