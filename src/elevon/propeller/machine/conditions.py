"""Which arm of a branch runs.

It owns what a comparison means between any two values that a condition may name. It must never run anything: it
answers with the node of the arm, or with the failure that the branch ends in.
"""

import operator
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import (
    BooleanExpression,
    ComparisonExpression,
    ConjunctionExpression,
    IfBlock,
    IfElseBlock,
    Literal,
    LiteralMap,
    Node,
    Operand,
    Scalar,
)
from elevon.records.failures import Failure

FAILED_CODE = "USER:BranchFailed"
UNMATCHED_CODE = "USER:BranchUnmatched"

Value = int | float | bool | str | datetime | timedelta | None

_COMPARISONS: dict[int, tuple[str, Callable[[Any, Any], bool]]] = {
    ComparisonExpression.EQ: ("==", operator.eq),
    ComparisonExpression.NEQ: ("!=", operator.ne),
    ComparisonExpression.GT: (">", operator.gt),
    ComparisonExpression.GTE: (">=", operator.ge),
    ComparisonExpression.LT: ("<", operator.lt),
    ComparisonExpression.LTE: ("<=", operator.le),
}


def decide(branch: IfElseBlock, inputs: LiteralMap) -> Node | Failure:
    """The node of the first arm whose condition holds, or of the else arm.

    Args:
        branch: Conditions and arms.
        inputs: The branch node's inputs, resolved: the variables that the conditions name.

    Returns:
        A node, or why the branch fails: its else arm is an error, or it has none and no condition holds.

    Raises:
        UserError: A condition names no input, or compares what can't be compared.
    """
    for block in _blocks_of(branch):
        if is_true(block.condition, inputs):
            return block.then_node
    match branch.WhichOneof("default"):
        case "else_node":
            return branch.else_node
        case "error":
            message = branch.error.message or "the else arm of the branch fails"
            return Failure(
                code=FAILED_CODE, message=message, kind=errors.ErrorKind.USER, is_recoverable=False
            )
        case _:
            message = "no condition of the branch holds and it has no else arm: add else_()"
            return Failure(
                code=UNMATCHED_CODE, message=message, kind=errors.ErrorKind.USER, is_recoverable=False
            )


def is_true(expression: BooleanExpression, inputs: LiteralMap) -> bool:
    """Whether the expression holds; the right side of a conjunction is read only when it matters.

    Raises:
        UserError: It is empty, names no input, or compares what can't be compared.
    """
    match expression.WhichOneof("expr"):
        case "comparison":
            return _compare(expression.comparison, inputs)
        case "conjunction":
            conjunction = expression.conjunction
            left = is_true(conjunction.left_expression, inputs)
            if left == (conjunction.operator == ConjunctionExpression.OR):
                return left
            return is_true(conjunction.right_expression, inputs)
        case _:
            raise errors.UserError("a condition of the branch is empty: compare two values")


def _blocks_of(branch: IfElseBlock) -> Iterator[IfBlock]:
    yield branch.case
    yield from branch.other


def _compare(comparison: ComparisonExpression, inputs: LiteralMap) -> bool:
    left, right = _value_of(comparison.left_value, inputs), _value_of(comparison.right_value, inputs)
    if comparison.operator not in _COMPARISONS:
        raise errors.UserError(f"a condition of the branch has the unknown operator {comparison.operator}")
    spelled, compare = _COMPARISONS[comparison.operator]
    left, right = _aligned(left, right), _aligned(right, left)
    is_equality = comparison.operator in {ComparisonExpression.EQ, ComparisonExpression.NEQ}
    if _are_comparable(left, right) or (is_equality and (left is None or right is None)):
        return compare(left, right)
    raise errors.UserError(
        f"{_name_of(comparison.left_value)} {spelled} {_name_of(comparison.right_value)} can't be decided: "
        f"{_type_of(left)} and {_type_of(right)} do not compare"
    )


def _are_comparable(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    if isinstance(left, int | float):
        return isinstance(right, int | float)
    return left is not None and type(left) is type(right)


def _aligned(value: Value, other: Value) -> Value:
    """The value in the form of the other: inside a struct a datetime is ISO text, and a timedelta is seconds."""
    try:
        if isinstance(other, datetime) and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if isinstance(other, timedelta) and isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(seconds=value)
    except (ValueError, OverflowError):
        return value
    return value


def _value_of(operand: Operand, inputs: LiteralMap) -> Value:
    match operand.WhichOneof("val"):
        case "var":
            if operand.var not in inputs.literals:
                raise errors.UserError(
                    f"the condition names {operand.var!r}, which is no input of the branch"
                )
            literal = inputs.literals[operand.var]
        case "primitive":
            literal = Literal(scalar=Scalar(primitive=operand.primitive))
        case "scalar":
            literal = Literal(scalar=operand.scalar)
        case _:
            raise errors.UserError("one side of a comparison is empty: name an input or give a value")
    return _primitive_of(literal, _name_of(operand))


def _primitive_of(literal: Literal, name: str) -> Value:
    while (kind := literals.kind_of(literal)) == "union":
        literal = literal.scalar.union.value
    try:
        match kind:
            case "none_type":
                return None
            case "datetime":
                return literals.instant_of(literal)
            case "duration":
                return literals.duration_of(literal)
            case "integer" | "float_value" | "string_value" | "boolean":
                return getattr(literal.scalar.primitive, kind)
            case "binary" if literal.scalar.binary.tag == literals.MSGPACK_TAG:
                return msgspec.msgpack.decode(
                    literal.scalar.binary.value, type=int | float | str | bool | None
                )
            case _:
                reason = f"a literal of kind {kind or 'none'} is no single value"
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        reason = str(error)
    raise errors.UserError(f"{name} can't be compared: {reason}")


def _name_of(operand: Operand) -> str:
    return repr(operand.var) if operand.WhichOneof("val") == "var" else "the constant"


def _type_of(value: Value) -> str:
    return "None" if value is None else type(value).__name__
