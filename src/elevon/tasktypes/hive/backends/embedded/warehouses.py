"""The tables of a home: parquet files, and beside each table's a document that says which of them count.

It owns what is durable. A change of a table is files that nobody knows yet and then one document in the place of
another, so that a process that is killed at any instruction leaves the old table or the new one. Readers need no lock:
they take a document once, and the files that it names stay until no query is left that could read them. It must never
know a query.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import msgspec

from elevon import errors
from elevon.primitives import files

_DOCUMENT: Final = "table.json"
_DATA: Final = "data"
_STAGING: Final = ".staging"
_POLL_S: Final = 0.02
_NAME_LENGTH: Final = 120  # in bytes: two of them name a lock, and file systems end at 255
DEFAULT: Final = "default"


class Column(msgspec.Struct, frozen=True):
    """A column, with its type as DuckDB spells it."""

    name: str
    type: str


class Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table or a view, as it is at one time.

    Attributes:
        version: Of this layout.
        columns: Without those that partition it.
        partition_columns: Those.
        files: Below its data folder, as `d=x/1234.parquet`; unused where it is elsewhere.
        location: Folder of its files, where others put them; empty for the warehouse.
        kind: `PARQUET` or `TEXTFILE`.
        delimiter: Between the fields of a text.
        skipped_count: Lines at the head of a text that are no data.
        view: The rows that it stands for, in Hive's language; empty for a table.
        database: In which names of the view are looked for.
    """

    version: int = 1
    columns: tuple[Column, ...] = ()
    partition_columns: tuple[Column, ...] = ()
    files: tuple[str, ...] = ()
    location: str = ""
    kind: str = "PARQUET"
    delimiter: str = ""
    skipped_count: int = 0
    view: str = ""
    database: str = DEFAULT

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """In the order of Hive: those that partition it last."""
        return (*self.columns, *self.partition_columns)


