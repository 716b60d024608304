"""What goes wrong with a file gets one sentence, loses nothing, and ends when its cause does."""

import asyncio
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from elevon import errors
from elevon.primitives import failpoints
from elevon.stores import batches, checkpoints, connections, filesystems, rows, schemas, writers, writes
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import (
    OTHER,
    RUN,
    World,
    attempt,
    execution,
    moved,
    node,
    owned,
    phases_of,
    taken,
)

NOBODY = 65534
NOTES = b"these are my notes, and they are longer than a header" * 100


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def opened(database: Path, busy_timeout: timedelta = connections.BUSY_TIMEOUT) -> SqliteStateStore:
    store = SqliteStateStore(database, World(), busy_timeout=busy_timeout)
    await store.open()
    return store


async def refusal(database: Path) -> errors.ElevonError:
    """What opening says."""
    with pytest.raises(errors.ElevonError) as caught:
        await opened(database)
    return caught.value


async def create(database: Path) -> None:
    """An empty home, closed."""
    await (await opened(database)).close()


def spoil(database: Path) -> None:
    """Overwrite all but the first page."""
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everything: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that anybody may enter and only its owner may write."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o555)
        yield directory
        directory.chmod(0o755)


async def test_schema_is_durable_and_marked(database: Path) -> None:
    await create(database)
    file = apsw.Connection(str(database))
    assert file.execute("PRAGMA journal_mode").get == "wal"
    assert file.execute("PRAGMA user_version").get == len(schemas.migrations())
    assert file.execute("PRAGMA application_id").get == schemas.APPLICATION_ID


def test_writer_syncs_every_commit(database: Path) -> None:
    writer = connections.open_writer(database)
    assert writer.value("PRAGMA synchronous") == 2, "FULL"
    assert writer.value("PRAGMA fullfsync") == 1
    assert writer.value("PRAGMA wal_autocheckpoint") == 0
    assert writer.value("PRAGMA journal_size_limit") == connections.WAL_LIMIT_BYTES
    assert writer.value("PRAGMA temp_store") == 2, "MEMORY"
    writer.close()


