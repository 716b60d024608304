"""The write-ahead log has room for the next commits, which nothing but their speed depends on."""

import resource
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from elevon.stores import connections, logs
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import World, moved, node, owned, phases_of

FRAME_BYTES = 24 + 4096
LIMIT_BYTES = 8 * logs.STEP_BYTES


class File:
    """A database with one table, and its log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log_path = path.with_name("state.db-wal")
        self.writer = connections.open_writer(path, busy_timeout=timedelta(0))
        self.writer.execute("CREATE TABLE notes (text)")
        self.log = logs.Log(path, self.writer, LIMIT_BYTES)

    def write(self, size: int) -> None:
        self.writer.execute("INSERT INTO notes VALUES (zeroblob(?))", size)

    @property
    def size(self) -> int:
        return self.log_path.stat().st_size


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    file = File(tmp_path / "state.db")
    yield file
    file.writer.close()


def test_room_is_made_behind_what_is_written_and_used_up_before_there_is_more(file: File) -> None:
    used = file.size
    content = file.log_path.read_bytes()
    file.log.make_room(used)
    assert file.log_path.read_bytes() == content + bytes(logs.STEP_BYTES)
    file.write(100)
    file.log.make_room(used + FRAME_BYTES)
    assert file.size == used + logs.STEP_BYTES


def test_commits_go_into_the_room(file: File) -> None:
    file.log.make_room(file.size)
    size = file.size
    for _ in range(logs.STEP_BYTES // FRAME_BYTES // 2):
        file.write(100)
    assert file.size == size


def test_no_room_is_made_after_a_group_that_would_take_most_of_it(file: File) -> None:
    file.write(logs.STEP_BYTES)
    size = file.size
    file.log.make_room(size)
    assert file.size == size


def test_no_room_is_made_where_the_log_is_to_begin_anew(file: File) -> None:
    while file.size < LIMIT_BYTES:
        file.write(logs.STEP_BYTES // 8)
        file.log.make_room(file.size)
    size = file.size
    file.write(100)
    file.log.make_room(file.size)
    assert file.size < size + logs.STEP_BYTES


def test_log_in_which_another_process_writes_is_left_alone(file: File) -> None:
    other = apsw.Connection(str(file.path))
    other.execute("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('theirs')")
    size = file.size
    file.log.make_room(size)
    assert file.size == size
    other.execute("COMMIT")
    assert file.writer.value("SELECT text FROM notes") == "theirs"


def test_disk_without_space_for_the_room_stops_no_commit(file: File) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.size + 2 * FRAME_BYTES, hard))
    try:
        used = file.size
        file.log.make_room(used)
        file.log.make_room(used)
        file.write(100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.writer.value("SELECT count(*) FROM notes") == 1


async def test_store_makes_room_and_a_crash_with_it_loses_nothing(tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.db", World())
    await store.open()
    lease = await owned(store)
    await store.commit(lease, [node(), moved("A")])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("state.db", "state.db-wal"):  # what a machine that stops now leaves on its disk
        shutil.copyfile(tmp_path / name, crashed / name)
    await store.close()
    log = (crashed / "state.db-wal").read_bytes()
    assert len(log) > logs.STEP_BYTES
    assert log.endswith(bytes(logs.STEP_BYTES // 2))
    assert apsw.Connection(str(crashed / "state.db")).execute("PRAGMA integrity_check").get == "ok"
    store = SqliteStateStore(crashed / "state.db", World())
    await store.open()
    assert await phases_of(store) == ["A"]
    await store.close()
    assert not (crashed / "state.db-wal").exists()


async def test_store_that_closes_leaves_the_log_to_those_that_go_on(tmp_path: Path) -> None:
    first, second = (SqliteStateStore(tmp_path / "state.db", World()) for _ in range(2))
    await first.open()
    await second.open()
    await first.commit(await owned(first), [moved("A")])
    size = (tmp_path / "state.db-wal").stat().st_size
    await second.close()
    assert (tmp_path / "state.db-wal").stat().st_size >= size
    assert await phases_of(first) == ["A"]
    await first.close()
    assert not (tmp_path / "state.db-wal").exists()
