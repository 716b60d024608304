"""Hive's language as values: what each statement of a text asks for.

It owns which statements there are here. What rows a statement speaks of stays an expression of sqlglot's, for
`functions` and `runs`. It must never read a text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from elevon.tasktypes.hive.backends.embedded.warehouses import Column

Expression: TypeAlias = Any
"""A tree of sqlglot's; what it calls the class of all trees differs from release to release."""
PARQUET: Final = "PARQUET"
TEXT: Final = "TEXTFILE"
DELIMITER: Final = "\x01"
"""Hive's own, between the fields of a line."""


@dataclass(frozen=True, slots=True)
class TableName:
    """A table; an empty database is the current one.

    Attributes:
        name: Without its database.
        database: That.
        place: Where in the text it is named; empty if it is not.
    """

    name: str
    database: str = ""
    place: str = field(default="", compare=False)

    def within(self, database: str) -> "TableName":
        """The table with its database."""
        return self if self.database else TableName(self.name, database, self.place)

    def __str__(self) -> str:
        return f"{self.database}.{self.name}" if self.database else self.name


@dataclass(frozen=True, slots=True)
class Format:
    """How files are written.

    Attributes:
        kind: `PARQUET` or `TEXTFILE`.
        delimiter: Between the fields of a line of text.
        skipped_count: Lines at the head of a text file that are no data.
    """

    kind: str = PARQUET
    delimiter: str = DELIMITER
    skipped_count: int = 0


@dataclass(frozen=True, slots=True)
class Select:
    """Rows that nobody keeps."""

    rows: Expression


@dataclass(frozen=True, slots=True)
class InsertTable:
    """Rows for a table.

    Attributes:
        table: Which.
        partition: Of each partition column that is named its value; None where the rows bring it.
        is_overwrite: Whether what was there goes.
        columns: Of the table, if only some are given.
        rows: What goes in.
    """

    table: TableName
    partition: Mapping[str, str | None]
    is_overwrite: bool
    columns: Sequence[str]
    rows: Expression


@dataclass(frozen=True, slots=True)
class InsertDirectory:
    """Rows for a directory, in place of what is there."""

    uri: str
    format: Format
    rows: Expression


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A new table.

    Attributes:
        table: Which.
        is_fine_if_there: `IF NOT EXISTS`.
        columns: Without those that partition it; empty with rows that say them.
        partition_columns: Those; without a type where the rows say it.
        location: URI of its files; empty for the warehouse.
        format: Of its files.
        rows: What it begins with, if it does.
        like: A table that it is shaped as, if it is.
        is_temporary: Whether it goes with the query.
    """

    table: TableName
    is_fine_if_there: bool
    columns: Sequence[Column]
    partition_columns: Sequence[Column]
    location: str
    format: Format
    rows: Expression | None
    like: TableName | None
    is_temporary: bool


@dataclass(frozen=True, slots=True)
class CreateView:
    """A name for rows; the text is kept."""

    table: TableName
    is_replacing: bool
    is_fine_if_there: bool
    rows: Expression


@dataclass(frozen=True, slots=True)
class DropTable:
    """The end of a table or view, if there is one: Hive passes over a missing one, unless it is told otherwise."""

    table: TableName


@dataclass(frozen=True, slots=True)
class Condition:
    """What a partition's value in a column is to be.

    Attributes:
        column: Which.
        operator: As SQL spells it.
        value: What is compared with.
    """

    column: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class DropPartitions:
    """The end of the partitions that meet all of some conditions, as far as there are such, as Hive has it."""

    table: TableName
    partitions: Sequence[Sequence[Condition]]


@dataclass(frozen=True, slots=True)
class SetLocation:
    """Another place for the files of a table."""

    table: TableName
    uri: str


@dataclass(frozen=True, slots=True)
class Truncate:
    """The end of all rows."""

    table: TableName


@dataclass(frozen=True, slots=True)
class Database:
    """A database: `create`, `drop` or `use`."""

    verb: str
    name: str
    is_fine: bool = False
    is_cascade: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """A statement without effect here, as `SET`."""


Statement: TypeAlias = (
    Select
    | InsertTable
    | InsertDirectory
    | CreateTable
    | CreateView
    | DropTable
    | DropPartitions
    | SetLocation
    | Truncate
    | Database
    | Nothing
)
