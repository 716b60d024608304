"""The conditions of branches: whether what they compare is bound, and compares.

It owns the types of operands. It must never evaluate a condition: that is the engine's.
"""

from elevon.compiler import binding_types
from elevon.compiler.problems import Code, Place, Report
from elevon.idl import literal_types
from elevon.idl.messages import (
    BooleanExpression,
    ComparisonExpression,
    LiteralType,
    Operand,
    Scalar,
    SimpleType,
)
from elevon.primitives import suggestions

SPELLED = {
    ComparisonExpression.EQ: "==",
    ComparisonExpression.NEQ: "!=",
    ComparisonExpression.GT: ">",
    ComparisonExpression.GTE: ">=",
    ComparisonExpression.LT: "<",
    ComparisonExpression.LTE: "<=",
}
_EQUALITIES = {ComparisonExpression.EQ, ComparisonExpression.NEQ}
_NUMBERS = {SimpleType.INTEGER, SimpleType.FLOAT}
_COMPARABLE = {
    *_NUMBERS,
    SimpleType.STRING,
    SimpleType.BOOLEAN,
    SimpleType.DATETIME,
    SimpleType.DURATION,
}


class ConditionCheck:
    """Checks the conditions of one branch.

    Args:
        report: Takes the problems.
        place: The branch node.
        inputs: Type of each input of the branch node; an input of unknown type compares with everything.
    """

    def __init__(self, report: Report, place: Place, inputs: dict[str, LiteralType | None]) -> None:
        self._report = report
        self._place = place
        self._inputs = inputs

    def check(self, expression: BooleanExpression) -> None:
        """Report what is wrong with a condition."""
        match expression.WhichOneof("expr"):
            case "comparison":
                self._comparison(expression.comparison)
            case "conjunction":
                conjunction = expression.conjunction
                if conjunction.operator not in conjunction.LogicalOperator.values():
                    self._report.add(
                        Code.INVALID_VALUE,
                        self._place,
                        f"a condition has the unknown operator {conjunction.operator}",
                    )
                self.check(conjunction.left_expression)
                self.check(conjunction.right_expression)
            case _:
                self._report.add(Code.VALUE_REQUIRED, self._place, "a condition is empty: compare two values")

    def _comparison(self, comparison: ComparisonExpression) -> None:
        if comparison.operator not in SPELLED:
            self._report.add(
                Code.INVALID_VALUE, self._place, f"a condition has the unknown operator {comparison.operator}"
            )
            return
        operands = (comparison.left_value, comparison.right_value)
        if [operand for operand in operands if not self._is_bound(operand)]:
            return
        left, right = (self._type_of(operand) for operand in operands)
        if left is None or right is None:
            return
        is_equality = comparison.operator in _EQUALITIES
        if not any(_are_comparable(a, b, is_equality) for a in _kinds(left) for b in _kinds(right)):
            spelled = f"{_spell(operands[0])} {SPELLED[comparison.operator]} {_spell(operands[1])}"
            self._report.add(
                Code.MISMATCHING_TYPES,
                self._place,
                f"the condition {spelled} compares {literal_types.describe(left)} with "
                f"{literal_types.describe(right)}, which do not compare",
            )

    def _is_bound(self, operand: Operand) -> bool:
        kind = operand.WhichOneof("val")
        if kind is None:
            text = "one side of a comparison is empty: name an input or give a value"
            self._report.add(Code.VALUE_REQUIRED, self._place, text)
        elif kind == "var" and operand.var not in self._inputs:
            text = f"a condition names {operand.var!r}, which is no input of the branch: "
            text += suggestions.hint(operand.var, self._inputs)
            self._report.add(Code.VARIABLE_NAME_NOT_FOUND, self._place, text)
        else:
            return True
        return False

    def _type_of(self, operand: Operand) -> LiteralType | None:
        match operand.WhichOneof("val"):
            case "var":
                return self._inputs[operand.var]
            case "primitive":
                return binding_types.constant_type(Scalar(primitive=operand.primitive))
            case _:
                return binding_types.constant_type(operand.scalar)


def _spell(operand: Operand) -> str:
    return repr(operand.var) if operand.WhichOneof("val") == "var" else "a constant"


def _kinds(source: LiteralType) -> list[SimpleType | None]:
    """The simple types that a value of the type may have; None stands for one that has no order and no equality."""
    match source.WhichOneof("type"):
        case "simple":
            return [source.simple]
        case "enum_type":
            return [SimpleType.STRING]
        case "union_type":
            return [kind for variant in source.union_type.variants for kind in _kinds(variant)]
        case _:
            return [None]


def _are_comparable(left: SimpleType | None, right: SimpleType | None, is_equality: bool) -> bool:
    if SimpleType.NONE in {left, right}:
        return is_equality
    if left in _NUMBERS:
        return right in _NUMBERS
    return left in _COMPARABLE and left == right
