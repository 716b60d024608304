"""Operators ask for what means something to an attempt as it stands, and are told what does instead."""

import pytest

from elevon import errors
from elevon.admin.attempts import Order
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import RequestKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization, NodePhase
from tests.unit.admin.specimens import NOON, World, attempt


def order(execution: ExecutionId, node_id: str = "n0", number: int | None = None) -> Order:
    return Order(execution=execution, node_id=node_id, attempt=number, by="Ada", reason="it is stuck")


async def test_what_is_asked_of_an_attempt_reaches_the_owner_with_who_and_why(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING))
    assert await world.admin.attempts.fail(order(execution)) == AttemptId(execution, "n0", 0)
    (request,) = await world.store.list_requests("owner")
    assert request.kind is RequestKind.FAIL
    assert (request.node_id, request.attempt, request.by, request.reason) == ("n0", 0, "Ada", "it is stuck")


async def test_the_newest_attempt_is_meant_unless_another_is_named(world: World) -> None:
    execution = await world.commit(
        attempt(AttemptPhase.RETRYABLE_FAILED, finalization=Finalization.PENDING),
        attempt(AttemptPhase.RUNNING, 1),
    )
    assert (await world.admin.attempts.fail(order(execution))).attempt == 1
    assert (await world.admin.attempts.abandon(order(execution, number=0))).attempt == 0


async def test_a_request_is_obeyed_once_it_is_gone(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING))
    asked = await world.admin.attempts.fail(order(execution))
    assert not await world.admin.attempts.is_obeyed(asked)
    (request,) = await world.store.list_requests("owner")
    await world.store.remove_request(request)
    assert await world.admin.attempts.is_obeyed(asked)


async def test_an_order_stands_as_whoever_drives_the_execution_has_obeyed_it(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING))
    asked = await world.admin.attempts.ask(RequestKind.FAIL, order(execution))
    standing = await world.admin.attempts.standing(asked, lambda owner: owner == "owner")
    assert (standing.is_driven, standing.is_obeyed) == (True, False)
    standing = await world.admin.attempts.standing(asked, lambda _owner: False)
    assert (standing.is_driven, standing.is_obeyed) == (False, False)
    (request,) = await world.store.list_requests("owner")
    await world.store.remove_request(request)
    standing = await world.admin.attempts.standing(asked, lambda owner: owner == "owner")
    assert (standing.is_driven, standing.is_obeyed) == (True, True)
    assert standing.record == attempt(AttemptPhase.RUNNING)


async def test_an_end_can_not_be_failed(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.SUCCEEDED))
    with pytest.raises(
        errors.UserError, match="attempt 0 of node n0 in execution a1 has ended already, it is SUCCEEDED"
    ):
        await world.admin.attempts.fail(order(execution))


async def test_only_a_kill_or_a_finalizer_can_be_abandoned(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING))
    with pytest.raises(errors.UserError, match="is RUNNING: only a kill or a finalizer can be abandoned"):
        await world.admin.attempts.abandon(order(execution))


async def test_what_is_over_and_done_can_not_be_abandoned(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.FAILED, finalization=Finalization.DONE))
    with pytest.raises(errors.UserError, match="has nothing left to abandon, it is FAILED"):
        await world.admin.attempts.abandon(order(execution))


async def test_a_kill_can_be_abandoned(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.KILLING))
    await world.admin.attempts.abandon(order(execution))


async def test_only_what_is_parked_can_be_unparked(world: World) -> None:
    execution = await world.commit(
        attempt(AttemptPhase.RUNNING), attempt(AttemptPhase.RUNNING, 1, is_parked=True)
    )
    with pytest.raises(errors.UserError, match="is not parked, it is RUNNING"):
        await world.admin.attempts.unpark(order(execution, number=0))
    await world.admin.attempts.unpark(order(execution, number=1))


async def test_a_wrong_node_is_answered_by_the_nearest(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING))
    with pytest.raises(
        errors.NotFoundError, match=r"no node 'n00' .* has begun an attempt: did you mean 'n0'"
    ):
        await world.admin.attempts.fail(order(execution, "n00"))


async def test_a_wrong_attempt_is_answered_by_those_that_are_there(world: World) -> None:
    execution = await world.commit(attempt(AttemptPhase.RUNNING), attempt(AttemptPhase.RUNNING, 1))
    with pytest.raises(
        errors.NotFoundError, match="node n0 of execution a1 has no attempt 4: there is attempt 0, attempt 1"
    ):
        await world.admin.attempts.fail(order(execution, number=4))


async def test_a_node_without_attempts_says_where_it_stands(world: World) -> None:
    node = NodeRecord(node_id="n1", spec_node_id="n1", phase=NodePhase.RECOVERED, started_at=NOON)
    execution = await world.commit(node)
    with pytest.raises(
        errors.NotFoundError, match="node n1 of execution a1 has no attempts, it is RECOVERED"
    ):
        await world.admin.attempts.fail(order(execution, "n1"))


async def test_an_execution_that_is_over_takes_no_orders(world: World) -> None:
    execution = await world.create()
    await world.drive(execution, ExecutionPhase.FAILED)
    with pytest.raises(errors.UserError, match="execution a1 has ended already, it is FAILED"):
        await world.admin.attempts.fail(order(execution))
