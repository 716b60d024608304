"""What outlives the store object, and what a closed one says."""

import asyncio

import pytest

from elevon import errors, ports
from tests.contract.state_store.worlds import (
    RUN,
    attempt,
    moved,
    node,
    once,
    owned,
    phases_of,
    taken,
)


async def test_what_was_written_is_there_after_reopening(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.commit(lease, [node(), attempt(), once("k", b"1"), moved("A")])
    before = await store.load_execution(RUN)
    await store.close()
    await store.open()
    assert await store.load_execution(RUN) == before
    assert await phases_of(store) == ["A"]
    assert await store.get_lease(RUN) == lease
    assert await store.get_artifact("c") == b"closure"


async def test_fencing_numbers_go_on_after_reopening(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.close()
    await store.open()
    assert (await taken(store)).fencing > lease.fencing


async def test_close_finishes_what_was_handed_in(store: ports.StateStore) -> None:
    lease = await owned(store)
    pending = [asyncio.ensure_future(store.commit(lease, [moved(f"P{i}")])) for i in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)
    await store.open()
    assert len(await phases_of(store)) == 50


async def test_open_and_close_may_be_repeated(store: ports.StateStore) -> None:
    await store.open()
    await store.close()
    await store.close()
    await store.open()
    await owned(store)


async def test_closed_store_says_so(store: ports.StateStore) -> None:
    lease = await owned(store)
    await store.close()
    with pytest.raises(errors.UnavailableError, match="is not open"):
        await store.commit(lease, [node()])
    with pytest.raises(errors.UnavailableError, match="is not open"):
        await store.load_execution(RUN)
