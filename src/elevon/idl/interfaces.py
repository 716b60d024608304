"""Typed interfaces: what a task or a workflow takes and gives.

It owns the order of outputs. A protobuf map has no order, so the position of an output that Python code unpacks by
position stands in its description, as flytekit writes it for inputs without a description.
"""

from collections.abc import Mapping

from elevon.idl.messages import LiteralType, Parameter, ParameterMap, TypedInterface, Variable


def variable(literal_type: LiteralType, description: str = "") -> Variable:
    """One input or output."""
    return Variable(type=literal_type, description=description)


def typed_interface(inputs: Mapping[str, Variable], outputs: Mapping[str, Variable]) -> TypedInterface:
    """The interface; both sides are present even when they are empty, as flytekit writes it."""
    made = TypedInterface()
    made.inputs.SetInParent()
    made.outputs.SetInParent()
    for name, item in inputs.items():
        made.inputs.variables[name].CopyFrom(item)
    for name, item in outputs.items():
        made.outputs.variables[name].CopyFrom(item)
    return made


def parameters(items: Mapping[str, Parameter]) -> ParameterMap:
    """The inputs of a launch plan with their defaults."""
    made = ParameterMap()
    for name, item in items.items():
        made.parameters[name].CopyFrom(item)
    return made


def required(interface: TypedInterface) -> ParameterMap:
    """The inputs of a launch plan that has no defaults."""
    variables = interface.inputs.variables
    return parameters({name: Parameter(var=item, required=True) for name, item in variables.items()})
