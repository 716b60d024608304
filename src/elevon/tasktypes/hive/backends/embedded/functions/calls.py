"""Hive's functions where DuckDB has none of the name, or one that means something else.

It owns what is put in for a call. It must never look at a table.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlglot import exp

from elevon import errors
from elevon.tasktypes.hive.backends.embedded.functions import patterns
from elevon.tasktypes.hive.backends.embedded.statements import Expression

_TYPE: Final = exp.DataType.Type
_UNITS: Final = {"MM": "MONTH", "MON": "MONTH", "YY": "YEAR", "YYYY": "YEAR", "Q": "QUARTER"}
_SLEEP: Final = ("java.lang.Thread", "sleep")
_USUAL_PATTERN: Final = "yyyy-MM-dd HH:mm:ss"
_INTEGERS: Final = {_TYPE.TINYINT, _TYPE.SMALLINT, _TYPE.INT, _TYPE.BIGINT}


def called(name: str, *arguments: Expression) -> Expression:
    """A call of what DuckDB knows by this name."""
    return exp.Anonymous(this=name, expressions=[one.copy() for one in arguments])


def adapted(node: Any, database: str) -> Expression:
    """What is put in for a node; the node itself if it can stay.

    Raises:
        UserError: There is nothing to put in.
    """
    if isinstance(node, exp.CurrentDatabase):
        return exp.Literal.string(database)
    kind: type = type(node)  # pyright: ignore[reportUnknownVariableType] - sqlglot's classes are not known to all releases
    adapt = _BY_NAME.get(node.name.lower()) if kind is exp.Anonymous else _BY_KIND.get(kind)
    return node if adapt is None else adapt(node)


def text_of_json(text: Expression, path: Expression) -> Expression:
    """What a path finds in a text; NULL if the text is no JSON."""
    return called("try", called("json_extract_string", text, path))


def part_of_url(url: Expression, part: Expression, key: Expression | None = None) -> Expression:
    """A part of a URL, or one parameter of its query."""
    return called("_url_part", url, part) if key is None else called("_url_parameter", url, key)


def _of_date(node: Any) -> Expression:
    """A function of a point in time, which may be a text."""
    node.set("this", _as(node.this, _TYPE.TIMESTAMP))
    return node


def _date_text(value: Expression) -> Expression:
    """A date as a text, which most of Hive's functions of dates return."""
    return _as(_as(value, _TYPE.DATE), _TYPE.TEXT)


def _add_days(node: Any) -> Expression:
    node.set("this", _as(node.this, _TYPE.DATE))
    return exp.cast(node.copy(), _TYPE.DATE)


def _days_between(node: Any) -> Expression:
    for key in ("this", "expression"):
        node.set(key, _as(node.args[key], _TYPE.DATE))
    return node


def _add_months(node: Any) -> Expression:
    return called("_add_months", _as(node.this, _TYPE.DATE), node.expression)


def _last_day(node: Any) -> Expression:
    return _date_text(called("last_day", _as(node.this, _TYPE.DATE)))


def _next_day(node: Any) -> Expression:
    node.set("this", _as(node.this, _TYPE.DATE))
    return _as(node.copy(), _TYPE.TEXT)


def _day_of_week(node: Any) -> Expression:
    """From 1, a Sunday."""
    return exp.paren(exp.Add(this=_of_date(node).copy(), expression=exp.Literal.number(1)))


def _truncated(node: Any) -> Expression:
    """`trunc` is of dates, `date_trunc` of points in time."""
    unit = node.args.get("unit")
    if unit is None:
        return node
    unit = exp.Literal.string(_UNITS.get(unit.name.upper(), unit.name))
    beginning = called("date_trunc", unit, _as(node.this, _TYPE.TIMESTAMP))
    return _date_text(beginning) if isinstance(node, exp.TimestampTrunc) else beginning


def _unix_timestamp(node: Any) -> Expression:
    """Seconds; NULL for a text that says no time."""
    arguments = node.expressions
    if not arguments:
        moment = called("now")
    elif len(arguments) == 1:
        moment = _as(arguments[0], _TYPE.TIMESTAMP)
    else:
        moment = called("try_strptime", _as(arguments[0], _TYPE.TEXT), _pattern(node))
    return exp.cast(called("epoch", moment), _TYPE.BIGINT)