async def test_missing_directories_are_made(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a" / "b" / "state.db")
    await store.close()
    assert (tmp_path / "a" / "b" / "state.db").exists()


def test_file_of_another_kind_is_corrupt_and_left_alone(database: Path) -> None:
    database.write_bytes(NOTES)
    error = asyncio.run(refusal(database))
    assert isinstance(error, errors.CorruptStateError)
    assert str(database) in str(error)
    assert database.read_bytes() == NOTES


async def test_database_of_another_program_is_left_alone(database: Path) -> None:
    apsw.Connection(str(database)).execute("CREATE TABLE notes (text)")
    error = await refusal(database)
    assert isinstance(error, errors.CorruptStateError)
    assert "another program" in str(error)
    tables = apsw.Connection(str(database)).execute("SELECT name FROM sqlite_schema").get
    assert tables == "notes"


async def test_database_of_a_newer_elevon_is_refused(database: Path) -> None:
    await create(database)
    apsw.Connection(str(database)).execute("PRAGMA user_version = 999")
    error = await refusal(database)
    assert isinstance(error, errors.CorruptStateError)
    assert "schema 999" in str(error)
    assert "upgrade elevon" in str(error)


async def test_damaged_page_is_told_and_does_not_hang(database: Path) -> None:
    store = await opened(database)
    lease = await owned(store)
    for number in range(50):
        await store.commit(lease, [node(f"n{number}", outputs=b"x" * 2000)])
    await store.close()
    spoil(database)
    store = SqliteStateStore(database, World())
    with pytest.raises(errors.CorruptStateError, match="damaged"):
        await load(store)
    await store.close()


async def load(store: SqliteStateStore) -> None:
    """The damage may show at the first look or at the second."""
    await store.open()
    await store.load_execution(RUN)


async def test_damaged_record_names_its_execution(database: Path) -> None:
    store = await opened(database)
    await store.commit(await owned(store), [node()])
    await store.close()
    apsw.Connection(str(database)).execute("UPDATE nodes SET record = x'c1'")
    store = await opened(database)
    with pytest.raises(errors.CorruptStateError, match="default:development:a1 has a row that can't be read"):
        await store.load_execution(RUN)
    await store.close()


async def test_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = await refusal(tmp_path / "file" / "state.db")
    assert isinstance(error, errors.UnavailableError)
    assert "can't be used" in str(error)


async def test_home_without_write_permission_is_refused(reachable: Path) -> None:
    with unprivileged():
        error = await refusal(reachable / "state.db")
        deeper = await refusal(reachable / "home" / "state.db")
    assert isinstance(error, errors.UnavailableError)
    assert "writable" in str(error)
    assert isinstance(deeper, errors.UnavailableError)
    assert "Permission denied" in str(deeper)


def test_read_only_database_is_refused(reachable: Path) -> None:
    database = reachable / "state.db"
    reachable.chmod(0o755)
    asyncio.run(create(database))
    database.chmod(0o444)
    reachable.chmod(0o555)
    with unprivileged():
        error = asyncio.run(refusal(database))
    assert isinstance(error, errors.UnavailableError)
    assert "writable" in str(error)


async def test_locked_database_is_told_after_the_wait_and_works_later(database: Path) -> None:
    store = await opened(database, busy_timeout=timedelta(milliseconds=20))
    lease = await owned(store)
    other = apsw.Connection(str(database))
    other.set_busy_timeout(10_000)  # after a commit, the store may be at making room in the log
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.UnavailableError, match="locked by another process"):
        await store.commit(lease, [node()])
    assert (await store.load_execution(RUN)).nodes == ()
    other.execute("ROLLBACK")
    await store.commit(lease, [node()])
    await store.close()


async def test_full_disk_refuses_the_whole_group_and_recovers(database: Path) -> None:
    connection = connections.open_writer(database)
    schemas.migrate(connection, database)
    writer = writers.GroupWriter(connection, database, after_group=lambda: None)
    store = await opened(database)
    lease = await owned(store)
    page_count = connection.value("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {page_count}")

    def batch(size: int) -> batches.Batch:
        return batches.Batch(
            lease, [rows.of_change(node(outputs=b"x" * size), RUN), rows.of_change(moved("A"), RUN)]
        )

    results = await asyncio.gather(
        writer.submit(batch(10)), writer.submit(batch(100_000)), return_exceptions=True
    )
    assert [type(result) for result in results] == [errors.UnavailableError] * 2
    assert "is full: make room" in str(results[0])
    assert (await store.load_execution(RUN)).nodes == ()
    connection.execute(f"PRAGMA max_page_count = {page_count + 1000}")
    await writer.submit(batch(100_000))
    assert await phases_of(store) == ["A"]
    writer.close()
    await store.close()


async def test_write_that_the_system_refuses_leaves_nothing_and_may_be_repeated(database: Path) -> None:
    store = await opened(database)
    lease = await owned(store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(errors.UnavailableError, match="the disk that holds"):
            await store.commit(lease, [attempt(custom_state=b"x" * 1_000_000), moved("LOST")])
        assert (await store.load_execution(RUN)).attempts == ()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.commit(lease, [attempt(custom_state=b"x" * 1_000_000), moved("KEPT")])
    assert await phases_of(store) == ["KEPT"]
    await store.close()
    store = await opened(database)
    assert await phases_of(store) == ["KEPT"]
    await store.close()


async def test_unforeseen_fault_fails_its_own_call_only(database: Path) -> None:
    connection = connections.open_writer(database)
    schemas.migrate(connection, database)
    writer = writers.GroupWriter(connection, database, after_group=lambda: None)

    def put(connection: connections.Connection) -> None:
        writes.put_artifact(connection, "d", b"content")

    def fail(connection: connections.Connection) -> None:
        writes.put_artifact(connection, "half", b"")
        raise ZeroDivisionError

    results = await asyncio.gather(
        writer.submit(put), writer.submit(fail), writer.submit(put), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), errors.BugError, type(None)]
    assert connection.value("SELECT group_concat(digest) FROM artifacts") == "d"
    writer.close()


