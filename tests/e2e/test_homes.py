"""Homes that can't be used, or can't any more: one sentence, nothing lost, and it goes on once the cause is gone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import psutil
import pytest

from tests.e2e.conftest import Shell

PAGE_BYTES = 4096
BIG = """
from elevon import task, workflow

@task
def fill(i: int) -> str:
    return 'x' * 50_000

@task
def total(parts: list[str]) -> int:
    return sum(len(part) for part in parts)

@workflow
def many() -> int:
    return total(parts=[fill(i=i) for i in range(60)])
"""


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=1m", "none")

    def remount(self, options: str) -> None:
        self._mount("-o", f"remount,{options}")

    def unmount(self) -> None:
        subprocess.run(["/bin/umount", "-l", str(self.path)], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["/bin/mount", *words, str(self.path)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    try:
        mounted = Disk(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets nobody mount a file system")
    yield mounted
    mounted.unmount()


def sentence_of(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one sentence with which a command refused."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_full_disk_stops_the_engine_and_the_execution_goes_on_when_there_is_room(
    shell: Shell, disk: Disk
) -> None:
    shell.program.write_text(BIG)
    home = ["--home", str(disk.path / "home")]
    done = shell.run("run", *home, "--execution-id", "big", shell.program.name, "many")
    assert done.returncode == 74
    said = done.stderr.splitlines()[-1]
    assert said.startswith("elevon: the engine stopped: ")
    assert "full" in said
    assert "Traceback" not in done.stderr
    disk.remount("size=64m")
    assert shell.run("resume", *home, "big").stdout == "outputs:\n  o0: 3000000\n"


def test_a_disk_that_is_full_from_the_start_is_named(shell: Shell, disk: Disk) -> None:
    (disk.path / "ballast").write_bytes(b"x" * (1 << 20))
    done = shell.run("run", "--home", str(disk.path / "home"), shell.program.name, "ratio", "--x", "1")
    assert str(disk.path) in sentence_of(done)


def test_a_home_that_became_read_only_is_named(shell: Shell, disk: Disk) -> None:
    words = ["run", "--home", str(disk.path / "home"), shell.program.name, "ratio", "--x", "1"]
    assert shell.run(*words).returncode == 0
    disk.remount("ro")
    assert str(disk.path) in sentence_of(shell.run(*words))
    assert str(disk.path) in sentence_of(shell.run("executions", *words[1:3]))
    disk.remount("rw")
    assert shell.run(*words).returncode == 0


def test_what_all_processes_of_an_engine_left_is_removed_by_the_next(shell: Shell) -> None:
    place = shell.directory / "t"
    place.mkdir()
    shell.environment["TMPDIR"] = str(place)
    engine = shell.start_resting("killed")
    started = psutil.Process(engine.pid).children(recursive=True)
    for process in started:
        process.suspend()  # or the reaper would do it
    engine.kill()
    for process in started:
        process.kill()
    shell.kill(engine)
    left = [*(shell.home / "scratch").iterdir(), *place.iterdir()]
    assert len(left) == 2
    assert shell.run("run", shell.program.name, "ratio", "--x", "1").returncode == 0
    assert [*(shell.home / "scratch").iterdir(), *place.iterdir()] == []


@pytest.mark.parametrize("words", [["executions"], ["resume"], ["show", "first"], ["serve", "--port", "0"]])
def test_a_database_of_a_newer_elevon_is_left_alone(shell: Shell, words: list[str]) -> None:
    database = a_database(shell)
    apsw.Connection(str(database)).execute("PRAGMA user_version = 999")
    before = database.read_bytes()
    assert "was written by a newer elevon" in sentence_of(shell.run(*words))
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [["show", "first"], ["run", "--execution-id", "second", "PROGRAM", "ratio", "--x", "1"]],
    ids=lambda words: words[0],
)
def test_a_database_with_a_damaged_page_is_named(shell: Shell, words: list[str]) -> None:
    database = a_database(shell)
    with database.open("r+b") as file:  # everything but the header and the schema
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * (database.stat().st_size - PAGE_BYTES))
    done = shell.run(*[shell.program.name if word == "PROGRAM" else word for word in words])
    said = sentence_of(done)
    assert str(database) in said
    assert "damaged" in said


def test_a_database_of_another_program_is_left_alone(shell: Shell) -> None:
    shell.home.mkdir()
    database = shell.home / "elevon.db"
    apsw.Connection(str(database)).execute("CREATE TABLE songs (name)")
    assert "is a database of another program" in sentence_of(shell.run("executions"))


def a_database(shell: Shell) -> Path:
    """One with an execution, `first`."""
    done = shell.run("run", "--execution-id", "first", shell.program.name, "ratio", "--x", "1")
    assert done.returncode == 0, done.stderr
    return shell.home / "elevon.db"
