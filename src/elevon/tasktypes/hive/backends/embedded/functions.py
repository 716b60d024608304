"""Hive's functions where DuckDB has none of the name, or one that means something else.

It owns what sqlglot does not translate. It must never look at a table.
"""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from elevon import errors
from elevon.tasktypes.hive.backends.embedded.statements import Expression

_OF_DATES: Final = (
    exp.Quarter,
    exp.Hour,
    exp.Minute,
    exp.Second,
    exp.DayOfMonth,
    exp.WeekOfYear,
    exp.LastDay,
)
_UNITS: Final = {"MM": "MONTH", "MON": "MONTH", "YY": "YEAR", "YYYY": "YEAR", "Q": "QUARTER"}
_SLEEP: Final = ("java.lang.Thread", "sleep")

_SUBSTRING_INDEX: Final = (
    "CREATE MACRO substring_index(a, b, n) AS list_aggregate("
    "CASE WHEN n >= 0 THEN list_slice(string_split(a, b), 1, n) ELSE list_slice(string_split(a, b), n, -1) END, "
    "'string_agg', b)"
)
MACROS: Final = (
    "CREATE MACRO pmod(a, b) AS ((a % b) + b) % b",
    "CREATE MACRO rlike(a, b) AS regexp_matches(a, b)",
    "CREATE MACRO find_in_set(a, b) AS coalesce(list_position(string_split(b, ','), a), 0)",
    _SUBSTRING_INDEX,
)
"""For each connection."""


def adapted(rows: Expression) -> Expression:
    """The same rows in terms of functions that there are."""
    return rows.copy().transform(_adapted)


def _adapted(node: Expression) -> Expression:
    if isinstance(node, exp.Anonymous):
        adapt = _ANONYMOUS.get(node.name.lower())
        return node if adapt is None else adapt(node)
    if isinstance(node, _OF_DATES):
        node.set("this", exp.cast(node.this, exp.DataType.Type.TIMESTAMP))
    elif isinstance(node, exp.Quantile):
        return exp.func("quantile_cont", node.this, node.args["quantile"])
    elif isinstance(node, exp.StrToUnix) and isinstance(node.this, exp.CurrentTimestamp):
        return exp.cast(exp.func("epoch", exp.func("now")), exp.DataType.Type.BIGINT)
    elif isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        node.set("this", exp.cast(node.this, exp.DataType.Type.TIMESTAMP))
        unit = node.args.get("unit")
        if unit is not None and unit.name.upper() in _UNITS:
            node.set("unit", exp.Literal.string(_UNITS[unit.name.upper()]))
    return node


def _reflect(node: exp.Anonymous) -> Expression:
    """The one method of Java that needs no Java."""
    arguments = node.expressions
    if len(arguments) == 3 and tuple(one.name for one in arguments[:2]) == _SLEEP:  # noqa: PLR2004 - class, method, span
        return exp.cast(exp.func("sleep_ms", arguments[2]), exp.DataType.Type.TEXT)
    raise errors.UserError(
        "query: reflect and java_method know java.lang.Thread.sleep alone in the embedded backend"
    )


def _assert_true(node: exp.Anonymous) -> Expression:
    condition = node.expressions[0]
    said = exp.Literal.string(f"'{condition.sql(dialect='hive')}' is not true!")
    return exp.Case(ifs=[exp.If(this=exp.Not(this=exp.paren(condition)), true=exp.func("error", said))])


_ANONYMOUS: Final[dict[str, Callable[[exp.Anonymous], Expression]]] = {
    "reflect": _reflect,
    "java_method": _reflect,
    "assert_true": _assert_true,
    "binary": lambda node: exp.cast(node.expressions[0], exp.DataType.Type.BINARY),
}
