"""The matching of a call's arguments with an interface, the same when traced and when run.

It must never convert or run anything.
"""

from collections.abc import Mapping
from typing import Any

from elevon.primitives import suggestions
from elevon.sdk import definitions, interfaces


def arguments_of(
    site: definitions.Site,
    interface: interfaces.Interface,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, Any]:
    """The inputs of a call, by name, defaults filled in.

    Raises:
        UserError: An argument is missing, unknown, given twice, or one too many.
    """
    names = list(interface.inputs)[: interface.positional_count]
    if len(args) > len(names):
        raise site.error(f"takes {len(names)} arguments by position but was called with {len(args)}")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in interface.inputs:
            raise site.error(f"has no parameter {name!r}: {suggestions.hint(name, interface.inputs)}")
        if name in given:
            raise site.error(f"was given {name!r} twice, by position and by name")
        given[name] = value
    for name, parameter in interface.inputs.items():
        if name not in given and parameter.default is not interfaces.ABSENT:
            given[name] = parameter.default
    missing = [name for name in interface.inputs if name not in given]
    if missing:
        raise site.error(
            f"was called without {', '.join(missing)}: give a value, or a default in its definition"
        )
    return given
