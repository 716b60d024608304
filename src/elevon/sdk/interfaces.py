"""What goes into a task or a workflow and what comes out, read from annotations.

It owns the step from a signature to named inputs and outputs (`o0`, `o1`, ... unless a NamedTuple names them), and
the errors of a signature that the wire can't carry. It must never convert values.
"""

import enum
import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from elevon import errors
from elevon.idl import interfaces as idl_interfaces
from elevon.idl import messages
from elevon.sdk import definitions, docstrings, types

_NONE = type(None)


class Absent(enum.Enum):
    """The default of a parameter that has none; None is a default."""

    ABSENT = enum.auto()


ABSENT = Absent.ABSENT


class Shape(enum.Enum):
    """How a function hands over its outputs."""

    NOTHING = enum.auto()
    SINGLE = enum.auto()
    TUPLE = enum.auto()
    NAMED = enum.auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input.

    Attributes:
        name: Its name.
        annotation: The Python type.
        type: The same on the wire.
        default: The value if none is given; `ABSENT` for a required one.
        description: What the docstring says of it.
    """

    name: str
    annotation: Any
    type: messages.LiteralType
    default: object = ABSENT
    description: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """Inputs and outputs.

    Attributes:
        inputs: By name, in the order of the signature.
        outputs: By name, in order; their defaults and descriptions are unused.
        shape: How Python sees the outputs.
        named_tuple: The class that names them, for `Shape.NAMED`.
        positional_count: How many inputs may be given by position.
        summary: First paragraph of the docstring.
    """

    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, Parameter]
    shape: Shape
    named_tuple: Any = None
    positional_count: int = 0
    summary: str = ""

    def pack(self, values: Mapping[str, Any]) -> Any:
        """The outputs, by name, as the function would have returned them."""
        match self.shape:
            case Shape.NOTHING:
                return None
            case Shape.SINGLE:
                return next(iter(values.values()))
            case Shape.TUPLE:
                return tuple(values[name] for name in self.outputs)
            case Shape.NAMED:
                return self.named_tuple(**values)

    def unpack(self, site: definitions.Site, result: Any) -> dict[str, Any]:
        """What the function returned, by the names of the outputs.

        Raises:
            UserError: It returned something when it promised nothing, or not as many values as it promised.
        """
        match self.shape:
            case Shape.NOTHING:
                if result is not None:
                    raise site.error(
                        f"returned {_short(result)}, but is annotated to return nothing: add -> TYPE"
                    )
                return {}
            case Shape.SINGLE:
                return dict.fromkeys(self.outputs, result)
            case Shape.TUPLE | Shape.NAMED:
                wanted = len(self.outputs)
                values = typing.cast("tuple[Any, ...]", result if isinstance(result, tuple) else ())
                if len(values) != wanted:
                    raise site.error(f"returned {_short(result)}, but is annotated to return {wanted} values")
                return dict(zip(self.outputs, values, strict=True))


@dataclass(frozen=True, slots=True)
class _Reader:
    site: definitions.Site
    texts: docstrings.Docstring = field(default_factory=docstrings.Docstring)

    def parameter(self, role: str, name: str, annotation: Any, default: object = ABSENT) -> Parameter:
        try:
            literal_type = types.literal_type_of(annotation)
        except errors.UserError as error:
            raise self.site.error(f"{role}: {error}") from error
        types.note_dates(literal_type, annotation)
        types.warn_of_pickles(literal_type, f"{self.site.kind} {self.site.full_name}, {role}")
        return Parameter(name, annotation, literal_type, default, self.texts.parameters.get(name, ""))


def of_function(
    function: Callable[..., Any], site: definitions.Site, annotations_of_nothing: Collection[Any] = ()
) -> Interface:
    """Read a function's signature.

    Args:
        function: Whose.
        site: Where it is defined.
        annotations_of_nothing: What it may be annotated to return, beside None, to say that there are no outputs.

    Raises:
        UserError: A parameter has no annotation, can't be named (`*args`, `**kwargs`, positional-only), or a type is
            not supported.
    """
    signature = inspect.signature(function)
    hints = _hints(function, site)
    reader = _Reader(site, docstrings.parse(function.__doc__, signature.parameters))
    inputs: dict[str, Parameter] = {}
    positional_count = 0
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise site.error(
                f"parameter {stars}{name} has no fixed names: spell the parameters out, or take a list or dict"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise site.error(f"parameter {name!r} is positional-only, but inputs go by name: remove the '/'")
        if name not in hints:
            raise site.error(f"parameter {name!r} has no annotation: write {name}: TYPE")
        default = ABSENT if parameter.default is parameter.empty else parameter.default
        inputs[name] = reader.parameter(f"parameter {name!r}", name, hints[name], default)
        positional_count += parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    if "return" not in hints and definitions.returns_value(function):
        raise site.error("returns a value but has no return annotation: write -> TYPE")
    returned = hints.get("return", _NONE)
    is_nothing = any(returned == one for one in annotations_of_nothing)
    outputs, shape, named_tuple = _outputs(reader, _NONE if is_nothing else returned)
    return Interface(inputs, outputs, shape, named_tuple, positional_count, reader.texts.summary)


def of_annotations(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], site: definitions.Site
) -> Interface:
    """The interface of a task that wraps no function.

    Args:
        inputs: Annotation of each input.
        outputs: Annotation of each output; one that is called `o0` is returned alone, several as a NamedTuple.
        site: Whose interface it is.

    Raises:
        UserError: A type is not supported, or a name is no identifier.
    """
    reader = _Reader(site)
    for name in (*inputs, *outputs):
        if not name.isidentifier():
            raise site.error(f"{name!r} can't name an input or output: use letters, digits and underscores")
    read_inputs = {name: reader.parameter(f"input {name!r}", name, hint) for name, hint in inputs.items()}
    read_outputs = {name: reader.parameter(f"output {name!r}", name, hint) for name, hint in outputs.items()}
    named_tuple = None
    if not outputs:
        shape = Shape.NOTHING
    elif list(outputs) == ["o0"]:
        shape = Shape.SINGLE
    else:
        shape = Shape.NAMED
        named_tuple = typing.NamedTuple(f"{site.name}_outputs", list(outputs.items()))
    return Interface(read_inputs, read_outputs, shape, named_tuple, len(inputs))


def fields_of(named: Any) -> tuple[str, ...]:
    """The field names of a NamedTuple or of its class; empty for anything else."""
    cls = named if isinstance(named, type) else type(named)
    names = typing.cast("tuple[str, ...]", getattr(cls, "_fields", ()))
    return names if issubclass(cls, tuple) else ()


def to_message(interface: Interface) -> messages.TypedInterface:
    """The interface as the wire carries it; an undescribed variable is described by its name, as flytekit does."""
    inputs = {name: variable(parameter) for name, parameter in interface.inputs.items()}
    outputs = {name: variable(parameter) for name, parameter in interface.outputs.items()}
    return idl_interfaces.typed_interface(inputs, outputs)


def variable(parameter: Parameter) -> messages.Variable:
    """One input or output as the wire carries it."""
    return idl_interfaces.variable(parameter.type, parameter.description or parameter.name)


def _hints(function: Callable[..., Any], site: definitions.Site) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise site.error(
            f"an annotation names {error.name!r}, which can't be found: define it above the {site.kind}, or import it "
            "outside TYPE_CHECKING"
        ) from error
    except TypeError as error:
        raise site.error(f"an annotation is no type: {error}") from error


def _outputs(reader: _Reader, annotation: Any) -> tuple[dict[str, Parameter], Shape, Any]:
    if annotation is None or annotation is _NONE:
        return {}, Shape.NOTHING, None
    parts: list[tuple[str, Any]]
    names = fields_of(annotation)
    if names:
        named = typing.get_type_hints(annotation, include_extras=True)
        parts = [(name, named.get(name, Any)) for name in names]
        shape, named_tuple = Shape.NAMED, annotation
    elif typing.get_origin(annotation) is tuple:
        arguments = typing.get_args(annotation)
        if not arguments or Ellipsis in arguments:
            raise reader.site.error(f"returns {annotation}, which has no fixed number of values: use a list")
        parts = [(f"o{index}", part) for index, part in enumerate(arguments)]
        shape, named_tuple = Shape.TUPLE, None
    else:
        parts, shape, named_tuple = [("o0", annotation)], Shape.SINGLE, None
    return (
        {name: reader.parameter(f"output {name!r}", name, part) for name, part in parts},
        shape,
        named_tuple,
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line of a terminal
