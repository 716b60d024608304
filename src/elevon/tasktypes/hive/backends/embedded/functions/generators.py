"""Functions that make several rows or columns of one value: in a LATERAL VIEW, and among what is selected.

It owns which columns each of them makes, and their names. It must never know what a value is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlglot import exp

from elevon import errors
from elevon.tasktypes.hive.backends.embedded.functions.calls import called, part_of_url, text_of_json
from elevon.tasktypes.hive.backends.embedded.statements import Expression

Columns: TypeAlias = list[tuple[str, Expression]]
"""By their names; an empty one stands for as many columns as the value has fields."""


def adapt(node: Expression) -> None:
    """Have what a SELECT generates be subqueries and columns, in the order in which they were written."""
    if not isinstance(node, exp.Select):
        return
    selected = [column for one in node.expressions for column in _selected(one)]
    node.set("expressions", selected)
    if laterals := node.args.get("laterals"):
        joins = [*(node.args.get("joins") or ()), *map(_joined, laterals)]
        node.set("joins", sorted(joins, key=_position))
        node.set("laterals", [])


def _selected(column: Expression) -> list[Expression]:
    if isinstance(column, exp.Explode | exp.Posexplode):
        return [column]
    names: list[str] = _names(column) if isinstance(column, exp.Aliases) else []
    call: Expression = column.this if names else column
    columns = _generated(call, len(names))
    return [column] if columns is None else _named(columns, names)


def _names(aliased: Any) -> list[str]:
    return [one.name for one in aliased.expressions]


def _joined(lateral: Expression) -> Expression:
    """A view beside what it is a view of; an OUTER one has a row where nothing is generated."""
    alias = lateral.args.get("alias")
    names: list[Any] = [] if alias is None else alias.args.get("columns") or []
    columns = _generated(lateral.this, len(names))
    if columns is None:
        raise errors.UserError(
            f"query: a LATERAL VIEW of {lateral.this.sql(dialect='hive')} can't be had in the embedded backend; it "
            "knows explode, posexplode, inline, stack, json_tuple and parse_url_tuple"
        )
    rows = exp.Subquery(this=exp.Select(expressions=_named(columns, [])))
    view = exp.Lateral(this=rows, alias=alias)
    if lateral.args.get("outer"):
        return exp.Join(this=view, side="LEFT", on=exp.true())
    return exp.Join(this=view, kind="CROSS")


def _position(join: Expression) -> int:
    """Where in the text it is; one that was not read there comes first."""
    return min((int(one.meta.get("start", 0)) for one in join.find_all(exp.Identifier)), default=0)


def _named(columns: Columns, names: list[str]) -> list[Expression]:
    names = names if len(names) == len(columns) else [name for name, _ in columns]
    return [
        exp.alias_(value, name, quoted=True) if name else value
        for name, (_, value) in zip(names, columns, strict=True)
    ]


def _generated(call: Expression, count: int) -> Columns | None:
    """The columns that a call makes if so many are wanted; None if it is no such call."""
    name = call.name.lower() if isinstance(call, exp.Anonymous) else type(call).__name__.lower()
    generate = _GENERATORS.get(name)
    return None if generate is None else generate(call, count)


def _explode(call: Expression, count: int) -> Columns:
    if count == 2:  # noqa: PLR2004 - a key and a value
        return [
            ("key", _each(called("map_keys", call.this))),
            ("value", _each(called("map_values", call.this))),
        ]
    return [("col", _each(call.this))]


def _posexplode(call: Expression, count: int) -> Columns:
    return [("pos", _each(called("range", called("_size", call.this)))), *_explode(call, count - 1)]


def _inline(call: Expression, _count: int) -> Columns:
    depth = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
    return [("", called("unnest", call.this, depth))]


def _stack(call: Expression, _count: int) -> Columns:
    values, row_count = list(call.expressions), int(call.this.name)
    width = -(-len(values) // row_count)
    values += [exp.null()] * (row_count * width - len(values))
    return [
        (f"col{number}", _each(exp.Array(expressions=[one.copy() for one in values[number::width]])))
        for number in range(width)
    ]


def _json_tuple(call: Expression, _count: int) -> Columns:
    text, *names = call.expressions
    return [
        (f"c{number}", text_of_json(text, exp.Literal.string(f'$."{one.name}"')))
        for number, one in enumerate(names)
    ]


def _parse_url_tuple(call: Expression, _count: int) -> Columns:
    url, *parts = call.expressions
    return [(f"c{number}", part_of_url(url, *_key(one))) for number, one in enumerate(parts)]


def _key(part: Expression) -> list[Expression]:
    """`QUERY:name` is one parameter."""
    return [exp.Literal.string(one) for one in part.name.split(":", 1)]


def _each(values: Expression) -> Expression:
    return called("unnest", values)


_GENERATORS: Final[Mapping[str, Callable[[Expression, int], Columns]]] = {
    "explode": _explode,
    "posexplode": _posexplode,
    "inline": _inline,
    "stack": _stack,
    "json_tuple": _json_tuple,
    "parse_url_tuple": _parse_url_tuple,
}
