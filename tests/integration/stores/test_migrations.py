"""A home that an older elevon wrote is opened, brought up to date and loses nothing."""

from pathlib import Path

import apsw
import msgspec
import pytest

from elevon import errors
from elevon.records.leases import Request, RequestKind
from elevon.stores import rows, schemas
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import (
    MINUTE,
    RUN,
    START,
    World,
    drain,
    execution,
    node,
    taken,
    wish,
)


class FirstRequest(msgspec.Struct, kw_only=True):
    """What schema 1 kept of a request."""

    version: int = 1
    execution: object = RUN
    kind: str = "ABORT"
    by: str = "ann"
    reason: str = "enough"
    at: object = START


def write_first_home(database: Path) -> None:
    """A database at schema 1, with an execution and the wish to abort it."""
    file = apsw.Connection(str(database))
    file.execute(schemas.migrations()[0].read_text(encoding="utf-8"))
    file.execute(f"PRAGMA user_version = 1; PRAGMA application_id = {schemas.APPLICATION_ID}")
    row = rows.of_change(execution(), RUN)
    file.execute(
        "INSERT INTO executions (key, project, domain, name, phase, created_us, version, record) "
        "VALUES (7, ?, ?, ?, ?, ?, ?, ?)",
        (RUN.project, RUN.domain, RUN.name, *row.key, row.version, row.content),
    )
    file.execute(
        "INSERT INTO requests (execution, kind, version, record) VALUES (7, 'ABORT', 1, ?)",
        (msgspec.msgpack.encode(FirstRequest()),),
    )
    file.close()


def write_fourth_home(database: Path, *nodes: rows.Row) -> None:
    """A database at schema 4, with nodes of an execution."""
    write_first_home(database)
    file = apsw.Connection(str(database))
    for number, script in enumerate(schemas.migrations()[1:4], start=2):
        file.execute(script.read_text(encoding="utf-8"))
        file.execute(f"PRAGMA user_version = {number}")
    for row in nodes:
        file.execute(
            "INSERT INTO nodes (execution, node_id, version, record) VALUES (7, ?, ?, ?)",
            (*row.key, row.version, row.content),
        )
    file.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_requests_of_schema_1_are_obeyed(database: Path) -> None:
    write_first_home(database)
    store = SqliteStateStore(database, World())
    await store.open()
    await taken(store)
    (request,) = await store.list_requests("e1")
    assert request == msgspec.structs.replace(wish(), version=1)
    await store.put_request(wish(by="bob"))
    assert [one.by for one in await store.list_requests("e1")] == ["ann"], "it is still the first of its kind"
    await store.close()


async def test_home_of_schema_1_takes_what_came_later(database: Path) -> None:
    write_first_home(database)
    store = SqliteStateStore(database, World())
    await store.open()
    await taken(store)
    later: Request = wish(kind=RequestKind.UNPARK, node_id="n0")
    await store.put_request(later)
    await store.put_drain(drain())
    assert later in await store.list_requests("e1")
    assert await store.list_drains() == (drain(),)
    await store.close()


async def test_nodes_of_schema_4_are_listed_under_their_parents_in_the_order_of_their_start(
    database: Path,
) -> None:
    late = node("n0", started_at=START + MINUTE, outputs=b"\x00" * 9000)
    inner = node("n0/1", parent="n0")
    write_fourth_home(database, *(rows.of_change(one, RUN) for one in (late, node("n1"), inner)))
    store = SqliteStateStore(database, World())
    await store.open()
    assert (await store.load_execution(RUN)).nodes == (late, inner, node("n1"))
    assert await store.list_nodes(RUN, "", 9) == (node("n1"), late)
    assert await store.list_nodes(RUN, "n0", 9) == (inner,)
    await store.close()


async def test_a_damaged_row_of_schema_4_keeps_no_home_from_being_opened(database: Path) -> None:
    write_fourth_home(database, rows.Row("nodes", ("n0",), 1, b"\xc1"))
    store = SqliteStateStore(database, World())
    await store.open()
    with pytest.raises(errors.CorruptStateError, match="has a row that can't be read"):
        await store.load_execution(RUN)
    await store.close()


async def test_migrated_home_is_at_the_newest_schema(database: Path) -> None:
    write_first_home(database)
    store = SqliteStateStore(database, World())
    await store.open()
    await store.close()
    migrated, new = apsw.Connection(str(database)), database.with_name("new.db")
    fresh = SqliteStateStore(new, World())
    await fresh.open()
    await fresh.close()
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    assert migrated.execute(schema).fetchall() == apsw.Connection(str(new)).execute(schema).fetchall()
    assert migrated.execute("PRAGMA user_version").get == len(schemas.migrations())
