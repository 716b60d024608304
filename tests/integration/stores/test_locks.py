"""A lock is held by whoever has its descriptor, and by nobody else."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from elevon import errors
from elevon.primitives import locks

HOLDER = """
import sys
from pathlib import Path
from elevon.primitives import locks
lock = locks.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
HEIR = ["-c", "import sys; print('up', flush=True); sys.stdin.read()"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "e1.lock"


def start(args: list[str], pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    """A process that has said its first word and ends with its input."""
    process = subprocess.Popen(
        [sys.executable, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=pass_fds
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_lock_without_a_file_is_not_held(path: Path) -> None:
    assert not locks.is_held(path)


def test_lock_is_held_until_its_release(path: Path) -> None:
    lock = locks.hold(path)
    assert locks.is_held(path)
    lock.release()
    lock.release()
    assert not locks.is_held(path)


def test_lock_is_released_at_the_end_of_its_block(path: Path) -> None:
    with locks.hold(path):
        assert locks.is_held(path)
    assert not locks.is_held(path)


def test_held_lock_is_refused_to_a_second_holder(path: Path) -> None:
    with locks.hold(path), pytest.raises(errors.ConflictError, match=r"e1\.lock is held"):
        locks.hold(path)


def test_lock_is_held_anew_after_its_release(path: Path) -> None:
    locks.hold(path).release()
    with locks.hold(path):
        assert locks.is_held(path)


def test_lock_in_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UnavailableError, match="make its directory writable"):
        locks.hold(tmp_path / "nowhere" / "e1.lock")


def test_lock_of_a_killed_process_is_free(path: Path) -> None:
    holder = start(["-c", HOLDER, str(path)])
    assert locks.is_held(path)
    end(holder)
    assert not locks.is_held(path)


def test_lock_outlives_its_holder_in_an_heir(path: Path) -> None:
    lock = locks.hold(path)
    heir = start(HEIR, pass_fds=(lock.fileno(),))
    lock.release()
    assert locks.is_held(path)
    end(heir)
    assert not locks.is_held(path)


def test_lock_is_not_inherited_unasked(path: Path) -> None:
    lock = locks.hold(path)
    assert not os.get_inheritable(lock.fileno())
    child = start(HEIR)
    lock.release()
    assert not locks.is_held(path)
    end(child)


def test_wait_ends_with_the_holder(path: Path) -> None:
    holder = start(["-c", HOLDER, str(path)])
    threading.Timer(0.05, end, [holder]).start()
    assert locks.wait_free(path, timeout_s=30)


def test_wait_gives_up_at_its_timeout(path: Path) -> None:
    with locks.hold(path):
        assert not locks.wait_free(path, timeout_s=0.02)


def test_probes_do_not_disturb_each_other(path: Path) -> None:
    locks.hold(path).release()
    barrier = threading.Barrier(4)
    seen: list[bool] = []

    def probe() -> None:
        barrier.wait()
        seen.extend(locks.is_held(path) for _ in range(300))

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(seen)


def test_stale_locks_are_removed_and_held_ones_stay(tmp_path: Path) -> None:
    for name in ("dead.lock", "other.txt"):
        (tmp_path / name).touch()
    with locks.hold(tmp_path / "live.lock"):
        assert locks.remove_stale(tmp_path) == [tmp_path / "dead.lock"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["live.lock", "other.txt"]
