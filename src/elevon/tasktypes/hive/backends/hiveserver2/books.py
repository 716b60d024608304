"""What a courier notes of each submission, in files that outlive it and the engine.

A note is made before a query is sent, and completed when the server has answered; whoever comes after a crash reads
there what became of it. It owns the files of one directory, on the machine on which the engine runs.
"""

import contextlib
import enum
import fcntl
import os
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from elevon.primitives import ids
from elevon.tasktypes.hive.backends.hiveserver2.handles import QueryHandle

_ID: Final = "book"
_LOCKS: Final = "couriers"
_NOTES: Final = "submissions"
_UNANSWERED: Final = "unanswered"  # in the place of the query


class Stage(enum.Enum):
    """How far a submission has come, for all that is noted.

    NOTHING: no query was sent under this token, and none will be.
    UNDER_WAY: a courier has it in its hands.
    UNKNOWN: the query was sent, and who sent it died before the answer, or waited for it too long.
    BEGUN: the server has answered.
    """

    NOTHING = "nothing"
    UNDER_WAY = "under way"
    UNKNOWN = "unknown"
    BEGUN = "begun"


class Note(NamedTuple):
    """What is known of a submission.

    Attributes:
        stage: How far it has come.
        session: In which the query was sent, as text; empty as long as it was not.
        query: What names it, once it was begun.
    """

    stage: Stage
    session: str = ""
    query: QueryHandle | None = None


class Book:
    """The notes of one directory.

    Args:
        directory: Made if it is not there.

    Attributes:
        id: Tells this directory from one of the same path on another machine.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in (_LOCKS, _NOTES):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self.id = self._identified()

    def hold(self, courier: str) -> IO[str]:
        """Be a courier for as long as the file is open."""
        file = (self.directory / _LOCKS / courier).open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def ask(self, token: str, courier: str) -> None:
        """Note that a courier is to be asked."""
        self._path(token).write_text(f"{courier}\n", encoding="utf-8")

    def note_sent(self, token: str, session: str) -> None:
        """Note, durably, that the query is about to be sent, and in which session."""
        self._append(token, session)

    def note_begun(self, token: str, query: QueryHandle) -> None:
        """Note, durably, how the server calls it."""
        self._append(token, msgspec.json.encode(query).decode())

    def note_unanswered(self, token: str) -> None:
        """Note, durably, that the server has not answered, and the courier waits no longer."""
        self._append(token, _UNANSWERED)

    def forget(self, token: str) -> None:
        """Remove the note."""
        self._path(token).unlink(missing_ok=True)

    def read(self, token: str) -> Note:
        """What is known of a submission."""
        courier, _, _ = self._lines(token)
        is_alive = self._is_alive(courier)  # before the look that counts: it may get on between the two
        _, session, query = self._lines(token)
        if query == _UNANSWERED:
            return Note(Stage.UNKNOWN, session)
        if query:
            return Note(Stage.BEGUN, session, msgspec.json.decode(query, type=QueryHandle))
        if is_alive:
            return Note(Stage.UNDER_WAY, session)
        return Note(Stage.UNKNOWN if session else Stage.NOTHING, session)

    def _lines(self, token: str) -> tuple[str, str, str]:
        """Courier, session and query; empty for what is not noted, or not wholly."""
        try:
            lines = self._path(token).read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return "", "", ""
        courier, session, query = ([line.strip() for line in lines if line.endswith("\n")] + [""] * 3)[:3]
        return courier, session, query

    def _is_alive(self, courier: str) -> bool:
        if not courier:
            return False
        with contextlib.suppress(FileNotFoundError), (self.directory / _LOCKS / courier).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _append(self, token: str, line: str) -> None:
        with self._path(token).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def _path(self, token: str) -> Path:
        return self.directory / _NOTES / token

    def _identified(self) -> str:
        path = self.directory / _ID
        with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
            file.write(ids.new("b", 20))
        return path.read_text(encoding="utf-8")
