"""Identifiers and interfaces."""

import pytest

from elevon.errors import UserError
from elevon.idl import identifiers, interfaces, literal_types
from elevon.idl.messages import Identifier, Parameter, ResourceType, SimpleType


@pytest.mark.parametrize(
    "identifier",
    [
        identifiers.task("module.name", "v1"),
        identifiers.workflow("w", "v:with:colons", project="p", domain="d"),
        identifiers.launch_plan("l", ""),
    ],
)
def test_an_identifier_is_read_from_its_line(identifier: Identifier):
    assert identifiers.parse(identifiers.spell(identifier)) == identifier


def test_the_line_of_an_identifier_names_everything():
    assert identifiers.spell(identifiers.task("n", "v", project="p", domain="d")) == "task:p:d:n:v"


@pytest.mark.parametrize("text", ["", "task:a:b", "robot:p:d:n:v"])
def test_a_line_of_another_form_is_refused(text: str):
    with pytest.raises(UserError, match="task:PROJECT:DOMAIN:NAME:VERSION"):
        identifiers.parse(text)


def test_an_attempt_is_identified_by_execution_node_and_number():
    node = identifiers.node_execution(identifiers.execution("e"), "n0")
    attempt = identifiers.task_execution(identifiers.task("t", "v"), node, 2)
    assert (attempt.node_execution_id.execution_id.name, attempt.node_execution_id.node_id) == ("e", "n0")
    assert (attempt.task_id.resource_type, attempt.retry_attempt) == (ResourceType.TASK, 2)


def test_parameters_keep_their_defaults():
    integer = interfaces.variable(literal_types.simple(SimpleType.INTEGER))
    made = interfaces.parameters({"n": Parameter(var=integer, required=True)})
    assert made.parameters["n"].required
