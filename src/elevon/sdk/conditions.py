"""Conditions on the wire: comparisons and conjunctions, with the promises that they read as a branch's inputs.

It owns the names of those inputs (`node.output`, as flytekit writes them). It must never evaluate anything.
"""

import datetime as dt
import enum
import types as python_types
import typing
from typing import Any

from elevon import errors
from elevon.idl import messages
from elevon.sdk import bindings, files, promises, types

_OPERATORS = {
    promises.Operator.EQ: messages.ComparisonExpression.EQ,
    promises.Operator.NE: messages.ComparisonExpression.NEQ,
    promises.Operator.GT: messages.ComparisonExpression.GT,
    promises.Operator.GE: messages.ComparisonExpression.GTE,
    promises.Operator.LT: messages.ComparisonExpression.LT,
    promises.Operator.LE: messages.ComparisonExpression.LTE,
}
_COMPARABLE = (bool, int, float, str, dt.datetime, dt.timedelta)
_EQUALITIES = (promises.Operator.EQ, promises.Operator.NE)


def to_expression(
    condition: promises.Condition, inputs: dict[str, messages.BindingData]
) -> messages.BooleanExpression:
    """A condition as the wire carries it.

    Args:
        condition: What was written.
        inputs: Bindings of the branch; what the condition reads is added.

    Raises:
        UserError: The two sides can't be compared.
    """
    match condition:
        case promises.Conjunction(word, left, right):
            operator = (
                messages.ConjunctionExpression.AND if word == "and" else messages.ConjunctionExpression.OR
            )
            conjunction = messages.ConjunctionExpression(
                operator=operator,
                left_expression=to_expression(left, inputs),
                right_expression=to_expression(right, inputs),
            )
            return messages.BooleanExpression(conjunction=conjunction)
        case promises.Comparison(operator, left, right):
            left, right = _aligned(condition, left, right)
            comparison = messages.ComparisonExpression(
                operator=_OPERATORS[operator],
                left_value=_operand(condition, left, inputs),
                right_value=_operand(condition, right, inputs),
            )
            return messages.BooleanExpression(comparison=comparison)
        case _:
            raise errors.BugError(f"{condition!r} is a condition of no known kind")


def _operand(
    condition: promises.Comparison, value: object, inputs: dict[str, messages.BindingData]
) -> messages.Operand:
    if promises.is_promise(value):
        origin = promises.reference(value)
        name = ".".join([origin.node_id, origin.var, *map(str, origin.path)])
        inputs[name] = messages.BindingData(promise=bindings.to_reference(origin))
        return messages.Operand(var=name)
    if value is None:
        return messages.Operand(scalar=messages.Scalar(none_type=messages.Void()))
    annotation = type(value)
    if not issubclass(annotation, (*_COMPARABLE, enum.Enum)):
        raise _incomparable(condition, annotation)
    literal = types.to_literal(value, annotation, files.IN_PLACE)
    return messages.Operand(primitive=literal.scalar.primitive)


def _aligned(condition: promises.Comparison, left: object, right: object) -> tuple[object, object]:
    """Both sides, an int beside a float made one; sides that can't be compared are refused."""
    left_type, right_type = _type_of(left), _type_of(right)
    if Any in (left_type, right_type):
        return left, right
    side: Any
    for side in (left_type, right_type):
        is_none = side is type(None)
        if (is_none and condition.operator not in _EQUALITIES) or not (
            is_none or (isinstance(side, type) and issubclass(side, (*_COMPARABLE, enum.Enum)))
        ):
            raise _incomparable(condition, side)
    if {left_type, right_type} == {int, float}:
        return (float(left) if type(left) is int else left), (float(right) if type(right) is int else right)
    if left_type is not right_type and type(None) not in (left_type, right_type):
        raise errors.UserError(
            f"the condition {condition} compares {left_type.__name__} with {right_type.__name__}: compare equal types"
        )
    return left, right


def _type_of(side: object) -> Any:
    if not promises.is_promise(side):
        return type(side)
    annotation = promises.reference(side).annotation
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, python_types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        return members[0] if len(members) == 1 else Any
    return annotation


def _incomparable(condition: promises.Comparison, annotation: Any) -> errors.UserError:
    name = getattr(annotation, "__name__", str(annotation))
    return errors.UserError(
        f"the condition {condition} compares {name}: only bool, int, float, str, datetime, timedelta, Enum and "
        "(for == and !=) None can be compared"
    )
