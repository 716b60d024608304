"""The carrying out of statements: DuckDB computes, the warehouse keeps.

It owns what each statement does to the warehouse. It must never parse, and knows nothing of processes.
"""

import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import sqlglot
from sqlglot import exp

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import complaints, functions, places, spellings
from elevon.tasktypes.hive.backends.embedded.dialects import EmbeddedHive
from elevon.tasktypes.hive.backends.embedded.statements import (
    Condition,
    CreateTable,
    CreateView,
    Database,
    DropPartitions,
    DropTable,
    Expression,
    InsertDirectory,
    InsertTable,
    Nothing,
    Select,
    SetLocation,
    Statement,
    TableName,
    Truncate,
)
from elevon.tasktypes.hive.backends.embedded.warehouses import (
    DEFAULT,
    Column,
    Table,
    Warehouse,
)

_SHOWN_COUNT: Final = 20
_VIEW_DEPTH: Final = 32


class Run:
    """One query of one or more statements.

    Args:
        connection: To a database in memory.
        warehouse: The tables.
        say: Writes to the log of the query.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, say: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._warehouse = warehouse
        self._say = say
        self._database = DEFAULT
        functions.prepare(connection)

    def carry_out(self, statement: Statement) -> None:
        """Carry one statement out.

        Raises:
            UserError: It asks for something that can't be.
            duckdb.Error: DuckDB can't compute it.
        """
        verbs: dict[type, Callable[[Any], None]] = {
            Select: self._show,
            InsertTable: self._insert,
            InsertDirectory: self._insert_directory,
            CreateTable: self._create,
            CreateView: self._create_view,
            DropTable: self._drop_table,
            DropPartitions: self._drop_partitions,
            SetLocation: self._set_location,
            Truncate: self._truncate,
            Database: self._change_database,
            Nothing: lambda _nothing: None,
        }
        try:
            verbs[type(statement)](statement)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            rows = getattr(statement, "rows", None)
            problem = "" if rows is None else complaints.of_names(str(error), rows)
            if not problem:
                raise
            raise errors.UserError(f"query: {problem}") from None

    def _show(self, wanted: Select) -> None:
        """The first rows, in the log: nobody keeps the rest."""
        result = self._connection.execute(self._sql(wanted.rows))
        shown = result.fetchmany(_SHOWN_COUNT + 1)
        self._say("\t".join(str(column[0]) for column in result.description or ()))
        for row in shown[:_SHOWN_COUNT]:
            self._say("\t".join(map(str, row)))
        if len(shown) > _SHOWN_COUNT:
            self._say("...")

    def _insert(self, wanted: InsertTable) -> None:
        table = wanted.table.within(self._database)
        with self._warehouse.changing(table.database, table.name):
            found = self._found(table)
            if found.view or found.location:
                self._replace_elsewhere(table, found, wanted)
                return
            added = self._written(table, found, wanted)
            kept = [] if wanted.is_overwrite else list(found.files)
            if wanted.is_overwrite and found.partition_columns:
                gone = {str(Path(name).parent) for name in added}
                if wanted.partition and None not in wanted.partition.values():
                    gone = {spellings.folder_of(found, self._canonical(found, wanted.partition))}
                kept = [name for name in found.files if str(Path(name).parent) not in gone]
            changed = msgspec.structs.replace(found, files=(*kept, *added))
            self._warehouse.write(table.database, table.name, changed)
        self._say(f"{table}: {len(added)} files written")

    def _replace_elsewhere(self, table: TableName, content: Table, wanted: InsertTable) -> None:
        """All rows of a table whose files are at a location of its own."""
        is_plain = content.kind == "PARQUET" and not content.partition_columns
        if content.view or not (wanted.is_overwrite and is_plain):
            raise errors.UserError(
                f"query: nothing can be inserted into {table}: it is a view, or its files are elsewhere and are not "
                "replaced as a whole by parquet: INSERT OVERWRITE, without partitions"
            )
        staged = self._warehouse.staging()
        self._copy(self._fitted(table, content, wanted), staged, ())
        self._warehouse.replace(Path(content.location), staged)
        self._say(f"{table}: written to {content.location}")

    def _written(self, table: TableName, content: Table, wanted: InsertTable) -> tuple[str, ...]:
        """The rows of an insert as files of the table, which no document names yet."""
        staged = self._warehouse.staging()
        self._copy(self._fitted(table, content, wanted), staged, content.partition_columns)
        return self._warehouse.take_in(table.database, table.name, staged)

    def _fitted(self, table: TableName, content: Table, wanted: InsertTable) -> str:
        """The rows of an insert with the columns of the table, by their order, in its types."""
        unknown = [
            name for name in wanted.partition if name not in {one.name for one in content.partition_columns}
        ]
        if unknown:
            raise errors.UserError(f"query: {table} is not partitioned by {', '.join(unknown)}")
        given = {name: value for name, value in wanted.partition.items() if value is not None}
        expected = [one for one in content.all_columns if one.name not in given]
        sql = self._sql(wanted.rows)
        made = [str(row[0]) for row in self._connection.execute(f"DESCRIBE {sql}").fetchall()]
        names = list(wanted.columns) or [one.name for one in expected]
        if len(made) != len(names):
            raise errors.UserError(
                f"query: {table} takes {len(names)} columns ({', '.join(names)}), and the rows have {len(made)}"
            )
        parts: list[str] = []
        for column in content.all_columns:
            if column.name in given:
                source = spellings.text(given[column.name])
            else:
                source = spellings.name(column.name) if column.name in names else "NULL"
            parts.append(f"CAST({source} AS {column.type}) AS {spellings.name(column.name)}")
        aliases = ", ".join(map(spellings.name, names))
        return f"SELECT {', '.join(parts)} FROM ({sql}) AS made ({aliases})"  # noqa: S608 - all names are quoted

    def _copy(self, sql: str, folder: Path, partition_columns: Sequence[Column]) -> None:
        name = uuid.uuid4().hex
        if partition_columns:
            by = ", ".join(spellings.name(one.name) for one in partition_columns)
            options = (
                f"FORMAT parquet, PARTITION_BY ({by}), FILENAME_PATTERN {spellings.text(f'{name}_{{i}}')}"
            )
            target = folder
        else:
            options, target = "FORMAT parquet", folder / f"{name}.parquet"
        self._connection.execute(
            f"COPY ({sql}) TO {spellings.text(str(target))} ({options}, OVERWRITE_OR_IGNORE)"
        )

    def _insert_directory(self, wanted: InsertDirectory) -> None:
        target = spellings.local(wanted.uri)
        staged = self._warehouse.staging()
        sql = self._sql(wanted.rows)
        if wanted.format.kind == "PARQUET":
            self._copy(sql, staged, ())
        else:
            path = staged / "000000_0"
            delimiter = spellings.text(wanted.format.delimiter)
            options = f"FORMAT csv, HEADER false, DELIMITER {delimiter}, NULLSTR '\\N', QUOTE ''"
            self._connection.execute(f"COPY ({sql}) TO {spellings.text(path)} ({options})")
        self._warehouse.replace(target, staged)
        self._say(f"written: {target}")

    def _create(self, wanted: CreateTable) -> None:
        table = wanted.table.within(self._database)
        self._ensure_database(table.database)
        with self._warehouse.changing(table.database, table.name):
            if self._warehouse.find(table.database, table.name) is not None:
                if wanted.is_fine_if_there:
                    return
                raise errors.UserError(
                    f"query: the table {table} is there already: drop it, or say IF NOT EXISTS"
                )
            content = self._shape(wanted)
            if wanted.is_temporary:
                self._warehouse.make_temporary(table.database, table.name)
            if wanted.rows is not None:
                if content.location:
                    raise errors.UserError(
                        f"query: {table} can't be made of rows at a location: leave it out, or insert into a directory"
                    )
                insert = InsertTable(table, {}, is_overwrite=False, columns=(), rows=wanted.rows)
                content = msgspec.structs.replace(content, files=self._written(table, content, insert))
            self._warehouse.write(table.database, table.name, content)
        self._say(f"{table}: created")

    def _shape(self, wanted: CreateTable) -> Table:
        if wanted.like is not None:
            like = self._found(wanted.like.within(self._database))
            location = str(spellings.local(wanted.location)) if wanted.location else ""
            return Table(columns=like.columns, partition_columns=like.partition_columns, location=location)
        columns = list(wanted.columns)
        partition_names = [one.name for one in wanted.partition_columns]
        if wanted.rows is not None:
            described = self._connection.execute(f"DESCRIBE {self._sql(wanted.rows)}").fetchall()
            made = {
                str(row[0]).lower(): Column(str(row[0]).lower(), _kept_type(str(row[1]))) for row in described
            }
            missing = [name for name in partition_names if name not in made]
            if missing:
                raise errors.UserError(
                    f"query: the rows have no column {missing[0]}, which is to partition them"
                )
            columns = [one for name, one in made.items() if name not in partition_names]
            partition_columns = [made[name] for name in partition_names]
            if list(made)[len(columns) :] != partition_names:
                raise errors.UserError("query: columns that partition a table must be the last of its rows")
        else:
            partition_columns = [Column(one.name, one.type or "VARCHAR") for one in wanted.partition_columns]
        if not columns:
            raise errors.UserError("query: a table needs columns: name them, or say AS SELECT")
        return Table(
            columns=tuple(columns),
            partition_columns=tuple(partition_columns),
            location=str(spellings.local(wanted.location)) if wanted.location else "",
            kind=wanted.format.kind if wanted.location else "PARQUET",
            delimiter=wanted.format.delimiter,
            skipped_count=wanted.format.skipped_count,
        )

    def _create_view(self, wanted: CreateView) -> None:
        table = wanted.table.within(self._database)
        self._ensure_database(table.database)
        with self._warehouse.changing(table.database, table.name):
            if self._warehouse.find(table.database, table.name) is not None and not wanted.is_replacing:
                if wanted.is_fine_if_there:
                    return
                raise errors.UserError(f"query: {table} is there already: say CREATE OR REPLACE VIEW")
            self._sql(wanted.rows)  # the tables must be there
            content = Table(view=wanted.rows.sql(dialect="hive"), database=self._database)
            self._warehouse.write(table.database, table.name, content)

    def _drop_table(self, wanted: DropTable) -> None:
        self._drop(wanted.table)

    def _set_location(self, wanted: SetLocation) -> None:
        table = wanted.table.within(self._database)
        with self._warehouse.changing(table.database, table.name):
            location = str(spellings.local(wanted.uri))
            moved = msgspec.structs.replace(self._found(table), files=(), location=location)
            self._warehouse.write(table.database, table.name, moved)

    def _truncate(self, wanted: Truncate) -> None:
        self._keep_files(wanted.table, lambda _name, _content: False)

    def _drop(self, table: TableName) -> None:
        table = table.within(self._database)
        with self._warehouse.changing(table.database, table.name):
            if self._warehouse.find(table.database, table.name) is not None:
                self._warehouse.drop(table.database, table.name)

    def _canonical(self, content: Table, partition: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values of a partition as their types write them: `01` is the 1 of an INT."""
        types = {one.name: one.type for one in content.partition_columns}
        made: dict[str, str | None] = {}
        for name, value in partition.items():
            row = self._connection.execute(
                f"SELECT CAST(CAST(? AS {types.get(name, 'VARCHAR')}) AS VARCHAR)",
                [value],
            ).fetchone()
            made[name] = None if row is None or row[0] is None else str(row[0])
        return made

    def _drop_partitions(self, wanted: DropPartitions) -> None:
        table = self._found(wanted.table.within(self._database))
        types = {one.name: one.type for one in table.partition_columns}
        unknown = [one.column for each in wanted.partitions for one in each if one.column not in types]
        if unknown:
            raise errors.UserError(f"query: {wanted.table} is not partitioned by {unknown[0]}")

        @functools.cache
        def is_dropped(folder: Path) -> bool:
            values = dict(part.split("=", 1) for part in folder.parts)
            return any(
                all(self._meets(one, types[one.column], spellings.meant(values[one.column])) for one in each)
                for each in wanted.partitions
            )

        self._keep_files(wanted.table, lambda name, _content: not is_dropped(Path(name).parent))

    def _meets(self, condition: Condition, kind: str, value: str | None) -> bool:
        """Whether a partition's value meets a condition, in the type of its column."""
        found = self._connection.execute(
            f"SELECT TRY_CAST(? AS {kind}) {condition.operator} TRY_CAST(? AS {kind})",
            [value, condition.value],
        ).fetchone()
        return bool(found and found[0])

    def _keep_files(self, table: TableName, is_kept: Callable[[str, Table], bool]) -> None:
        table = table.within(self._database)
        with self._warehouse.changing(table.database, table.name):
            found = self._found(table)
            if found.view or found.location:
                raise errors.UserError(
                    f"query: rows of {table} can't be removed: they are not of the warehouse"
                )
            kept = tuple(name for name in found.files if is_kept(name, found))
            self._warehouse.write(table.database, table.name, msgspec.structs.replace(found, files=kept))

    def _change_database(self, wanted: Database) -> None:
        is_there = self._warehouse.has_database(wanted.name)
        if wanted.verb == "create":
            if is_there and not wanted.is_fine:
                raise errors.UserError(f"query: the database {wanted.name} is there already")
            self._warehouse.create_database(wanted.name)
        elif wanted.verb == "use":
            self._ensure_database(wanted.name)
            self._database = wanted.name
        elif is_there:
            left = list(self._warehouse.tables(wanted.name))
            if left and not wanted.is_cascade:
                raise errors.UserError(
                    f"query: the database {wanted.name} has the tables {', '.join(left)}: say CASCADE"
                )
            for name in left:
                self._drop(TableName(name, wanted.name))
            if wanted.name != DEFAULT:
                self._warehouse.drop_database(wanted.name)
        elif not wanted.is_fine:
            raise _no_database(wanted.name)

    def _ensure_database(self, name: str) -> None:
        if not self._warehouse.has_database(name):
            raise _no_database(name)

    def _found(self, table: TableName) -> Table:
        found = self._warehouse.find(table.database, table.name)
        if found is None:
            raise _no_table(table)
        return found

    def _sql(self, rows: Expression, database: str = "", depth: int = 0) -> str:
        """Rows in DuckDB's language, once the tables that they speak of can be read there."""
        adapted = functions.adapted(rows, database or self._database)
        known = {one.alias.lower() for one in adapted.find_all(exp.CTE)}
        for one in adapted.find_all(exp.Table):
            if not isinstance(one.this, exp.Identifier) or (not one.db and one.name.lower() in known):
                continue
            table = TableName(one.name.lower(), one.db.lower(), places.of(one.this)).within(
                database or self._database
            )
            self._attach(table, depth)
            one.set("this", exp.to_identifier(table.name, quoted=True))
            one.set("db", exp.to_identifier(table.database, quoted=True))
            if not one.alias:
                one.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        return adapted.sql(dialect="duckdb")

    def _attach(self, table: TableName, depth: int) -> None:
        """Have DuckDB read a table as it is now."""
        if depth > _VIEW_DEPTH:
            raise errors.UserError(f"query: the view {table} speaks of itself")
        content = self._found(table)
        if content.view:
            sql = self._sql(sqlglot.parse_one(content.view, read=EmbeddedHive), content.database, depth + 1)
        else:
            sql = spellings.scan(content, self._warehouse.data_folder(table.database, table.name))
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {spellings.name(table.database)}")
        self._connection.execute(
            f"CREATE OR REPLACE VIEW {spellings.name(table.database)}.{spellings.name(table.name)} AS {sql}"
        )


def _kept_type(found: str) -> str:
    """The type of a column of rows; rows that are nothing but NULL are texts."""
    return "VARCHAR" if found in ('"NULL"', "NULL") else found


def _no_table(table: TableName) -> errors.UserError:
    at = f": {table.place}" if table.place else ""
    return errors.UserError(f"query: there is no table {table}{at}")


def _no_database(name: str) -> errors.UserError:
    return errors.UserError(f"query: there is no database {name}: CREATE DATABASE {name}")
