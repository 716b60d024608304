"""What operators do at a server: orders, going on, recovering with other code, removing, draining."""

from datetime import timedelta

import pytest

from elevon import errors
from elevon.admin.wire.operations import AttemptOrder, Draining, Pruning, Recovery
from elevon.idl.messages import LiteralMap
from elevon.records.identities import AttemptId
from elevon.records.leases import RequestKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.admin import specimens
from tests.unit.admin.wire.specimens import WireWorld, creation

FAIL = AttemptOrder(kind=RequestKind.FAIL, node="n0", reason="it is stuck")


async def test_an_order_reaches_the_owner_who_is_told_to_look(world: WireWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    asked = await world.operations.order(execution, FAIL, "Ada")
    assert asked == AttemptId(execution, "n0", 0)
    (request,) = await world.store.list_requests("owner")
    assert (request.kind, request.by, request.reason) == (RequestKind.FAIL, "Ada", "it is stuck")
    assert world.engines.heed_count == 1
    world.engines.alive.add("owner")
    assert not (await world.operations.standing(asked)).is_obeyed


async def test_an_abort_is_no_order_for_an_attempt(world: WireWorld) -> None:
    execution = await world.commit(specimens.attempt(AttemptPhase.RUNNING))
    with pytest.raises(errors.UserError, match="not aborted, but failed"):
        await world.operations.order(execution, AttemptOrder(kind=RequestKind.ABORT, node="n0"), "Ada")


async def test_what_is_unfinished_is_gone_on_with_and_what_has_ended_is_left_alone(world: WireWorld) -> None:
    execution = await world.create()
    assert (await world.operations.resume(execution)).phase is ExecutionPhase.QUEUED
    assert world.engines.resumed == [execution]
    await world.drive(execution, ExecutionPhase.SUCCEEDED)
    assert (await world.operations.resume(execution)).phase is ExecutionPhase.SUCCEEDED
    assert world.engines.resumed == [execution]


async def test_a_failed_execution_is_recovered_with_a_newer_launch_plan(world: WireWorld) -> None:
    await world.service.create_execution(creation(await world.register(), x=7))
    failed = world.engines.taken_up.pop()
    await world.drive(failed, ExecutionPhase.FAILED, n0=14, n1=6, n2=None)
    await world.register(code=b"mended", version="v2")
    recovery = Recovery(name="a2", launch_plan_version="v2")
    record = await world.operations.recover(failed, recovery)
    assert await world.operations.recover(failed, recovery) == record, "sent again it is the same"
    assert (record.id.name, record.recovered_from, record.launch_plan_version) == ("a2", "a1", "v2")
    assert LiteralMap.FromString(record.inputs).literals["x"].scalar.primitive.integer == 7
    assert await world.admin.code(record) == b"mended"
    stored = await world.admin.rows(record.id)
    assert {node.phase for node in stored.nodes} == {NodePhase.RECOVERED}
    assert set(world.engines.taken_up) == {record.id}


async def test_without_a_version_it_is_recovered_with_the_code_that_it_ran(world: WireWorld) -> None:
    await world.service.create_execution(creation(await world.register()))
    failed = world.engines.taken_up.pop()
    await world.drive(failed, ExecutionPhase.FAILED, n0=2, n1=None)
    record = await world.operations.recover(failed, Recovery())
    before = await world.admin.get(failed)
    assert (record.code_digest, record.closure_digest) == (before.code_digest, before.closure_digest)


async def test_only_what_failed_is_recovered(world: WireWorld) -> None:
    execution = await world.create()
    with pytest.raises(errors.UserError, match="execution a1 has not failed, it is QUEUED"):
        await world.operations.recover(execution, Recovery())


async def test_what_is_removed_loses_its_files_too(world: WireWorld) -> None:
    execution = await world.create()
    with pytest.raises(errors.UserError, match="execution a1 has not ended"):
        await world.operations.delete(execution)
    assert world.engines.removed == []
    await world.drive(execution, ExecutionPhase.SUCCEEDED)
    await world.operations.delete(execution)
    assert world.engines.removed == [execution]


async def test_pruning_removes_executions_with_their_files_and_launch_plans(world: WireWorld) -> None:
    await world.service.create_execution(creation(await world.register()))
    (execution,) = world.engines.taken_up
    await world.drive(execution, ExecutionPhase.SUCCEEDED)
    world.clock.instant += timedelta(seconds=1)
    newer = await world.register(code=b"newer", closure=other_closure())
    world.clock.instant += specimens.DAY
    removed = await world.operations.prune(Pruning(older_than_s=60))
    assert (removed.executions, world.engines.removed) == ((execution,), [execution])
    assert [plan.version for plan in removed.launch_plans] != [newer.id.version]
    assert len(removed.launch_plans) == 1


async def test_an_engine_heeds_a_drain_at_once(world: WireWorld) -> None:
    drained = await world.operations.drain("sleep", Draining(reason="upgrade"), "Ada")
    assert (drained.drain.by, drained.drain.reason, drained.census.is_empty) == ("Ada", "upgrade", True)
    await world.operations.undrain("sleep")
    assert world.engines.heed_count == 2
    assert not await world.admin.drains.list_drains()


def other_closure() -> bytes:
    """Another closure of the same name."""
    closure = specimens.prepare(specimens.both).closure
    closure.primary.template.id.version = "v2"
    return closure.SerializeToString(deterministic=True)
