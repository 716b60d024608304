"""Inputs are judged on literals: everything that is wrong with them is said at once."""

import pytest

from elevon import errors
from elevon.admin import inputs
from elevon.idl import literal_types, literals, workflow_names
from elevon.idl.messages import Literal, LiteralType, Parameter, ParameterMap, SimpleType, Variable

INT = literal_types.simple(SimpleType.INTEGER)
STR = literal_types.simple(SimpleType.STRING)


def parameters(**types: LiteralType | Literal) -> ParameterMap:
    """A parameter for each name: required with a type, optional with a default."""
    return ParameterMap(
        parameters={
            name: Parameter(var=Variable(type=INT), default=given)
            if isinstance(given, Literal)
            else Parameter(var=Variable(type=given), required=True)
            for name, given in types.items()
        }
    )


def test_a_task_that_runs_alone_is_called_as_the_task() -> None:
    around = workflow_names.around("sales.tax")
    with pytest.raises(errors.UserError, match=r"^sales\.tax can't start: input 'count' \(int\) is missing$"):
        inputs.complete(around, parameters(count=INT), {})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wanted = parameters(count=INT, name=STR, path=STR, size=INT)
    with pytest.raises(errors.UserError) as caught:
        inputs.complete(
            "flow",
            wanted,
            {"name": literals.integer(1), "nam": literals.string("x"), "size": literals.integer(1)},
            {"path": "there is no file"},
        )
    assert str(caught.value) == (
        "flow can't start: there is no input 'nam': did you mean 'name'?; "
        "input 'name': expected str, got integer; input 'path': there is no file; "
        "input 'count' (int) is missing"
    )


def test_defaults_stand_in_for_what_is_not_given() -> None:
    completed = inputs.complete(
        "flow", parameters(a=literals.integer(1), b=literals.integer(2)), {"b": literals.integer(3)}
    )
    assert completed == literals.literal_map({"a": literals.integer(1), "b": literals.integer(3)})


def test_a_workflow_without_inputs_says_so() -> None:
    with pytest.raises(errors.UserError, match="there is no input 'x': there are none"):
        inputs.complete("flow", ParameterMap(), {"x": literals.integer(1)})


@pytest.mark.parametrize(
    ("literal", "literal_type", "is_fitting"),
    [
        (literals.collection([literals.integer(1)]), literal_types.collection_of(INT), True),
        (literals.collection([literals.integer(1)]), literal_types.collection_of(STR), False),
        (literals.integer(1), literal_types.collection_of(INT), False),
        (literals.mapping({"a": literals.integer(1)}), literal_types.map_of(INT), True),
        (literals.mapping({"a": literals.string("1")}), literal_types.map_of(INT), False),
        (literals.string("red"), literal_types.enum_of(["red"]), True),
        (literals.string("blue"), literal_types.enum_of(["red"]), False),
        (literals.union(literals.integer(1), INT), literal_types.union_of([STR, INT]), True),
        (literals.integer(1), literal_types.union_of([STR, INT]), True),
        (literals.boolean(True), literal_types.union_of([STR, INT]), False),
        (literals.blob("/a"), literal_types.blob(), True),
        (literals.blob("/a", is_multipart=True), literal_types.blob(), False),
        (literals.blob("/a", file_format="csv"), literal_types.blob(file_format="txt"), False),
        (literals.integer(1), literal_types.simple(SimpleType.FLOAT), True),
        (literals.floating(1.0), INT, False),
        (literals.none(), literal_types.simple(SimpleType.NONE), True),
        (literals.msgpack(b"\x80"), literal_types.msgpack_struct(None, None), True),
        (Literal(), INT, False),
    ],
)
def test_a_literal_fits_its_type_by_shape(
    literal: Literal, literal_type: LiteralType, *, is_fitting: bool
) -> None:
    assert inputs.is_fitting(literal, literal_type) is is_fitting
