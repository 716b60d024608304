"""One HiveServer2 for all processes of a test run, because each costs seconds and half a gigabyte.

Whoever uses it holds a shared lock on a file of the run; who needs it first starts this module as a program, which
keeps the server until nobody holds that lock any more, however its holders ended.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, NamedTuple

from tests.integration.hive.hiveserver2.servers import (
    START_S,
    HiveServer2,
    Job,
    Statement,
    read_jobs,
    read_statements,
)

_ROOT = Path(__file__).parents[4]
_LOOK_S = 0.1
_HELD: list[IO[str]] = []  # what says that this process is a user


class SharedServer(NamedTuple):
    """The server of the run, which its users must leave as it is.

    Attributes:
        port: Where it listens, on loopback.
        directory: Of its files.
    """

    port: int
    directory: Path

    def statements(self) -> list[Statement]:
        """All that anybody has sent to it."""
        return read_statements(self.directory, self.port)

    def jobs(self) -> list[Job]:
        """All that it has run for anybody."""
        return read_jobs(self.directory, self.port)


@functools.cache
def shared_server() -> SharedServer:
    """Use it, until this process ends.

    Raises:
        RuntimeError: It does not start; says why.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    place = Path(tempfile.gettempdir()) / f"elevon-hiveserver2-{run}"
    _HELD.append(_user(place))
    with (place / "start").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (place / "port").exists():
            _start_keeper(place)
    return SharedServer(int((place / "port").read_text()), place / "server")


def keep(place: Path) -> None:
    """Run the server until nobody uses it."""
    try:
        with HiveServer2(place / "server") as server:
            _write(place / "port", str(server.port))
            with (place / "users").open("w") as users:
                while not _is_free(users):
                    time.sleep(_LOOK_S)
                server.kill()
                shutil.rmtree(place)
    except RuntimeError as error:
        _write(place / "error", str(error))


def _user(place: Path) -> IO[str]:
    """One more user, for as long as this file is open."""
    while True:
        place.mkdir(exist_ok=True)
        users = (place / "users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
        # The last keeper may have removed the file while this waited for its lock.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(users.fileno()).st_ino == (place / "users").stat().st_ino:
                return users
        users.close()


def _start_keeper(place: Path) -> None:
    (place / "error").unlink(missing_ok=True)
    words = [sys.executable, "-m", "tests.integration.hive.hiveserver2.sharing", str(place)]
    keeper = subprocess.Popen(
        words,
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_S + 10
    while not (place / "port").exists():
        if (place / "error").exists():
            raise RuntimeError((place / "error").read_text())
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the keeper of the HiveServer2 ended with {keeper.poll()} and without a word")
        time.sleep(_LOOK_S)
    keeper.returncode = 0  # it outlives this process, and is nobody's child to wait for


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def _is_free(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
