"""What Hive converts without being asked: texts that are computed with, or compared with what is no text.

It owns where that happens; which type something has, DuckDB knows when it chooses among the bodies of a macro. What
is made of aggregates is let alone, for its type is not known then.
"""

from typing import Final

from sqlglot import exp

from elevon.tasktypes.hive.backends.embedded.functions.calls import called, has_aggregate
from elevon.tasktypes.hive.backends.embedded.statements import Expression

_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_OF_NUMBERS: Final = (
    exp.Sum,
    exp.Avg,
    exp.Stddev,
    exp.StddevPop,
    exp.StddevSamp,
    exp.Variance,
    exp.VariancePop,
    exp.Neg,
    exp.Abs,
    exp.Round,
    exp.Floor,
    exp.Ceil,
    exp.Sqrt,
)
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
_UNTOUCHED: Final = (exp.Interval, exp.Tuple, exp.Star, exp.Distinct, exp.Boolean, exp.Null)


def adapt(node: Expression) -> None:
    """Have the operands of a node converted."""
    if isinstance(node, _ARITHMETIC):
        for key in ("this", "expression"):
            _convert(node, key)
    elif isinstance(node, _OF_NUMBERS):
        _convert(node, "this")
    elif isinstance(node, _COMPARISONS):
        _compare(node, "this", "expression")
    elif isinstance(node, exp.Between):
        _compare(node, "this", "low")
        high, low = node.args["high"], node.args["low"]
        if _is_open(high) and _is_open(low):
            node.set("high", called("_beside", high, node.args["this"]))
    elif isinstance(node, exp.In) and node.expressions and _is_open(node.this):
        node.set("this", called("_beside", node.this, node.expressions[0]))


def _convert(node: Expression, key: str) -> None:
    operand = node.args.get(key)
    if operand is not None and _is_open(operand) and not _is_number(operand):
        node.set(key, called("_number", operand))


def _compare(node: Expression, left: str, right: str) -> None:
    one, other = node.args[left], node.args[right]
    if _is_open(one) and _is_open(other) and not _are_alike(one, other):
        node.set(left, called("_beside", one, other))
        node.set(right, called("_beside", other, one))


def _is_open(operand: Expression) -> bool:
    """Whether a macro can be given it."""
    return not isinstance(operand, _UNTOUCHED) and not has_aggregate(operand)


def _are_alike(one: Expression, other: Expression) -> bool:
    """Whether both are written down, as texts or as numbers."""
    return (
        isinstance(one, exp.Literal) and isinstance(other, exp.Literal) and one.is_string == other.is_string
    )


def _is_number(operand: Expression) -> bool:
    return isinstance(operand, exp.Literal) and not operand.is_string
