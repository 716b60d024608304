"""Bindings resolve to the literals that Flyte would resolve them to, or say what is missing and where."""

import msgspec
import pytest
from google.protobuf import json_format

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import (
    Binding,
    BindingData,
    BindingDataCollection,
    BindingDataMap,
    Literal,
    LiteralMap,
    OutputReference,
    PromiseAttribute,
    Scalar,
    Struct,
)
from elevon.propeller.machine import bindings

USER = literals.msgpack(
    msgspec.msgpack.encode({"name": "Ada", "tags": ["a", "b"], "scores": {"7": 1}, 3: "three"})
)
OUTPUTS = {
    "": {"x": literals.integer(1)},
    "n0": {
        "o0": literals.integer(42),
        "list": literals.collection([literals.integer(10), literals.integer(20)]),
        "map": literals.mapping({"deep": literals.collection([USER])}),
        "user": USER,
        "json": Literal(scalar=Scalar(generic=json_format.ParseDict({"a": {"b": [True]}}, Struct()))),
    },
}


def outputs_of(node_id: str) -> LiteralMap:
    return literals.literal_map(OUTPUTS[node_id])


def promise(node_id: str, var: str, *path: str | int) -> BindingData:
    steps = [
        PromiseAttribute(int_value=step) if isinstance(step, int) else PromiseAttribute(string_value=step)
        for step in path
    ]
    return BindingData(promise=OutputReference(node_id=node_id, var=var, attr_path=steps))


def resolve(data: BindingData) -> Literal:
    return bindings.resolve([Binding(var="a", binding=data)], outputs_of).literals["a"]


def decoded(literal: Literal) -> object:
    assert literal.scalar.binary.tag == "msgpack"
    return msgspec.msgpack.decode(literal.scalar.binary.value)


@pytest.mark.parametrize("node_id", ["", "start-node"])
def test_a_promise_of_no_node_is_an_input_of_the_workflow(node_id: str) -> None:
    assert resolve(promise(node_id, "x")) == literals.integer(1)


def test_each_variable_gets_its_own_literal() -> None:
    constant = BindingData(scalar=Scalar(none_type=literals.none().scalar.none_type))
    made = bindings.resolve(
        [Binding(var="a", binding=promise("n0", "o0")), Binding(var="b", binding=constant)], outputs_of
    )
    assert made == literals.literal_map({"a": literals.integer(42), "b": literals.none()})


def test_lists_and_maps_are_put_together_from_constants_and_promises() -> None:
    constant = BindingData(scalar=literals.string("s").scalar)
    items = BindingData(collection=BindingDataCollection(bindings=[constant, promise("n0", "o0")]))
    data = BindingData(map=BindingDataMap(bindings={"items": items, "x": promise("", "x")}))
    assert resolve(data) == literals.mapping(
        {"items": literals.collection([literals.string("s"), literals.integer(42)]), "x": literals.integer(1)}
    )


def test_an_empty_list_stays_a_list() -> None:
    assert resolve(BindingData(collection=BindingDataCollection())) == literals.collection([])


def test_a_path_leads_into_lists_and_maps_of_literals() -> None:
    assert resolve(promise("n0", "list", 1)) == literals.integer(20)
    assert resolve(promise("n0", "list", -2)) == literals.integer(10)
    assert resolve(promise("n0", "map", "deep", 0)) == USER


def test_an_attribute_of_a_struct_stays_msgpack() -> None:
    assert decoded(resolve(promise("n0", "user", "name"))) == "Ada"
    assert decoded(resolve(promise("n0", "user", "tags", 1))) == "b"
    assert decoded(resolve(promise("n0", "user", "scores", 7))) == 1
    assert decoded(resolve(promise("n0", "user", 3))) == "three"
    assert decoded(resolve(promise("n0", "map", "deep", 0, "tags"))) == ["a", "b"]
    assert decoded(resolve(promise("n0", "json", "a", "b", 0))) is True


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (promise("n0", "nope"), "output 'nope' of node 'n0', to which 'a' is bound, is missing"),
        (promise("", "y"), "workflow input 'y', to which 'a' is bound, is missing"),
        (
            promise("n0", "list", 2),
            "output 'list' of node 'n0', to which 'a' is bound, has nothing at [2]: the list has 2 items",
        ),
        (
            promise("n0", "list", "k"),
            "output 'list' of node 'n0', to which 'a' is bound, has nothing at ['k']: a list is indexed by numbers",
        ),
        (
            promise("n0", "map", "deep", 0, "tags", 5),
            (
                "output 'map' of node 'n0', to which 'a' is bound, has nothing at ['deep'][0]['tags'][5]: "
                "the list has 2 items"
            ),
        ),
        (
            promise("n0", "map", 3),
            "output 'map' of node 'n0', to which 'a' is bound, has nothing at ['3']: there are 'deep'",
        ),
        (
            promise("n0", "user", "nope"),
            (
                "output 'user' of node 'n0', to which 'a' is bound, has nothing at ['nope']: "
                "there are '3', 'name', 'scores', 'tags'"
            ),
        ),
        (
            promise("n0", "user", "name", 0),
            (
                "output 'user' of node 'n0', to which 'a' is bound, has nothing at ['name'][0]: "
                "a value of type str has no parts"
            ),
        ),
        (
            promise("n0", "o0", 0),
            (
                "output 'o0' of node 'n0', to which 'a' is bound, has nothing at [0]: "
                "a literal of kind integer has no parts"
            ),
        ),
        (BindingData(), "the binding of 'a' is empty: bind a value or an output of a node"),
    ],
)
def test_what_is_missing_is_named_with_its_place(data: BindingData, sentence: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        resolve(data)
    assert str(caught.value) == sentence


def test_asking_for_a_missing_key_does_not_make_it() -> None:
    outputs = outputs_of("n0")
    with pytest.raises(errors.UserError):
        bindings.resolve([Binding(var="a", binding=promise("n0", "map", "nope"))], lambda _: outputs)
    assert outputs == outputs_of("n0")


@pytest.mark.parametrize(
    ("literal", "sentence"),
    [
        (literals.msgpack(b"\xc1"), "holds no valid msgpack"),
        (
            Literal(scalar={"binary": {"value": b"", "tag": "cbor"}}),
            "nothing at ['k']: bytes tagged 'cbor' have no parts",
        ),
    ],
)
def test_bytes_that_are_no_struct_have_no_attributes(literal: Literal, sentence: str) -> None:
    with pytest.raises(errors.UserError, match=sentence.replace("[", r"\[")):
        bindings.attribute(literal, [PromiseAttribute(string_value="k")])
