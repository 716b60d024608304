"""An execution is written and read whole, whatever its rows add up to."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import apsw
import msgspec
import pytest

from elevon import ports
from elevon.records.changes import Change
from elevon.records.leases import Lease
from elevon.records.snapshots import StoredExecution
from elevon.stores import batches, connections, reads, rows
from elevon.stores.connections import Connection
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import RUN, World, attempt, moved, node, once, owned, phases_of

LIMIT = 20_000
NODE_COUNT = 100


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStateStore]:
    made = SqliteStateStore(tmp_path / "state.db", World())
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def narrow(store: SqliteStateStore, tmp_path: Path) -> Iterator[Connection]:
    """A reader to which SQLite gives no value above `LIMIT`; asks for the store, which makes the file."""
    connection = connections.open_reader(tmp_path / "state.db")
    connection.handle.limit(apsw.SQLITE_LIMIT_LENGTH, LIMIT)
    yield connection
    connection.close()


async def filled(store: ports.StateStore) -> StoredExecution:
    """An execution each of whose tables adds up to more than `LIMIT`; some of its rows come close to it alone."""
    lease = await owned(store)
    changes: list[Change] = []
    for index in range(NODE_COUNT):
        name, size = f"n{index:03}", LIMIT - 500 if index in (0, 50, NODE_COUNT - 1) else 300
        changes += [
            node(name, outputs=b"o" * size),
            attempt(name, 0, custom_state=b"s" * size),
            attempt(name, 1, custom_state=b"s" * size),
            once(f"key {index:03}", b"r" * size),
            moved(f"{index:03} " + "p" * size, name),
        ]
    await store.commit(lease, changes)
    return await store.load_execution(RUN)


async def test_rows_beyond_the_limit_of_one_value_are_loaded(
    store: SqliteStateStore, narrow: Connection
) -> None:
    expected = await filled(store)
    assert [one.node_id for one in expected.nodes] == [f"n{index:03}" for index in range(NODE_COUNT)]
    assert len(expected.attempts) == 2 * NODE_COUNT
    assert len(expected.onces) == NODE_COUNT
    assert reads.load_execution(narrow, RUN) == expected


async def test_history_beyond_the_limit_of_one_value_is_listed(
    store: SqliteStateStore, narrow: Connection
) -> None:
    await filled(store)
    history = reads.list_transitions(narrow, RUN, 0, None)
    assert [sequence for sequence, _ in history] == list(range(1, NODE_COUNT + 1))
    assert [transition.phase[:3] for _, transition in history] == [f"{i:03}" for i in range(NODE_COUNT)]
    assert reads.list_transitions(narrow, RUN, 40, None) == history[40:]
    assert reads.list_transitions(narrow, RUN, 40, "n060") == (history[60],)


@pytest.mark.parametrize("count", [10_000, 20_001])
async def test_more_rows_than_are_read_at_once_are_loaded_in_order(
    store: SqliteStateStore, count: int
) -> None:
    lease = await owned(store)
    names = [f"n{index:05}" for index in range(count)]
    await store.commit(lease, [change for name in names for change in (node(name), moved("RUNNING", name))])
    assert [one.node_id for one in (await store.load_execution(RUN)).nodes] == names
    history = await store.list_transitions(RUN)
    assert [(sequence, one.node_id) for sequence, one in history] == list(enumerate(names, 1))


@pytest.mark.parametrize("begin", ["", "BEGIN IMMEDIATE"])
async def test_commits_beyond_the_limit_of_one_value_are_written_in_order(
    store: SqliteStateStore, tmp_path: Path, begin: str
) -> None:
    lease = await owned(store)
    zombie = msgspec.structs.replace(lease, fencing=0)
    changes = [
        change for index in range(9) for change in (node(outputs=b"%d" % index * 6000), moved(f"{index}"))
    ]
    halves = [batch(lease, changes[:10]), batch(zombie, [node("n1")]), batch(lease, changes[10:])]
    writer = narrow_writer(tmp_path / "state.db")
    if begin:
        writer.execute(begin)
    assert batches.write(writer, halves) == [True, False, True]
    assert writer.is_in_transaction == bool(begin)
    if begin:
        writer.execute("COMMIT")
    writer.close()
    assert (await store.load_execution(RUN)).nodes == (node(outputs=b"8" * 6000),)
    assert await phases_of(store) == [str(index) for index in range(9)]


async def test_commit_beyond_the_limit_of_one_value_is_there_as_a_whole_or_not_at_all(
    store: SqliteStateStore, tmp_path: Path
) -> None:
    lease = await owned(store)
    writer = narrow_writer(tmp_path / "state.db")
    too_large = [
        node("n0", outputs=b"o" * 15_000),
        node("n1", outputs=b"o" * 15_000),
        node("n2", outputs=b"o" * LIMIT),
    ]
    with pytest.raises(apsw.TooBigError):
        batches.write(writer, [batch(lease, too_large)])
    assert not writer.is_in_transaction
    writer.close()
    assert (await store.load_execution(RUN)).nodes == ()


def narrow_writer(path: Path) -> Connection:
    """A connection that writes, and takes no value above `LIMIT`."""
    connection = connections.open_writer(path)
    batches.set_up(connection)
    connection.handle.limit(apsw.SQLITE_LIMIT_LENGTH, LIMIT)
    return connection


def batch(lease: Lease, changes: Sequence[Change]) -> batches.Batch:
    """What a commit of these changes hands in."""
    return batches.Batch(lease, [rows.of_change(change, lease.execution) for change in changes])
