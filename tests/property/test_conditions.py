"""Conditions of workflows mean on the wire what they mean in Python."""

import operator
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from elevon import Workflow, if_, not_
from elevon.idl import messages
from elevon.sdk import graphs

NAMES = ("a", "b", "c")
COMPARISONS = (operator.eq, operator.ne, operator.gt, operator.ge, operator.lt, operator.le)
WIRE: dict[int, Callable[[int, int], bool]] = {
    messages.ComparisonExpression.EQ: operator.eq,
    messages.ComparisonExpression.NEQ: operator.ne,
    messages.ComparisonExpression.GT: operator.gt,
    messages.ComparisonExpression.GTE: operator.ge,
    messages.ComparisonExpression.LT: operator.lt,
    messages.ComparisonExpression.LTE: operator.le,
}
Condition = Callable[[dict[str, Any]], Any]
numbers = st.integers(-3, 3)
names = st.sampled_from(NAMES)


def comparison(
    name: str, compare: Callable[[Any, Any], Any], other: int | str, *, is_turned: bool
) -> Condition:
    def condition(values: dict[str, Any]) -> Any:
        right = values[other] if isinstance(other, str) else other
        return compare(right, values[name]) if is_turned else compare(values[name], right)

    return condition


def joined(join: Callable[[Any, Any], Any], left: Condition, right: Condition) -> Condition:
    return lambda values: join(left(values), right(values))


def opposite(inner: Condition) -> Condition:
    return lambda values: not_(inner(values))


conditions = st.recursive(
    st.builds(
        comparison, names, st.sampled_from(COMPARISONS), st.one_of(numbers, names), is_turned=st.booleans()
    ),
    lambda inner: st.one_of(
        st.builds(joined, st.sampled_from([operator.and_, operator.or_]), inner, inner),
        st.builds(opposite, inner),
    ),
    max_leaves=8,
)


def evaluate(expression: messages.BooleanExpression, values: dict[str, int]) -> bool:
    if expression.HasField("conjunction"):
        left = evaluate(expression.conjunction.left_expression, values)
        right = evaluate(expression.conjunction.right_expression, values)
        is_and = expression.conjunction.operator == messages.ConjunctionExpression.AND
        return (left and right) if is_and else (left or right)
    found = expression.comparison

    def value(operand: messages.Operand) -> int:
        return values[operand.var.removeprefix(".")] if operand.HasField("var") else operand.primitive.integer

    return WIRE[found.operator](value(found.left_value), value(found.right_value))


@given(condition=conditions, values=st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)))
def test_a_recorded_condition_decides_as_python_does(condition: Condition, values: dict[str, int]) -> None:
    def flow(a: int, b: int, c: int) -> int:
        return if_(condition({"a": a, "b": b, "c": c}), lambda: 1).else_(lambda: 2)

    target = Workflow(flow).body.nodes[0].target
    assert isinstance(target, graphs.Branch)
    recorded = target.cases[0].condition
    assert recorded is not None
    assert evaluate(recorded, values) is bool(condition(values))