def _from_unixtime(node: Any) -> Expression:
    return called("strftime", called("to_timestamp", node.expressions[0]), _pattern(node))


def _date_format(node: Any) -> Expression:
    return called("strftime", _as(node.expressions[0], _TYPE.TIMESTAMP), _pattern(node))


def _pattern(call: Any) -> Expression:
    """The second argument of a call, in DuckDB's spelling."""
    wanted = call.expressions[1] if len(call.expressions) > 1 else exp.Literal.string(_USUAL_PATTERN)
    if not isinstance(wanted, exp.Literal):
        raise errors.UserError(
            f"query: the pattern of {call.name.lower()} must be written as a text in the embedded backend, not be "
            f"{wanted.sql(dialect='hive')}"
        )
    return exp.Literal.string(patterns.translated(wanted.name))


def _whole(node: Any) -> Expression:
    """What is left of a division by 0 is NULL."""
    if not isinstance(node.expression, exp.Literal) or node.expression.name == "0":
        node.set("expression", called("nullif", node.expression, exp.Literal.number(0)))
    return node


def _logarithm(node: Any) -> Expression:
    """Of 0 and less it is NULL."""
    key = "this" if node.args.get("expression") is None else "expression"
    node.set(key, _where(exp.GT, node.args[key]))
    return node


def _root(node: Any) -> Expression:
    node.set("this", _where(exp.GTE, node.this))
    return node


def _where(kind: Any, value: Expression) -> Expression:
    """A number that compares so with 0, else NULL."""
    return exp.case().when(kind(this=value.copy(), expression=exp.Literal.number(0)), value.copy())


def _like(node: Any) -> Expression:
    """A backslash takes the meaning of a sign away."""
    pattern = node.expression
    if isinstance(node.parent, exp.Escape) or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _cast(node: Any) -> Expression:
    """To an integer, what is behind the point is cut."""
    value, wanted = node.this, node.args["to"]
    if wanted.this not in _INTEGERS or (isinstance(value, exp.Literal) and value.is_int):
        return node
    if has_aggregate(value):
        cut = called("trunc", exp.TryCast(this=value.copy(), to=exp.DataType.build("DECIMAL(38, 9)")))
    else:
        cut = called("_cut", value)
    return exp.TryCast(this=cut, to=wanted.copy())


def has_aggregate(value: Expression) -> bool:
    """Whether the type of a value is not known before its rows are grouped: no macro can choose by it."""
    return any(isinstance(one, exp.AggFunc | exp.Window) for one in value.walk())


def _from_json(node: Any) -> Expression:
    """What a path finds; all that it finds if it may be several."""
    path = exp.Literal.string(node.expression.sql(dialect="hive").strip("'"))
    if "*" not in path.name:
        return text_of_json(node.this, path)
    found = called("json_extract", node.this, path)
    several = exp.case().when(
        exp.GT(this=called("len", found), expression=exp.Literal.number(0)), found.copy()
    )
    return called("try", _as(called("to_json", several), _TYPE.TEXT))


def _replaced(node: Any) -> Expression:
    r"""Java names a group `$1`, DuckDB names it `\1`."""
    replacement = node.args.get("replacement")
    if isinstance(replacement, exp.Literal):
        java = replacement.name.replace("\\$", "\0")
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", java).replace("\0", "$")))
    elif replacement is not None:
        pattern, group, every = map(exp.Literal.string, (r"\$(\d)", r"\\\1", "g"))
        node.set("replacement", called("regexp_replace", replacement, pattern, group, every))
    return node


def _substring(node: Any) -> Expression:
    """The first character is the first one, and so is the one before it."""
    start = node.args.get("start")
    if isinstance(start, exp.Literal):
        node.set("start", exp.Literal.number(1) if start.name == "0" else start)
    elif start is not None and not isinstance(start, exp.Neg):
        first = exp.EQ(this=start.copy(), expression=exp.Literal.number(0))
        node.set("start", exp.case().when(first, exp.Literal.number(1)).else_(start.copy()))
    return node


def _extreme(node: Any) -> Expression:
    """NULL if one of the values is."""
    values = [node.this, *node.expressions]
    absent = exp.or_(*map(_is_null, values), copy=False)
    return exp.case().when(absent, exp.null()).else_(node.copy())


