"""What a read costs is in proportion to what it returns, whether a home is large or small."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.records.snapshots import NodePlace
from elevon.stores import connections, reads
from elevon.stores.connections import Connection
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import RUN, START, World, attempt, execution, moved, node, owned

SIZES = (200, 4000)
PAGE = 20
BEHIND = ExecutionId("default", "development", "b100")
FAILED = frozenset({ExecutionPhase.FAILED})
UNUSUAL = frozenset({ExecutionPhase.FAILED, ExecutionPhase.ABORTED})


async def fill(database: Path, count: int) -> None:
    """A home with an array of so many elements, and so many executions beside it."""
    store = SqliteStateStore(database, World())
    await store.open()
    lease = await owned(store)
    await store.commit(lease, [node("n0"), node("n1"), moved("RUNNING", "n0")])
    for number in range(count):
        name, at = f"n0/{number}", START + timedelta(seconds=number)
        store.commit(lease, [node(name, parent="n0", started_at=at), attempt(name), moved("RUNNING", name)])
    for number in range(count):
        run = ExecutionId("default", "development", f"b{number}")
        phase = ExecutionPhase.FAILED if number % 2 else ExecutionPhase.SUCCEEDED
        at = START + timedelta(seconds=number)
        await store.create_execution(execution(run, phase=phase, created_at=at), {})
    await store.close()


@pytest.fixture
async def homes(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{count}.db" for count in SIZES]
    for database, count in zip(found, SIZES, strict=True):
        await fill(database, count)
    return found


@pytest.fixture
def readers(homes: list[Path]) -> Iterator[list[Connection]]:
    opened = [connections.open_reader(database) for database in homes]
    yield opened
    for connection in opened:
        connection.close()


def steps_of(connection: Connection, read: Callable[[Connection], object]) -> int:
    """So many steps of SQLite's machine does a read take."""
    counts: list[int] = []

    def note(event: dict[str, dict[str, int]]) -> None:
        counts.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    connection.handle.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
    read(connection)
    connection.handle.trace_v2(0, None)
    return sum(counts)


READS: dict[str, Callable[[Connection], object]] = {
    "nodes": lambda home: reads.load_nodes(home, RUN, ["n0", "n0/7", "n9"]),
    "changes": lambda home: reads.load_changes(home, RUN, 100, PAGE),
    "top": lambda home: reads.list_nodes(home, RUN, "", PAGE, None),
    "elements": lambda home: reads.list_nodes(home, RUN, "n0", PAGE, None),
    "more elements": lambda home: reads.list_nodes(
        home, RUN, "n0", PAGE, NodePlace(START + timedelta(seconds=100), "n0/100")
    ),
    "executions": lambda home: reads.list_executions(home, frozenset(), PAGE, None),
    "more executions": lambda home: reads.list_executions(home, frozenset(), PAGE, BEHIND),
    "executions of a phase": lambda home: reads.list_executions(home, FAILED, PAGE, None),
    "more executions of phases": lambda home: reads.list_executions(home, UNUSUAL, PAGE, BEHIND),
    "beginnings": lambda home: reads.find_executions(home, "default", "development", "b199"),
    "lease": lambda home: reads.get_lease(home, RUN),
}


def test_a_part_costs_as_much_in_a_large_home_as_in_a_small_one(readers: list[Connection]) -> None:
    small, large = readers
    steps = {name: (steps_of(small, read), steps_of(large, read)) for name, read in READS.items()}
    assert {name: pair for name, pair in steps.items() if pair[1] > 1.2 * pair[0] + 200} == {}


def test_the_whole_costs_more_in_a_large_home(readers: list[Connection]) -> None:
    small, large = readers
    whole = [steps_of(home, lambda home: reads.load_execution(home, RUN)) for home in (small, large)]
    assert whole[1] > 10 * whole[0]
