"""Texts of Hive's language, read: sqlglot parses, and what it found becomes the statements that there are here.

It owns the place in the text that an error names. It must never touch a table.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from elevon import errors
from elevon.tasktypes.hive.backends.embedded import complaints, places
from elevon.tasktypes.hive.backends.embedded.dialects import EmbeddedHive
from elevon.tasktypes.hive.backends.embedded.places import Places
from elevon.tasktypes.hive.backends.embedded.statements import (
    DELIMITER,
    PARQUET,
    TEXT,
    Condition,
    CreateTable,
    CreateView,
    Database,
    DropPartitions,
    DropTable,
    Expression,
    Format,
    InsertDirectory,
    InsertTable,
    Nothing,
    Select,
    SetLocation,
    Statement,
    TableName,
    Truncate,
)
from elevon.tasktypes.hive.backends.embedded.warehouses import Column

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it can't read is an error here, said by us
_MANAGED: Final = frozenset(("ORC", "AVRO", "RCFILE", "SEQUENCEFILE", "JSONFILE"))
"""Formats that a table of the warehouse may ask for: nobody but the warehouse reads its files, which are parquet."""
_OPERATORS: Final[Mapping[Any, str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_SKIPPED_LINES: Final = "skip.header.line.count"


def parse(text: str) -> list[Statement]:
    """The statements of a text.

    Raises:
        UserError: It does not parse, or asks for something that is not there; names line and column, or the statement.
    """
    try:
        found = sqlglot.parse(text, read=EmbeddedHive)
    except SqlglotError as error:
        raise errors.UserError(f"query: {_problem(text, error)}") from None
    except RecursionError:
        raise errors.UserError(
            "query: it is nested too deeply for the embedded backend: some 200 parentheses in one another are too many"
        ) from None
    noted = Places(text)
    for one in found:
        if one is not None:
            noted.note(one)
    made = [
        _understood(each)
        for one in found
        if one is not None and not isinstance(one, exp.Semicolon)
        for each in _parted(one)
    ]
    if not made:
        raise errors.UserError("query: the query is empty")
    return made


def _problem(text: str, error: SqlglotError) -> str:
    at = Places(text)
    details: Sequence[Mapping[str, Any]] = getattr(error, "errors", ())
    if details and details[0].get("line"):
        first = details[0]
        near = str(first.get("highlight") or "")
        line = int(first["line"])
        place = at.spelled(line, int(first["col"]) - len(near) + 1)
        place = place if at.is_behind(line) else f"{place}, near {near!r}"
        return f"it does not parse: {place}: {complaints.of_syntax(str(first['description']))}"
    place = at.spelled(*_open_quote(text))
    return f"it does not parse: {place}: a quote or comment that is opened there has no end"


def _open_quote(text: str) -> tuple[int, int]:
    """Line and column of the quote that has no end; of the last character if all have one."""
    position = opened = 0
    while position < len(text):
        opened = position
        pair = text[position : position + 2]
        end = {"--": "\n", "/*": "*/"}.get(pair) or (text[position] if text[position] in "'\"`" else "")
        position += len(pair) if pair in ("--", "/*") else 1
        if not end:
            continue
        while position < len(text) and not text.startswith(end, position):
            position += 2 if text[position] == "\\" and end in "'\"" else 1
        if position >= len(text) and end != "\n":
            break
        position += len(end)
    before = text[:opened]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _parted(made: Expression) -> Iterator[Expression]:
    """`FROM rows INSERT ... INSERT ...` is one INSERT after the other, each of the same rows."""
    if not isinstance(made, exp.MultitableInserts):
        yield made
        return
    for one in made.expressions:
        one.expression.set("from_", exp.From(this=made.args["source"].copy()))
        yield one


def _understood(made: Expression) -> Statement:
    match made:
        case exp.Insert():
            return _insert(made)
        case exp.Create():
            return _create(made)
        case exp.Drop():
            return _drop(made)
        case exp.TruncateTable():
            table, partition = _table(made.expressions[0]), made.args.get("partition")
            return Truncate(table) if partition is None else DropPartitions(table, [_conditions(partition)])
        case exp.Alter():
            return _alter(made)
        case exp.Use():
            return Database("use", made.this.name.lower())
        case exp.Set() | exp.Analyze():
            return Nothing()
        case exp.Command() if made.name.upper() == "MSCK REPAIR":
            return Nothing()  # what is in the folders is looked at by each query
        case exp.Query():
            return Select(made)
        case _:
            raise _unsupported(made)


def _insert(made: exp.Insert) -> Statement:
    rows = made.expression
    if not isinstance(rows, exp.Query | exp.Values):
        raise _unsupported(made)
    common = made.args.get("with_") or made.args.get("with")
    if common is not None:
        rows = rows.copy()
        rows.set("with_" if "with_" in exp.Select.arg_types else "with", common.copy())
    target = made.this
    if isinstance(target, exp.Directory):
        form = _format(
            [one for one in (made.args.get("stored"), target.args.get("row_format")) if one is not None],
            TEXT,
        )
        return InsertDirectory(target.this.name, form, rows)
    columns: Sequence[str] = ()
    if isinstance(target, exp.Schema):
        columns = [one.name.lower() for one in target.expressions]
        target = target.this
    if not isinstance(target, exp.Table):
        raise _unsupported(made)
    partition = target.args.get("partition")
    values = _partition(partition) if partition is not None else {}
    return InsertTable(_table(target), values, bool(made.args.get("overwrite")), columns, rows)


def _partition(made: Expression) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for one in made.expressions:
        if isinstance(one, exp.EQ):
            values[one.this.name.lower()] = one.expression.name
        else:
            values[one.name.lower()] = None
    return values


def _conditions(made: Expression) -> list[Condition]:
    conditions: list[Condition] = []
    for one in made.expressions:
        operator = _OPERATORS.get(type(one))
        if operator is None:
            raise errors.UserError(
                f"query: {one.sql(dialect='hive')} names no partition: say column = value, or one of <> < <= > >="
            )
        conditions.append(Condition(one.this.name.lower(), operator, one.expression.name))
    return conditions


def _create(made: exp.Create) -> Statement:
    kind = str(made.args.get("kind")).upper()
    is_fine = bool(made.args.get("exists"))
    if kind in ("DATABASE", "SCHEMA"):
        return Database("create", made.this.name.lower(), is_fine)
    schema, target = (made.this, made.this.this) if isinstance(made.this, exp.Schema) else (None, made.this)
    rows = made.expression
    if kind == "VIEW" and rows is not None:
        return CreateView(_table(target), bool(made.args.get("replace")), is_fine, rows)
    if kind != "TABLE":
        raise _unsupported(made)
    properties = made.args.get("properties")
    given: list[Expression] = list(properties.expressions) if properties is not None else []
    like = next((one.this for one in given if isinstance(one, exp.LikeProperty)), None)
    location = next((one.this.name for one in given if isinstance(one, exp.LocationProperty)), "")
    return CreateTable(
        table=_table(target),
        is_fine_if_there=is_fine,
        columns=list(_columns(schema)),
        partition_columns=[
            column
            for one in given
            if isinstance(one, exp.PartitionedByProperty)
            for column in _columns(one.this)
        ],
        location=location,
        format=_format(given, TEXT if location else PARQUET, is_managed=not location),
        rows=rows,
        like=None if like is None else _table(like),
        is_temporary=any(isinstance(one, exp.TemporaryProperty) for one in given),
    )


def _columns(schema: Expression | None) -> Iterator[Column]:
    for one in schema.expressions if schema is not None else ():
        kind = one.args.get("kind")
        yield Column(one.name.lower(), "" if kind is None else kind.sql(dialect="duckdb"))


def _format(properties: Sequence[Expression], default: str, *, is_managed: bool = False) -> Format:
    kind, delimiter, skipped_count = default, DELIMITER, 0
    for one in properties:
        if isinstance(one, exp.FileFormatProperty):
            kind = one.name.upper()
        elif isinstance(one, exp.RowFormatDelimitedProperty):
            fields = one.args.get("fields")
            delimiter = delimiter if fields is None else fields.name.replace("\\t", "\t")
        elif type(one) is exp.Property and one.name == _SKIPPED_LINES:
            skipped_count = int(one.args["value"].name)
    if kind == "CSV":
        return Format(TEXT, ",", skipped_count)
    if is_managed and kind in _MANAGED:
        kind = PARQUET
    if kind not in (PARQUET, TEXT):
        raise errors.UserError(
            f"query: files of the format {kind} can't be had in the embedded backend: use PARQUET or TEXTFILE"
        )
    return Format(kind, delimiter, skipped_count)


def _drop(made: exp.Drop) -> Statement:
    kind = str(made.args.get("kind")).upper()
    target = (made.args.get("tables") or [made.this])[0]
    if kind in ("TABLE", "VIEW"):
        return DropTable(_table(target))
    if kind in ("DATABASE", "SCHEMA"):
        is_fine = bool(made.args.get("exists"))
        return Database("drop", target.name.lower(), is_fine, bool(made.args.get("cascade")))
    raise _unsupported(made)


def _alter(made: exp.Alter) -> Statement:
    actions: list[Any] = made.args.get("actions") or []
    if len(actions) == 1 and isinstance(actions[0], exp.DropPartition):
        return DropPartitions(_table(made.this), [_conditions(one) for one in actions[0].expressions])
    if actions and all(isinstance(one, exp.AddPartition) and not one.args.get("location") for one in actions):
        return Nothing()  # a partition is there when it has rows
    if len(actions) == 1 and isinstance(actions[0], exp.AlterSet) and actions[0].args.get("location"):
        return SetLocation(_table(made.this), actions[0].args["location"].name)
    raise _unsupported(made)


def _table(made: Expression) -> TableName:
    if not isinstance(made, exp.Table):
        raise _unsupported(made)
    return TableName(made.name.lower(), made.db.lower(), places.of(made.this))


def _unsupported(made: Expression) -> errors.UserError:
    shown = " ".join(made.sql(dialect="hive").split())[:60]
    return errors.UserError(
        f"query: the embedded backend has no such statement: {shown!r}; it knows SELECT, INSERT, CREATE and DROP of "
        "tables, views and databases, TRUNCATE, ALTER TABLE with DROP PARTITION or SET LOCATION, USE and SET"
    )