def _is_null(value: Expression) -> Expression:
    return exp.paren(exp.Is(this=value.copy(), expression=exp.null()))


def _elt(node: Any) -> Expression:
    texts = exp.Array(expressions=[_as(one, _TYPE.TEXT) for one in node.expressions])
    return called("list_extract", texts, node.this)


def _field(node: Any) -> Expression:
    value, *values = node.expressions
    place = called("list_position", exp.Array(expressions=[one.copy() for one in values]), value)
    return exp.func("coalesce", place, exp.Literal.number(0))


def _quantile(node: Any) -> Expression:
    return called("quantile_cont", node.this, node.args["quantile"])


def _reflect(node: Any) -> Expression:
    """The one method of Java that needs no Java."""
    arguments = node.expressions
    if len(arguments) == 3 and tuple(one.name for one in arguments[:2]) == _SLEEP:  # noqa: PLR2004 - class, method, span
        return _as(called("sleep_ms", arguments[2]), _TYPE.TEXT)
    raise errors.UserError(
        "query: reflect and java_method know java.lang.Thread.sleep alone in the embedded backend"
    )


def _assert_true(node: Any) -> Expression:
    condition = node.expressions[0]
    said = exp.Literal.string(f"'{condition.sql(dialect='hive')}' is not true!")
    return exp.Case(ifs=[exp.If(this=exp.Not(this=exp.paren(condition)), true=called("error", said))])


def _absent(node: Any) -> Expression:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    raise errors.UserError(f"query: there is no {name.lower()} in the embedded backend")


def _transform(_node: Any) -> Expression:
    raise errors.UserError(
        "query: SELECT TRANSFORM runs a program on the machines of a cluster: the embedded backend has none"
    )


def _as(value: Expression, kind: Any) -> Expression:
    """A value as another type; NULL if it says none."""
    return exp.TryCast(this=value.copy(), to=exp.DataType(this=kind))


_BY_KIND: Final[Mapping[type, Callable[[Any], Expression]]] = {
    exp.TryCast: _cast,
    exp.Cast: _cast,
    exp.TsOrDsAdd: _add_days,
    exp.DateDiff: _days_between,
    exp.AddMonths: _add_months,
    exp.LastDay: _last_day,
    exp.NextDay: _next_day,
    exp.DayOfWeek: _day_of_week,
    **dict.fromkeys(
        (
            exp.Year,
            exp.Quarter,
            exp.Month,
            exp.Day,
            exp.DayOfMonth,
            exp.WeekOfYear,
            exp.Hour,
            exp.Minute,
            exp.Second,
        ),
        _of_date,
    ),
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.TsOrDsToDate: lambda node: _as(node.this, _TYPE.DATE),
    exp.Mod: _whole,
    exp.IntDiv: _whole,
    exp.Ln: _logarithm,
    exp.Log: _logarithm,
    exp.Sqrt: _root,
    exp.Like: _like,
    exp.JSONExtractScalar: _from_json,
    exp.RegexpReplace: _replaced,
    exp.Substring: _substring,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.ArraySize: lambda node: called("_size", node.this),
    exp.StrToMap: lambda node: called(
        "str_to_map", node.this, node.args["pair_delim"], node.args["key_value_delim"]
    ),
    exp.ParseUrl: lambda node: part_of_url(
        node.this, *filter(None, (node.args.get("part_to_extract"), node.args.get("key")))
    ),
    exp.Elt: _elt,
    exp.Quantile: _quantile,
    exp.Soundex: _absent,
    exp.QueryTransform: _transform,
}
_BY_NAME: Final[Mapping[str, Callable[[exp.Anonymous], Expression]]] = {
    "reflect": _reflect,
    "java_method": _reflect,
    "assert_true": _assert_true,
    "binary": lambda node: exp.cast(node.expressions[0], _TYPE.BINARY),
    "date_format": _date_format,
    "from_unixtime": _from_unixtime,
    "unix_timestamp": _unix_timestamp,
    "isnull": lambda node: _is_null(node.expressions[0]),
    "isnotnull": lambda node: exp.Not(this=_is_null(node.expressions[0])),
    "field": _field,
    "octet_length": lambda node: called("strlen", *node.expressions),
    "format_string": lambda node: called("printf", *node.expressions),
    "hash": _absent,
}
