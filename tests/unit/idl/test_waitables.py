"""Waitable messages in literals: found wherever they stand, and replaced there."""

import msgspec
import pytest

from elevon.errors import UserError
from elevon.idl import json_values, literal_types, literals, waitables
from elevon.idl.messages import Literal, LiteralMap, SimpleType, WorkflowExecution
from elevon.idl.waitables import Waitable


def waitable(name: str, phase: str = "UNDEFINED") -> Waitable:
    made = Waitable(phase=phase)
    made.wf_exec_id.project, made.wf_exec_id.domain, made.wf_exec_id.name = "p", "d", name
    return made


def generic(plain: dict) -> Literal:
    made = Literal()
    made.scalar.generic.update(plain)
    return made


def packed(plain: object) -> Literal:
    return literals.msgpack(msgspec.msgpack.encode(plain))


def found_in(**inputs: Literal) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    waitables.visited(
        literals.literal_map(inputs), lambda place, one: found.append((place, one.wf_exec_id.name))
    )
    return found


def ended(_place: str, one: Waitable) -> Waitable:
    return waitable(one.wf_exec_id.name, "SUCCEEDED")


def test_they_are_found_wherever_they_stand():
    one = waitables.to_literal
    assert found_in(
        alone=one(waitable("a")),
        some=literals.collection([one(waitable("b")), literals.mapping({"k": one(waitable("c"))})]),
        either=literals.union(one(waitable("d")), waitables.literal_type()),
        inside=generic({"title": "x", "runs": [{"wfExecId": {"name": "e"}}, 7]}),
        packed=packed({"upstream": {"wf_exec_id": {"name": "f"}, "phase": "RUNNING"}, "at": b"\x00"}),
    ) == [
        ("alone", "a"),
        ("either", "d"),
        ("inside.runs[0]", "e"),
        ("packed.upstream", "f"),
        ("some[0]", "b"),
        ("some[1]['k']", "c"),
    ]


@pytest.mark.parametrize(
    "literal",
    [
        literals.string("nightly"),
        literals.none(),
        generic({"name": "a"}),
        generic({"wfExecId": {"name": "a"}, "colour": "red"}),
        packed([1, "wfExecId"]),
        literals.msgpack(b"\xc1 wfExecId"),
    ],
    ids=["text", "none", "another struct", "another field", "a list of data", "damaged"],
)
def test_what_is_something_else_is_passed_over(literal):
    assert found_in(x=literal) == []


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        ({"wfExecId": {"name": "a"}, "phase": "DONE"}, r"x\[0\]: Waitable.phase must be one of UNDEFINED, "),
        ({"wfExecId": {"name": 7}}, r"x\[0\]: Waitable.wf_exec_id.name must be text, got 7"),
        ({"wfExecId": {"project": "p"}}, r"x\[0\]: Waitable.wf_exec_id.name is empty"),
    ],
)
def test_one_with_a_wrong_field_is_refused_with_its_place(plain, sentence):
    with pytest.raises(UserError, match=sentence):
        found_in(x=literals.collection([generic(plain)]))


def test_each_is_replaced_in_the_form_in_which_it_came_and_nothing_else_is():
    inputs = literals.literal_map(
        {
            "alone": waitables.to_literal(waitable("a")),
            "inside": packed({"n": 1, "run": {"wfExecId": {"name": "b"}}}),
            "beside": generic({"ratio": 0.5}),
        }
    )
    before = inputs.SerializeToString(deterministic=True)
    made = waitables.visited(inputs, ended)
    assert inputs.SerializeToString(deterministic=True) == before
    id_ = {"project": "p", "domain": "d", "name": "a"}
    alone = literals.plain_of(made.literals["alone"].scalar.generic)
    assert alone == {"wfExecId": id_, "phase": "SUCCEEDED"}
    inside = msgspec.msgpack.decode(made.literals["inside"].scalar.binary.value)
    assert inside == {"n": 1, "run": {"wfExecId": {**id_, "name": "b"}, "phase": "SUCCEEDED"}}
    assert made.literals["beside"] == inputs.literals["beside"]


def test_a_visit_that_replaces_nothing_changes_no_byte():
    inputs = literals.literal_map({"a": packed({"runs": [{"wfExecId": {"name": "b"}}]})})
    assert waitables.visited(inputs, lambda _place, _one: None) == inputs
    assert waitables.visited(LiteralMap(), ended) == LiteralMap()


def test_both_spellings_and_numbers_are_read():
    for plain in (
        {"wfExecId": {"name": "a"}, "phase": "FAILED", "workflowId": "w"},
        {"wf_exec_id": {"name": "a"}, "phase": int(WorkflowExecution.FAILED), "workflow_id": "w"},
    ):
        made = waitables.of_plain(plain)
        assert made is not None
        assert (made.wf_exec_id.name, made.phase, made.workflow_id) == ("a", WorkflowExecution.FAILED, "w")
        assert waitables.has_ended(made)


def test_types_that_may_hold_one_are_told_from_those_that_never_do():
    one = waitables.literal_type()
    text, untyped = literal_types.simple(SimpleType.STRING), literal_types.msgpack_struct(None, None)
    other = literal_types.simple(SimpleType.STRUCT)
    other.metadata.update({"pb_type": "flyteidl.core.tasks_pb2.Container"})
    for kind in (
        one,
        untyped,
        literal_types.collection_of(one),
        literal_types.map_of(literal_types.collection_of(one)),
        literal_types.union_of([text, one]),
        literal_types.msgpack_struct({}, {"n": text, "run": one}),
    ):
        assert waitables.may_hold(kind)
    for kind in (
        text,
        other,
        literal_types.collection_of(text),
        literal_types.union_of([text]),
        literal_types.msgpack_struct({}, {"n": text}),
        literal_types.blob(),
    ):
        assert not waitables.may_hold(kind)
    assert literal_types.describe(one) == "Waitable"


def test_by_its_literal_type_alone_a_person_writes_an_id_or_the_message():
    kind = literal_types.collection_of(waitables.literal_type())
    made = json_values.from_json(["a", "p:d:b", {"wfExecId": {"name": "c"}, "phase": "FAILED"}], kind)
    assert json_values.to_json(made) == [
        {"wfExecId": {"name": "a"}},
        {"wfExecId": {"project": "p", "domain": "d", "name": "b"}},
        {"wfExecId": {"name": "c"}, "phase": "FAILED"},
    ]
    with pytest.raises(UserError, match=r"item 0: expected Waitable \(the id of an execution\), got 7"):
        json_values.from_json([7], kind)
