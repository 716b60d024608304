"""Values that exist only once a workflow runs.

While a workflow is traced, its inputs and the results of its calls are promises. This module owns what may be done
with one (pass it on, reach into it, compare it) and the errors for everything else, which would silently compute
on a placeholder. It must never know how a workflow is serialized.
"""

import dataclasses
import enum
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from elevon import errors


@dataclass(frozen=True, slots=True)
class Reference:
    """What a promise stands for.

    Attributes:
        workflow: Name and place of the workflow that is being traced, for errors.
        node_id: Id of the node that yields it; empty for an input of the workflow.
        var: Name of the output, or of the workflow's input; empty for a call that yields nothing.
        annotation: The Python type; `typing.Any` if unknown.
        path: Attributes, keys and indexes into the value.
    """

    workflow: str
    node_id: str
    var: str
    annotation: Any
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        steps = "".join(f"[{step!r}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{self.node_id}.{self.var}{steps}" if self.node_id else f"{self.var}{steps}"


class Operator(enum.StrEnum):
    """Comparisons, spelled as in Python."""

    EQ = "=="
    NE = "!="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="


_OPPOSITES = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.GT: Operator.LE,
    Operator.LE: Operator.GT,
    Operator.LT: Operator.GE,
    Operator.GE: Operator.LT,
}


class Condition:
    """Something that will be true or false once the workflow runs; combined with `&`, `|` and `not_`."""

    __slots__ = ()

    def __and__(self, other: object) -> "Condition":
        return Conjunction("and", self, as_condition(other))

    def __rand__(self, other: object) -> "Condition":
        return Conjunction("and", as_condition(other), self)

    def __or__(self, other: object) -> "Condition":
        return Conjunction("or", self, as_condition(other))

    def __ror__(self, other: object) -> "Condition":
        return Conjunction("or", as_condition(other), self)

    def __invert__(self) -> NoReturn:
        raise errors.UserError(
            f"{_workflow_of(self)}: ~ means something else for a plain bool: use elevon.not_({self})"
        )

    def __bool__(self) -> NoReturn:
        raise errors.UserError(
            f"{_workflow_of(self)}: the condition {self} is known only when the workflow runs, so Python's if, and, "
            "or, not and chained comparisons can't use it: use if_(condition, ...), & and |"
        )


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """`left operator right`, at least one of them a promise (both plain for a constant)."""

    operator: Operator
    left: object
    right: object

    def __str__(self) -> str:
        return f"{_text(self.left)} {self.operator} {_text(self.right)}"


@dataclass(frozen=True, slots=True)
class Conjunction(Condition):
    """Two conditions joined by `and` or `or`."""

    word: typing.Literal["and", "or"]
    left: Condition
    right: Condition

    def __str__(self) -> str:
        return f"({self.left} {'&' if self.word == 'and' else '|'} {self.right})"


def not_(condition: bool) -> bool:
    """The opposite of a condition, in a workflow; the plain `not` outside.

    Raises:
        UserError: It is no condition.
    """
    written = typing.cast("object", condition)  # while a workflow is recorded, comparisons only type as bool
    if isinstance(written, bool):
        return not written
    return typing.cast("bool", _opposite(as_condition(written)))


def _opposite(condition: Condition) -> Condition:
    match condition:
        case Conjunction(word, left, right):
            return Conjunction("or" if word == "and" else "and", _opposite(left), _opposite(right))
        case Comparison(operator, left, right):
            return Comparison(_OPPOSITES[operator], left, right)
        case _:
            raise errors.BugError(f"{condition!r} is a condition of no known kind")


def as_condition(value: object) -> Condition:
    """A condition, a promise of a bool (is it true?) or a plain bool, as a condition.

    Raises:
        UserError: It is none of these.
    """
    if isinstance(value, Condition):
        return value
    if isinstance(value, bool) or (is_promise(value) and reference(value).annotation in (bool, Any)):
        return Comparison(Operator.EQ, value, right=True)
    problem = f"{_text(value)} is no condition: compare it, as in {_text(value)} == VALUE"
    raise errors.UserError(f"{reference(value).workflow}: {problem}" if is_promise(value) else problem)


def _refusing(symbol: str) -> Callable[..., NoReturn]:
    def refuse(self: "Promise", *_: object) -> NoReturn:
        origin = reference(self)
        raise errors.UserError(
            f"{origin.workflow}: {symbol} can't be used on {origin}, whose value is known only when the workflow runs: "
            "do it inside a task"
        )

    return refuse


