"""The running of user code on literals or on plain values, with every value checked against its annotation.

It owns the round trip that makes a plain function call behave as the engine does: what can't travel fails here too.
It must never decide about retries.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from elevon import errors
from elevon.idl import messages
from elevon.sdk import contexts, definitions, files, interfaces, tracing, types

Made: TypeAlias = messages.LiteralMap | messages.DynamicJobSpec


def run(
    site: definitions.Site,
    interface: interfaces.Interface,
    function: Callable[..., Any],
    inputs: messages.LiteralMap,
    context: contexts.ExecutionContext,
) -> Made:
    """Run a function on literals.

    Returns:
        Its outputs, or the futures that it returned.

    Raises:
        UserError: An input is missing or unreadable, or an output is not of its type.
        Exception: Whatever the function raises.
    """
    store = files.FolderFiles(context.raw_output_prefix)
    values = {
        name: _read(site, parameter, inputs.literals[name], store)
        for name, parameter in interface.inputs.items()
        if name in inputs.literals
    }
    missing = [
        name
        for name, parameter in interface.inputs.items()
        if name not in values and parameter.default is interfaces.ABSENT
    ]
    if missing:
        raise site.error(f"was started without {', '.join(missing)}")
    with tracing.recording(None), contexts.entered(context):
        result = function(**values)
    if isinstance(result, messages.DynamicJobSpec):
        return result
    outputs = interface.unpack(site, result)
    return messages.LiteralMap(
        literals={
            name: _write(site, "output", parameter, outputs[name], store)
            for name, parameter in interface.outputs.items()
        }
    )


def call(
    site: definitions.Site,
    interface: interfaces.Interface,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
) -> Any:
    """Run a function on plain values, as a call would, in a context of its own.

    Raises:
        UserError: A value is not of its type, or the function returned futures, which only an engine can run.
        Exception: Whatever the function raises.
    """
    with contexts.local(site.full_name) as context:
        outputs = run(site, interface, function, to_literals(site, interface, arguments), context)
    if isinstance(outputs, messages.DynamicJobSpec):
        raise site.error("goes on as tasks of other types, which can't run here: use elevon run FILE NAME")
    return interface.pack(to_values(site, interface, outputs, files.IN_PLACE))


def call_inline(
    site: definitions.Site,
    interface: interfaces.Interface,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
) -> Any:
    """Run a workflow's function on plain values: checked like a task's, but without a context.

    Raises:
        UserError: A value is not of its type.
        Exception: Whatever the function raises.
    """
    store = files.IN_PLACE
    inputs = to_literals(site, interface, arguments)
    values = {
        name: _read(site, interface.inputs[name], literal, store) for name, literal in inputs.literals.items()
    }
    with tracing.recording(None):
        outputs = interface.unpack(site, function(**values))
    for name, parameter in interface.outputs.items():
        _write(site, "output", parameter, outputs[name], store)
    return interface.pack(outputs)


def to_literals(
    site: definitions.Site, interface: interfaces.Interface, arguments: Mapping[str, Any]
) -> messages.LiteralMap:
    """Inputs as literals.

    Raises:
        UserError: A value is not of its parameter's type.
    """
    store = files.IN_PLACE
    return messages.LiteralMap(
        literals={
            name: _write(site, "parameter", interface.inputs[name], value, store)
            for name, value in arguments.items()
        }
    )


def to_values(
    site: definitions.Site,
    interface: interfaces.Interface,
    outputs: messages.LiteralMap,
    store: types.FileSource,
) -> dict[str, Any]:
    """Outputs as plain values, by name."""
    return {
        name: _read(site, parameter, outputs.literals[name], store)
        for name, parameter in interface.outputs.items()
    }


def _read(
    site: definitions.Site,
    parameter: interfaces.Parameter,
    literal: messages.Literal,
    store: types.FileSource,
) -> Any:
    try:
        return types.to_python(literal, parameter.annotation, store)
    except errors.UserError as error:
        raise site.error(f"{parameter.name!r} can't be read: {error}") from error


def _write(
    site: definitions.Site, role: str, parameter: interfaces.Parameter, value: object, store: types.FileSink
) -> messages.Literal:
    try:
        return types.to_literal(value, parameter.annotation, store)
    except errors.UserError as error:
        raise site.error(f"{role} {parameter.name!r}: {error}") from error
