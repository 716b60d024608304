"""Waitables in annotations: their form on the wire, and what a person may write for one."""

from dataclasses import dataclass, field

import pytest

from elevon.errors import UserError
from elevon.idl import literals, waitables
from elevon.idl.messages import WorkflowExecution
from elevon.records.phases import ExecutionPhase
from elevon.sdk import types
from elevon.sdk.files import IN_PLACE
from elevon.sdk.types import Waitable

RUN = Waitable("nightly", "p", "d", ExecutionPhase.FAILED, "flows.nightly")


@dataclass
class Batch:
    title: str
    runs: list[Waitable] = field(default_factory=list)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (RUN, Waitable),
        (Waitable("nightly"), Waitable),
        ([RUN, Waitable("b")], list[Waitable]),
        ({"a": [RUN]}, dict[str, list[Waitable]]),
        (None, Waitable | None),
        (RUN, Waitable | None),
        (Batch("x", [RUN]), Batch),
    ],
)
def test_values_come_back_as_they_went(value, annotation):
    literal = types.to_literal(value, annotation, IN_PLACE)
    assert types.to_python(literal, annotation, IN_PLACE) == value


def test_it_is_flyteidls_message_in_a_struct():
    literal = types.to_literal(RUN, Waitable, IN_PLACE)
    assert literals.plain_of(literal.scalar.generic) == {
        "wfExecId": {"project": "p", "domain": "d", "name": "nightly"},
        "phase": "FAILED",
        "workflowId": "flows.nightly",
    }
    assert types.literal_type_of(Waitable) == waitables.literal_type()


@pytest.mark.parametrize(
    ("wire", "phase"),
    [
        (WorkflowExecution.UNDEFINED, None),
        (WorkflowExecution.SUCCEEDING, ExecutionPhase.RUNNING),
        (WorkflowExecution.TIMED_OUT, ExecutionPhase.FAILED),
        (WorkflowExecution.ABORTED, ExecutionPhase.ABORTED),
    ],
)
def test_phases_that_only_the_wire_has_are_read_as_what_they_come_to(wire, phase):
    message = waitables.Waitable(phase=wire)
    message.wf_exec_id.name = "a"
    assert types.to_python(waitables.to_literal(message), Waitable, IN_PLACE) == Waitable("a", phase=phase)


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("nightly-42", Waitable, Waitable("nightly-42")),
        ("p:d:nightly", Waitable, Waitable("nightly", "p", "d")),
        ('{"wfExecId": {"name": "a"}, "phase": "SUCCEEDED"}', Waitable, Waitable("a", phase="SUCCEEDED")),
        ('["a", "p:d:b", {"wfExecId": {"name": "c"}}]', list[Waitable], None),
        ("null", Waitable | None, None),
    ],
)
def test_a_person_writes_an_id_or_json(text, annotation, value):
    if annotation == list[Waitable]:
        value = [Waitable("a"), Waitable("b", "p", "d"), Waitable("c")]
    assert types.from_text(text, annotation) == value


@pytest.mark.parametrize("text", ["", "a:b", "a::b", ":", "a:b:c:d", "a b", "p:d d:n", " : : "])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(UserError, match="is no id of an execution: write NAME, or PROJECT:DOMAIN:NAME"):
        types.from_text(text, Waitable)


@pytest.mark.parametrize("value", [7, ["a"], {"name": "a"}, {"wfExecId": {"name": "a"}, "x": 1}])
def test_json_of_another_form_is_refused(value):
    with pytest.raises(UserError, match="expected Waitable"):
        types.from_json(value, Waitable)


def test_a_value_of_another_type_is_refused():
    with pytest.raises(UserError, match=r"got 'nightly': refer to an execution by Waitable\('nightly'\)"):
        types.to_literal("nightly", Waitable, IN_PLACE)
    with pytest.raises(UserError, match=r"expected Waitable \(the id of an execution\), got 7"):
        types.to_literal(7, Waitable, IN_PLACE)
    with pytest.raises(UserError, match="got a literal of kind string_value"):
        types.to_python(literals.string("nightly"), Waitable, IN_PLACE)


def test_one_that_names_nothing_or_a_phase_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"Waitable\(''\) names no execution"):
        Waitable("")
    for parts in (("a b",), ("a\tb",), ("a\u2003b",), ("a", "p\n"), ("a", "p", "d ")):
        with pytest.raises(UserError, match="is no id of an execution: it has spaces"):
            Waitable(*parts)
    with pytest.raises(UserError, match=r"phase='DONE' of Waitable\('a'\) is none: use one of QUEUED, "):
        Waitable("a", phase="DONE")


def test_it_says_how_its_execution_ended():
    assert (RUN.has_ended, RUN.has_succeeded, str(RUN)) == (True, False, "p:d:nightly")
    assert not Waitable("a", phase=ExecutionPhase.RUNNING).has_ended
    assert Waitable("a", phase=ExecutionPhase.SUCCEEDED).has_succeeded
    assert str(Waitable("a")) == "a"