class Promise:
    """A value that a node will yield, or an input of the workflow."""

    __slots__ = ("__elevon_reference__",)

    def __init__(self, origin: Reference) -> None:
        object.__setattr__(self, "__elevon_reference__", origin)

    def __getattr__(self, name: str) -> "Promise":
        if name.startswith("__"):
            raise AttributeError(name)
        return _step(self, name, f".{name}")

    def __getitem__(self, key: object) -> "Promise":
        if not isinstance(key, str | int) or isinstance(key, bool) or (isinstance(key, int) and key < 0):
            origin = reference(self)
            raise errors.UserError(
                f"{origin.workflow}: {origin}[{_text(key)}] needs a string or a count from 0 as its key"
            )
        return _step(self, key, f"[{key!r}]")

    def __bool__(self) -> NoReturn:
        origin = reference(self)
        raise errors.UserError(
            f"{origin.workflow}: {origin} is known only when the workflow runs, so Python's if, and, or and not "
            "can't use it: use if_(condition, ...), & and |"
        )

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]
        return Comparison(Operator.EQ, self, other)

    def __ne__(self, other: object) -> Comparison:  # type: ignore[override]
        return Comparison(Operator.NE, self, other)

    def __gt__(self, other: object) -> Comparison:
        return Comparison(Operator.GT, self, other)

    def __ge__(self, other: object) -> Comparison:
        return Comparison(Operator.GE, self, other)

    def __lt__(self, other: object) -> Comparison:
        return Comparison(Operator.LT, self, other)

    def __le__(self, other: object) -> Comparison:
        return Comparison(Operator.LE, self, other)

    def __and__(self, other: object) -> Condition:
        return as_condition(self) & other

    def __rand__(self, other: object) -> Condition:
        return as_condition(other) & self

    def __or__(self, other: object) -> Condition:
        return as_condition(self) | other

    def __ror__(self, other: object) -> Condition:
        return as_condition(other) | self

    def __hash__(self) -> int:
        return hash(reference(self))

    def __repr__(self) -> str:
        return f"<promise of {reference(self)}>"

    def __iter__(self) -> Iterator[NoReturn]:
        _refusing("a loop or unpacking")(self)

    __str__ = _refusing("str()")
    __format__ = _refusing("an f-string or format()")
    __len__ = _refusing("len()")
    __int__ = _refusing("int()")
    __float__ = _refusing("float()")
    __index__ = _refusing("use as an index")
    __bytes__ = _refusing("bytes()")
    __contains__ = _refusing("in")
    __call__ = _refusing("a call")
    __setattr__ = _refusing("assigning to an attribute")
    __setitem__ = _refusing("assigning to an item")
    __enter__ = _refusing("with")
    __neg__ = _refusing("-")
    __pos__ = _refusing("+")
    __abs__ = _refusing("abs()")
    __invert__ = _refusing("~")
    __round__ = _refusing("round()")
    __add__ = __radd__ = _refusing("+")
    __sub__ = __rsub__ = _refusing("-")
    __mul__ = __rmul__ = _refusing("*")
    __truediv__ = __rtruediv__ = _refusing("/")
    __floordiv__ = __rfloordiv__ = _refusing("//")
    __mod__ = __rmod__ = _refusing("%")
    __pow__ = __rpow__ = _refusing("**")
    __matmul__ = __rmatmul__ = _refusing("@")
    __lshift__ = __rlshift__ = _refusing("<<")
    __rshift__ = __rrshift__ = _refusing(">>")
    __xor__ = __rxor__ = _refusing("^")


def is_promise(value: object) -> typing.TypeGuard[Promise]:
    """Whether a value is a promise; never asks the value anything."""
    return type(value) is Promise


def reference(promise: Promise) -> Reference:
    """What a promise stands for."""
    return typing.cast("Reference", object.__getattribute__(promise, "__elevon_reference__"))


def _step(promise: Promise, key: str | int, spelling: str) -> Promise:
    origin = reference(promise)
    annotation = _annotation_at(origin.annotation, key)
    if annotation is None:
        kind = typing.cast("str", getattr(origin.annotation, "__name__", str(origin.annotation)))
        raise errors.UserError(
            f"{origin.workflow}: {origin} is of type {kind}, which has no {spelling} before the workflow "
            "runs: pass it to a task that reads it"
        )
    return Promise(dataclasses.replace(origin, annotation=annotation, path=(*origin.path, key)))


def _annotation_at(annotation: Any, key: str | int) -> Any:
    """The type that a step into a type leads to; None if there is no such step."""
    if annotation is Any:
        return Any
    if typing.get_origin(annotation) is typing.Annotated:
        return _annotation_at(typing.get_args(annotation)[0], key)
    container, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (list, dict) or container in (list, dict):
        wanted = int if list in (annotation, container) else str
        return (arguments[-1] if arguments else Any) if type(key) is wanted else None
    fields = _fields(annotation)
    return fields.get(key) if isinstance(key, str) else None


def _fields(annotation: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = typing.get_type_hints(annotation, include_extras=True)
        return {field.name: hints.get(field.name, Any) for field in dataclasses.fields(annotation)}
    models: dict[str, Any] = (
        getattr(annotation, "model_fields", None) or {}
    )  # of a pydantic model, which is not imported
    return {name: field.annotation for name, field in models.items()}


def _text(value: object) -> str:
    return (
        str(reference(value))
        if is_promise(value)
        else str(value)
        if isinstance(value, Condition)
        else repr(value)
    )


def _workflow_of(condition: Condition) -> str:
    match condition:
        case Conjunction(_, left, _):
            return _workflow_of(left)
        case Comparison(_, left, right):
            for side in (left, right):
                if is_promise(side):
                    return reference(side).workflow
        case _:
            pass
    return "workflow"
