"""A branch takes the first arm whose condition holds, and says why when it can take none."""

import operator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from elevon import errors
from elevon.idl import literal_types, literals
from elevon.idl.messages import (
    BooleanExpression,
    ComparisonExpression,
    ConjunctionExpression,
    Error,
    IfBlock,
    IfElseBlock,
    Literal,
    Node,
    Operand,
    SimpleType,
)
from elevon.propeller.machine import conditions
from elevon.records.failures import Failure

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
OPERATORS = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
MADE = {int: literals.integer, float: literals.floating, str: literals.string, bool: literals.boolean}
MADE |= {datetime: literals.instant, timedelta: literals.duration}


def packed(value: object) -> Literal:
    return literals.msgpack(msgspec.msgpack.encode(value))


def operand(value: object) -> Operand:
    if value is None:
        return Operand(scalar=literals.none().scalar)
    return Operand(primitive=MADE[type(value)](value).scalar.primitive)


def comparison(left: Operand, name: str, right: Operand) -> BooleanExpression:
    return BooleanExpression(
        comparison=ComparisonExpression(left_value=left, operator=name, right_value=right)
    )


def constant(is_true: bool) -> BooleanExpression:
    return comparison(operand(1), "EQ", operand(1 if is_true else 2))


def conjunction(left: BooleanExpression, name: str, right: BooleanExpression) -> BooleanExpression:
    return BooleanExpression(
        conjunction=ConjunctionExpression(left_expression=left, operator=name, right_expression=right)
    )


def is_true(expression: BooleanExpression, **inputs: Literal) -> bool:
    return conditions.is_true(expression, literals.literal_map(inputs))


def arm(node_id: str, is_taken: bool) -> IfBlock:
    return IfBlock(condition=constant(is_taken), then_node=Node(id=node_id))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 2),
        (2, 2),
        (2, 1.5),
        (1.0, 1),
        ("a", "b"),
        (NOON, NOON + timedelta(1)),
        (timedelta(1), timedelta(1)),
    ],
)
def test_comparisons_mean_what_they_mean_in_python(name: str, left: object, right: object) -> None:
    assert is_true(comparison(operand(left), name, operand(right))) is OPERATORS[name](left, right)


@pytest.mark.parametrize(("value", "expected"), [(literals.none(), True), (literals.integer(0), False)])
def test_anything_may_be_compared_with_none(value: Literal, expected: bool) -> None:
    assert is_true(comparison(Operand(var="x"), "EQ", operand(None)), x=value) is expected
    assert is_true(comparison(Operand(var="x"), "NEQ", operand(None)), x=value) is not expected


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (literals.union(literals.integer(3), literal_types.simple(SimpleType.INTEGER)), 3),
        (packed(3), 3),
        (packed("a"), "a"),
        (packed(True), True),
        (packed("2026-07-01T12:00:00Z"), NOON),
        (packed("2026-07-01T12:00:00"), NOON),
        (packed(60), timedelta(minutes=1)),
    ],
    ids=lambda value: str(value)[:20].strip(),
)
def test_values_inside_unions_and_structs_compare_too(stored: Literal, value: object) -> None:
    assert is_true(comparison(Operand(var="x"), "EQ", operand(value)), x=stored)
    assert is_true(comparison(operand(value), "EQ", Operand(var="x")), x=stored)


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_conjunctions_mean_and_and_or(left: bool, right: bool) -> None:
    assert is_true(conjunction(constant(left), "AND", constant(right))) is (left and right)
    assert is_true(conjunction(constant(left), "OR", constant(right))) is (left or right)


def test_the_right_side_is_read_only_when_it_matters() -> None:
    missing = comparison(Operand(var="nope"), "EQ", operand(1))
    assert not is_true(conjunction(constant(False), "AND", missing))
    assert is_true(conjunction(constant(True), "OR", missing))


@pytest.mark.parametrize(("first", "second", "taken"), [(1, 1, "n0"), (0, 1, "n1"), (0, 0, "n2")])
def test_the_first_arm_whose_condition_holds_is_taken(first: bool, second: bool, taken: str) -> None:
    branch = IfElseBlock(case=arm("n0", first), other=[arm("n1", second)], else_node=Node(id="n2"))
    assert conditions.decide(branch, literals.literal_map({})) == Node(id=taken)


def test_an_else_arm_that_fails_gives_its_own_message() -> None:
    branch = IfElseBlock(case=arm("n0", is_taken=False), error=Error(message="x is too small"))
    assert conditions.decide(branch, literals.literal_map({})) == Failure(
        code="USER:BranchFailed", message="x is too small", kind=errors.ErrorKind.USER, is_recoverable=False
    )


def test_a_branch_without_else_fails_when_nothing_holds() -> None:
    failure = conditions.decide(IfElseBlock(case=arm("n0", is_taken=False)), literals.literal_map({}))
    assert isinstance(failure, Failure)
    assert failure.message == "no condition of the branch holds and it has no else arm: add else_()"


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            comparison(Operand(var="x"), "LT", operand("a")),
            "'x' < the constant can't be decided: int and str do not compare",
        ),
        (
            comparison(Operand(var="x"), "GTE", operand(None)),
            "'x' >= the constant can't be decided: int and None do not compare",
        ),
        (
            comparison(Operand(var="x"), "EQ", operand(True)),
            "'x' == the constant can't be decided: int and bool do not compare",
        ),
        (
            comparison(Operand(var="nope"), "EQ", operand(1)),
            "the condition names 'nope', which is no input of the branch",
        ),
        (
            comparison(Operand(var="list"), "EQ", operand(1)),
            "'list' can't be compared: a literal of kind collection is no single value",
        ),
        (
            comparison(Operand(), "EQ", operand(1)),
            "one side of a comparison is empty: name an input or give a value",
        ),
        (BooleanExpression(), "a condition of the branch is empty: compare two values"),
    ],
)
def test_what_can_not_be_decided_is_said(expression: BooleanExpression, sentence: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        is_true(expression, x=literals.integer(1), list=literals.collection([]))
    assert str(caught.value) == sentence