async def test_fault_before_the_commit_leaves_nothing_and_the_next_one_works(database: Path) -> None:
    store = await opened(database)
    lease = await owned(store)
    failpoints.arm("store.before_commit:1:raise")
    try:
        with pytest.raises(errors.BugError):
            await store.commit(lease, [moved("LOST")])
    finally:
        failpoints.arm("")
    await store.commit(lease, [moved("KEPT")])
    assert await phases_of(store) == ["KEPT"]
    await store.close()


async def test_log_does_not_grow_with_what_is_written(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LIMIT_BYTES", 2 * checkpoints.THRESHOLD_BYTES)
    store = await opened(database)
    lease = await owned(store)
    for _ in range(40):
        await asyncio.gather(
            *(store.commit(lease, [attempt(f"n{i}", custom_state=os.urandom(3000))]) for i in range(300))
        )
    written = 40 * 300 * 3000
    assert database.with_name("state.db-wal").stat().st_size < written / 2
    await store.close()
    assert not database.with_name("state.db-wal").exists()


async def test_two_stores_of_one_process_see_each_other_at_once(database: Path) -> None:
    first, second = await opened(database), await opened(database)
    lease = await owned(first)
    await first.commit(lease, [node()])
    assert (await second.load_execution(RUN)).nodes == (node(),)
    await second.commit(await taken(second), [moved("A")])
    with pytest.raises(errors.ConflictError):
        await first.commit(lease, [moved("ZOMBIE")])
    await first.commit(await taken(first), [moved("B")])
    assert await phases_of(second) == ["A", "B"]
    await first.close()
    await second.close()


def test_store_may_be_used_by_one_loop_after_another(database: Path) -> None:
    store = SqliteStateStore(database, World())

    async def write() -> None:
        await store.open()
        await store.create_execution(execution(), {})

    async def read() -> int:
        count = len(await store.list_executions())
        await store.close()
        return count

    asyncio.run(write())
    assert asyncio.run(read()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/mountinfo is Linux's")
def test_local_disk_is_accepted(tmp_path: Path) -> None:
    filesystems.refuse_network(tmp_path / "state.db")


def refused_row() -> rows.Row:
    """A row that the schema refuses, as a bug of ours might make one."""
    return rows.Row("nodes", (None,), 1, b"")  # pyright: ignore[reportArgumentType]


async def test_what_is_built_on_a_lost_batch_is_lost_with_it(database: Path) -> None:
    """The first group fails while the second waits behind it; another execution's batch goes through."""
    connection = connections.open_writer(database)
    schemas.migrate(connection, database)
    store = await opened(database)
    mine, theirs = await owned(store), await owned(store, OTHER)
    release = threading.Event()
    writer = writers.GroupWriter(connection, database, after_group=lambda: None)
    held = writer.submit(lambda _connection: release.wait(10))
    lost = writer.submit(batches.Batch(mine, [refused_row()]))
    built_on_it = writer.submit(batches.Batch(mine, [rows.of_change(moved("BUILT"), RUN)]))
    other = writer.submit(batches.Batch(theirs, [rows.of_change(moved("OTHER"), OTHER)]))
    release.set()
    results = await asyncio.gather(held, lost, built_on_it, other, return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, True, True, False]
    assert await phases_of(store) == []
    await writer.submit(batches.Batch(mine, [rows.of_change(moved("AFTER"), RUN)]))
    assert await phases_of(store) == ["AFTER"]
    writer.close()
    await store.close()
