"""What a writer was told to be durable outlives its `kill -9`, and several processes share one home."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from elevon.primitives.clocks import SystemClock
from elevon.records.identities import ExecutionId
from elevon.stores.sqlite import SqliteStateStore

PROGRAM = Path(__file__).with_name("writing_program.py")


def start(database: Path, name: str, count: int, failpoint: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "ELEVON_FAILPOINT": failpoint}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(database), name, str(count)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(process: subprocess.Popen[str]) -> set[int]:
    """What it printed until its end, beside what was read before."""
    assert process.stdout is not None
    with process:
        # Not `communicate`, which passes over lines that `readline` has read ahead.
        return {int(line) for line in process.stdout.read().split()}


def numbers_in(database: Path, name: str) -> list[int]:
    """What is there after reopening, in the order of the history; history and nodes agree, and the file is whole."""

    async def read() -> list[int]:
        store = SqliteStateStore(database, SystemClock())
        await store.open()
        execution = ExecutionId("default", "development", name)
        nodes = {node.node_id for node in (await store.load_execution(execution)).nodes}
        history = [transition.node_id for _, transition in await store.list_transitions(execution)]
        await store.close()
        assert sorted(nodes) == sorted(history)
        return [int(node_id[1:]) for node_id in history]

    connection = apsw.Connection(str(database))
    connection.set_busy_timeout(10_000)  # another process may be closing it just now
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()
    return asyncio.run(read())


def test_acknowledged_commits_outlive_kills_at_random_moments(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    moments = random.Random(7)
    known: set[int] = set()
    for _ in range(6):
        process = start(database, "a1", 100_000)
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 200)):
            known.add(int(process.stdout.readline()))
        process.kill()
        known |= acknowledged(process)
        there = numbers_in(database, "a1")
        assert known <= set(there)
        assert len(there) - len(known) <= 6 * 4, (
            "at most the four commits under way at each kill are unreported"
        )


@pytest.mark.parametrize("action", ["kill", "exit"])
def test_commit_that_was_not_reached_is_not_there(tmp_path: Path, action: str) -> None:
    # Two commits before the batches: the execution and its lease. The third one holds the first batches.
    process = start(tmp_path / "state.db", "a1", 40, failpoint=f"store.before_commit:4:{action}")
    known = acknowledged(process)
    assert process.returncode == (-signal.SIGKILL if action == "kill" else 70)
    assert set(numbers_in(tmp_path / "state.db", "a1")) == known


def test_commit_that_was_not_reported_is_there(tmp_path: Path) -> None:
    process = start(tmp_path / "state.db", "a1", 40, failpoint="store.after_commit:3")
    known = acknowledged(process)
    assert process.returncode == -signal.SIGKILL
    assert known == set()
    assert numbers_in(tmp_path / "state.db", "a1")[0] == 0


def test_writer_that_ends_leaves_one_whole_file(tmp_path: Path) -> None:
    process = start(tmp_path / "state.db", "a1", 40)
    assert acknowledged(process) == set(range(40))
    assert process.returncode == 0
    assert not (tmp_path / "state.db-wal").exists()


def test_two_processes_write_one_home_at_the_same_time(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    processes = {name: start(database, name, 150) for name in ("a1", "a2")}
    for name, process in processes.items():
        assert acknowledged(process) == set(range(150))
        assert process.returncode == 0
        assert sorted(numbers_in(database, name)) == list(range(150))


def test_many_processes_may_create_one_home_at_once(tmp_path: Path) -> None:
    database = tmp_path / "new" / "state.db"
    processes = [start(database, f"a{i}", 4) for i in range(4)]
    assert [acknowledged(process) for process in processes] == [{0, 1, 2, 3}] * 4
    assert [process.returncode for process in processes] == [0] * 4
