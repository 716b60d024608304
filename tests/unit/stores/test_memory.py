"""What only the store in memory can do: fail on demand, and keep its values apart."""

import pytest

from elevon import errors
from elevon.stores.memory import MemoryStateStore
from tests.contract.state_store.worlds import RUN, World, moved, node, owned, phases_of


async def test_commit_fails_at_the_numbers_that_the_test_wants() -> None:
    asked: list[int] = []

    def fail(number: int) -> bool:
        asked.append(number)
        return number == 2

    store = MemoryStateStore(World(), fail_commit=fail)
    await store.open()
    lease = await owned(store)
    await store.commit(lease, [moved("A")])
    with pytest.raises(errors.UnavailableError, match="is full"):
        await store.commit(lease, [node(), moved("LOST")])
    await store.commit(lease, [moved("B")])
    assert asked == [1, 2, 3]
    assert await phases_of(store) == ["A", "B"]
    assert (await store.load_execution(RUN)).nodes == ()


async def test_what_is_read_is_not_what_was_written() -> None:
    store = MemoryStateStore(World())
    await store.open()
    written = node()
    await store.commit(await owned(store), [written])
    (read,) = (await store.load_execution(RUN)).nodes
    assert read == written
    assert read is not written