class Warehouse:
    """All tables.

    Args:
        root: Folder of the warehouse, shared by all queries of a home.
        token: Of the query that works with it; what is staged for it is found by that.
    """

    def __init__(self, root: Path, token: str) -> None:
        self._root = root
        self._token = token
        self._touched: set[Path] = set()
        self._temporaries: dict[tuple[str, str], Table] = {}

    @contextlib.contextmanager
    def reading(self) -> Generator[None]:
        """While this is open, no file goes that a table of now names; what went before is removed at the end."""
        files.make_folder(self._root / DEFAULT)
        with _locked(self._root / ".readers", fcntl.LOCK_SH):
            yield
        self._collect()

    @contextlib.contextmanager
    def changing(self, database: str, table: str) -> Generator[None]:
        """While this is open, nobody else changes the table."""
        with self._locked_as(f"{_safe(database)}.{_safe(table)}"):
            yield

    def find(self, database: str, table: str) -> Table | None:
        """The table as it is now; None if there is none. One of this query's own hides another of that name."""
        if (database, table) in self._temporaries:
            return self._temporaries[database, table]
        try:
            content = (self._folder(database, table) / _DOCUMENT).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return msgspec.json.decode(content, type=Table)
        except msgspec.DecodeError as error:
            raise errors.CorruptStateError(f"the table {database}.{table} can't be read: {error}") from error

    def write(self, database: str, table: str, content: Table) -> None:
        """Have the table be this from now on."""
        if (database, table) in self._temporaries:
            self._temporaries[database, table] = content
            return
        folder = self._folder(database, table)
        files.write(folder / _DOCUMENT, msgspec.json.encode(content))
        self._touched.add(folder)

    def make_temporary(self, database: str, table: str) -> None:
        """Have what is written under that name be this query's own, and go with it."""
        self._temporaries[database, table] = Table()

    def drop(self, database: str, table: str) -> None:
        """Have the table be no more; files elsewhere stay."""
        if self._temporaries.pop((database, table), None) is not None:
            return
        folder = self._folder(database, table)
        (folder / _DOCUMENT).unlink(missing_ok=True)
        files.flush_folder(folder)
        self._touched.add(folder)

    def data_folder(self, database: str, table: str) -> Path:
        """Where the files of a table are that is not elsewhere."""
        if (database, table) in self._temporaries:
            return self._root / _STAGING / self._token / f"{_safe(database)}.{_safe(table)}"
        return self._folder(database, table) / _DATA

    def staging(self) -> Path:
        """An empty folder for files that nobody knows yet, on the disk of the tables."""
        root = self._root / _STAGING / self._token
        root.mkdir(parents=True, exist_ok=True)
        folder = root / str(len(list(root.iterdir())))
        folder.mkdir()
        return folder

    def take_in(self, database: str, table: str, staged: Path) -> tuple[str, ...]:
        """Move staged files to those of a table, durably; their names there, which no document has yet."""
        data = self.data_folder(database, table)
        names: list[str] = []
        for path in sorted(staged.rglob("*.parquet")):
            name = str(path.relative_to(staged))
            files.make_folder((data / name).parent)
            _flush(path)
            path.rename(data / name)
            files.flush_folder((data / name).parent)
            names.append(name)
        return tuple(names)

    def replace(self, target: Path, staged: Path) -> None:
        """Have a folder of staged files stand in the place of another, as a whole; see `standing`.

        Raises:
            UserError: The tables themselves are there.
        """
        target = Path(os.path.normpath(target))
        if self._root.is_relative_to(target) or target.is_relative_to(self._root):
            raise errors.UserError(
                f"query: {target} can't be replaced, the tables of all queries are there: choose another directory"
            )
        files.make_folder(target.parent)
        with self._locked_as(hashlib.blake2b(bytes(target), digest_size=16).hexdigest()):
            fresh = _bring_beside(staged, target)
            aside = _aside(target)
            if target.exists():
                shutil.rmtree(aside, ignore_errors=True)
                target.rename(aside)
            fresh.rename(target)
            files.flush_folder(target.parent)
            shutil.rmtree(aside, ignore_errors=True)

    def has_database(self, name: str) -> bool:
        """Whether there is one."""
        return name == DEFAULT or (self._root / _safe(name)).is_dir()

    def create_database(self, name: str) -> None:
        """Make one."""
        files.make_folder(self._root / _safe(name))

    def tables(self, database: str) -> Iterator[str]:
        """The names of its tables and views."""
        for path in sorted((self._root / _safe(database)).glob(f"*/{_DOCUMENT}")):
            yield path.parent.name

    def drop_database(self, name: str) -> None:
        """End one, with what is left in it."""
        shutil.rmtree(self._root / _safe(name), ignore_errors=True)

    def release(self) -> None:
        """Remove what is staged for the query."""
        shutil.rmtree(self._root / _STAGING / self._token, ignore_errors=True)

    @contextlib.contextmanager
    def _locked_as(self, name: str) -> Generator[None]:
        folder = self._root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / name, fcntl.LOCK_EX):
            yield

    def _folder(self, database: str, table: str) -> Path:
        return self._root / _safe(database) / _safe(table)

    def _collect(self) -> None:
        """Remove files that no document names, of tables that were changed, unless somebody may still read them."""
        if not self._touched:
            return
        with (
            contextlib.suppress(BlockingIOError),
            _locked(self._root / ".readers", fcntl.LOCK_EX | fcntl.LOCK_NB),
        ):
            for folder in self._touched:
                self._collect_one(folder)

    def _collect_one(self, folder: Path) -> None:
        with self.changing(folder.parent.name, folder.name):
            found = self.find(folder.parent.name, folder.name)
            data = folder / _DATA
            if found is None:
                shutil.rmtree(folder, ignore_errors=True)
                return
            known = set(found.files)
            for path in data.rglob("*.parquet"):
                if str(path.relative_to(data)) not in known:
                    path.unlink(missing_ok=True)


def standing(folder: Path) -> Path:
    """Where the files of a folder are that is replaced as a whole: a kill in between leaves the old one aside."""
    aside = _aside(folder)
    return aside if not folder.exists() and aside.exists() else folder


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _bring_beside(staged: Path, target: Path) -> Path:
    """Staged files, durable, in a folder on the disk of the one that they are to replace."""
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        staged.rename(fresh)
    except OSError:  # on another disk
        shutil.copytree(staged, fresh)
    for path in fresh.iterdir():
        _flush(path)
    files.flush_folder(fresh)
    return fresh


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Generator[None]:
    """A lock of this process, which ends with it however that ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if how & fcntl.LOCK_NB:
                    raise
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _safe(name: str) -> str:
    if len(name.encode()) > _NAME_LENGTH:
        raise errors.UserError(f"query: the name {name[:20]!r}... is too long for a table or a database")
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise errors.UserError(f"query: {name!r} can't name a table or a database")
    return name
