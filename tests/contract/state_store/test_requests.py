"""What others ask: of the engine that owns an execution, and of all engines."""

import pytest

from elevon import errors, ports
from elevon.records.leases import Request, RequestKind
from tests.contract.state_store.worlds import (
    OTHER,
    RUN,
    World,
    drain,
    execution,
    owned,
    taken,
    wish,
)

WISHES = (
    wish(),
    wish(kind=RequestKind.FAIL, node_id="n0"),
    wish(kind=RequestKind.FAIL, node_id="n0", attempt=1),
    wish(kind=RequestKind.FAIL, node_id="n1/n0"),
    wish(kind=RequestKind.UNPARK, node_id="n0"),
)


async def test_request_reaches_the_owner(store: ports.StateStore) -> None:
    await owned(store)
    await owned(store, OTHER, "e2")
    await store.put_request(wish())
    assert await store.list_requests("e1") == (wish(),)
    assert await store.list_requests("e2") == ()


async def test_first_of_equal_requests_stands(store: ports.StateStore) -> None:
    await owned(store)
    await store.put_request(wish(by="ann"))
    await store.put_request(wish(by="bob"))
    assert [request.by for request in await store.list_requests("e1")] == ["ann"]


async def test_request_waits_for_an_owner_and_follows_the_lease(
    store: ports.StateStore, world: World
) -> None:
    await store.create_execution(execution(), {})
    await store.put_request(wish())
    assert await store.list_requests("e1") == ()
    await taken(store)
    assert await store.list_requests("e1") == (wish(),)
    world.dead.add("e1")
    await taken(store, owner="e2")
    assert (await store.list_requests("e1"), await store.list_requests("e2")) == ((), (wish(),))


async def test_requests_are_apart_by_kind_node_and_attempt(store: ports.StateStore) -> None:
    await owned(store)
    for request in reversed(WISHES):
        await store.put_request(request)
        await store.put_request(
            wish(by="bob", kind=request.kind, node_id=request.node_id, attempt=request.attempt)
        )
    assert await store.list_requests("e1") == WISHES


@pytest.mark.parametrize("obeyed", WISHES)
async def test_removed_request_is_gone_alone_and_can_be_asked_again(
    store: ports.StateStore, obeyed: Request
) -> None:
    await owned(store)
    for request in WISHES:
        await store.put_request(request)
    await store.remove_request(obeyed)
    assert await store.list_requests("e1") == tuple(one for one in WISHES if one != obeyed)
    await store.put_request(obeyed)
    assert await store.list_requests("e1") == WISHES


async def test_removal_touches_no_other_execution(store: ports.StateStore) -> None:
    await owned(store)
    await owned(store, OTHER)
    await store.put_request(wish(OTHER))
    await store.remove_request(wish(RUN))
    assert await store.list_requests("e1") == (wish(OTHER),)


async def test_removal_of_what_is_gone_is_fine(store: ports.StateStore) -> None:
    await store.remove_request(wish())
    await owned(store)
    await store.remove_request(wish())
    assert await store.list_requests("e1") == ()


async def test_drains_are_listed_in_order_of_their_types(store: ports.StateStore) -> None:
    assert await store.list_drains() == ()
    await store.put_drain(drain("sleep"))
    await store.put_drain(drain("echo"))
    assert await store.list_drains() == (drain("echo"), drain("sleep"))


async def test_last_drain_of_a_type_stands(store: ports.StateStore) -> None:
    await store.put_drain(drain(by="ann"))
    await store.put_drain(drain(by="bob"))
    assert await store.list_drains() == (drain(by="bob"),)


async def test_removed_drain_is_gone_and_its_removal_says_so(store: ports.StateStore) -> None:
    await store.put_drain(drain("sleep"))
    await store.put_drain(drain("echo"))
    assert await store.remove_drain("sleep") is True
    assert await store.remove_drain("sleep") is False
    assert await store.list_drains() == (drain("echo"),)


async def test_requests_and_drains_outlive_the_store(store: ports.StateStore) -> None:
    await owned(store)
    await store.put_request(WISHES[1])
    await store.put_drain(drain())
    await store.close()
    await store.open()
    assert await store.list_requests("e1") == (WISHES[1],)
    assert await store.list_drains() == (drain(),)


async def test_drain_of_a_name_that_can_not_be_stored_is_refused(store: ports.StateStore) -> None:
    with pytest.raises(errors.BugError, match="can't be stored"):
        await store.put_drain(drain("\udcff"))
    assert await store.list_drains() == ()
