"""Choices in a workflow: `if_(condition, then).elif_(condition, then).else_(then)`.

It owns the recording of each case and its form on the wire: one call is a node of its own, anything more becomes a
subworkflow without a name of its own, because a case holds one node. It must never evaluate a condition that is
known only when the workflow runs. Outside a workflow's recording a choice is made at once, like Python's own `if`.
"""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from elevon import errors
from elevon.idl import literal_types, messages
from elevon.sdk import bindings, conditions, graphs, interfaces, promises, settings, subflows, tracing, types

R = TypeVar("R")


class Choice(abc.ABC, Generic[R]):
    """A choice that has no `else_` yet."""

    @abc.abstractmethod
    def elif_(self, condition: bool, then: Callable[[], R]) -> "Choice[R]":
        """Another case, taken if this condition holds and none before did."""

    @abc.abstractmethod
    def else_(self, then: Callable[[], R]) -> R:
        """The last case, taken if no condition holds; gives the result of whichever case is taken."""

    @abc.abstractmethod
    def else_fail(self, message: str) -> R:
        """Fail with a message if no condition holds; gives the result of whichever case is taken."""


def if_(condition: bool, then: Callable[[], R]) -> Choice[R]:
    """Choose what runs by a value that is known only when the workflow runs.

    Args:
        condition: A comparison of results and inputs, several joined by `&` and `|`, or a bool.
        then: What is done if it holds: a function without parameters, `lambda: fit(data)`.

    Returns:
        The choice, to be ended by `else_` or `else_fail`.

    Raises:
        UserError: The condition is none, or `then` is no function.
    """
    scope = tracing.current()
    if scope is None:
        return _Decided[R](None).elif_(condition, then)
    return _Recorded[R](scope, condition, then)


@dataclass(frozen=True, slots=True)
class _Taken(Generic[R]):
    result: R


class _Decided(Choice[R]):
    """A choice among plain values: made as soon as a condition holds."""

    def __init__(self, taken: _Taken[R] | None) -> None:
        self._taken = taken

    def elif_(self, condition: bool, then: Callable[[], R]) -> Choice[R]:
        if self._taken is not None or not condition:
            return self
        return _Decided(_Taken(then()))

    def else_(self, then: Callable[[], R]) -> R:
        return then() if self._taken is None else self._taken.result

    def else_fail(self, message: str) -> R:
        if self._taken is None:
            raise errors.UserError(message)
        return self._taken.result


@dataclass(frozen=True, slots=True)
class _Case:
    condition: promises.Condition | None
    scope: tracing.Scope
    result: Any


class _Recorded(Choice[R]):
    def __init__(self, scope: tracing.Scope, condition: object, then: Callable[[], R]) -> None:
        self._scope = scope
        self._id = scope.new_id()
        self._cases: list[_Case] = []
        self._add(condition, then)
        self._opening = str(self._cases[0].condition)
        scope.open_branches.append(self._opening)

    def elif_(self, condition: bool, then: Callable[[], R]) -> Choice[R]:
        self._add(condition, then)
        return self

    def else_(self, then: Callable[[], R]) -> R:
        self._cases.append(self._record(None, then))
        return self._finish("")

    def else_fail(self, message: str) -> R:
        if not message:
            raise self._scope.site.error("else_fail() needs a message: say what went wrong")
        return self._finish(message)

    def _add(self, condition: object, then: Callable[[], R]) -> None:
        if not isinstance(condition, promises.Condition | promises.Promise | bool):
            raise self._scope.site.error(
                f"if_({condition!r}, ...) takes a condition: compare something, as in x > 3"
            )
        self._cases.append(self._record(promises.as_condition(condition), then))

    def _record(self, condition: promises.Condition | None, then: Callable[[], R]) -> _Case:
        if not callable(then) or promises.is_promise(then):
            raise self._scope.site.error("a case takes a function, not its result: write lambda: CALL")
        inner = tracing.Scope(self._scope.site, self._scope)
        with tracing.recording(inner):
            result = then()
        inner.close()
        return _Case(condition, inner, result)

    def _finish(self, error: str) -> R:
        self._scope.open_branches.remove(self._opening)
        interface = self._interface()
        inputs: dict[str, messages.BindingData] = {}
        cases = tuple(self._to_case(case, interface, inputs) for case in self._cases)
        inner_upstream = [
            upstream for case in cases if case.node is not None for upstream in case.node.upstream
        ]
        node = graphs.Node(
            id=self._id,
            name=f"if {self._opening}",
            target=graphs.Branch(cases if not error else (*cases, graphs.Case(None, None)), error),
            bindings=tracing.as_bindings(inputs),
            upstream=tuple(dict.fromkeys([*bindings.upstream_of(inputs), *inner_upstream])),
            settings=settings.NodeSettings(),
        )
        self._scope.nodes.append(node)
        return cast("R", tracing.results_of(self._scope, self._id, interface))

    def _to_case(
        self, case: _Case, interface: interfaces.Interface, inputs: dict[str, messages.BindingData]
    ) -> graphs.Case:
        try:
            condition = None if case.condition is None else conditions.to_expression(case.condition, inputs)
        except errors.UserError as error:
            raise self._scope.site.error(str(error)) from None
        values = _named_values(case.result)
        if len(case.scope.nodes) == 1 and _is_whole_result(case.scope.nodes[0], values):
            return graphs.Case(condition, case.scope.nodes[0])
        outputs = {
            name: tracing.bind(case.scope, values[name], parameter, "a case yields")
            for name, parameter in interface.outputs.items()
        }
        return graphs.Case(condition, subflows.of_scope(case.scope, outputs, interface.outputs))

    def _interface(self) -> interfaces.Interface:
        """What all cases yield; the first one says in which shape."""
        named = [_named_values(case.result) for case in self._cases]
        first = self._cases[0].result
        for values in named:
            if list(values) != list(named[0]):
                raise self._error(f"yield {_outputs_text(named[0])} and {_outputs_text(values)}")
        outputs = {name: self._output(name, [values[name] for values in named]) for name in named[0]}
        if not outputs:
            return interfaces.Interface({}, {}, interfaces.Shape.NOTHING)
        if interfaces.fields_of(first):
            return interfaces.Interface({}, outputs, interfaces.Shape.NAMED, type(first))
        shape = interfaces.Shape.TUPLE if isinstance(first, tuple) else interfaces.Shape.SINGLE
        return interfaces.Interface({}, outputs, shape)

    def _output(self, name: str, values: list[Any]) -> interfaces.Parameter:
        """One output of the branch; its type is that of the first promise, else of the first constant."""
        annotations = [promises.reference(value).annotation for value in values if promises.is_promise(value)]
        annotation = annotations[0] if annotations else cast("Any", type(values[0]))
        try:
            literal_type = types.literal_type_of(annotation)
            others = [(other, types.literal_type_of(other)) for other in annotations]
        except errors.UserError as error:
            raise self._scope.site.error(f"a case of if_({self._opening}, ...) yields: {error}") from error
        for other, other_type in others:
            if not literal_types.is_assignable(other_type, literal_type):
                raise self._error(f"yield {_type_text(annotation)} and {_type_text(other)}")
        return interfaces.Parameter(name, annotation, literal_type)

    def _error(self, difference: str) -> errors.UserError:
        return self._scope.site.error(
            f"cases of if_({self._opening}, ...) {difference}: let all yield the same"
        )


def _named_values(result: Any) -> Mapping[str, Any]:
    if result is None or (promises.is_promise(result) and not promises.reference(result).var):
        return {}
    if isinstance(result, tuple):
        parts = cast("tuple[Any, ...]", result)
        names = interfaces.fields_of(parts) or tuple(f"o{index}" for index in range(len(parts)))
        return dict(zip(names, parts, strict=True))
    return {"o0": result}


def _is_whole_result(node: graphs.Node, values: Mapping[str, Any]) -> bool:
    """Whether values are a node's outputs under the node's own names, so that the node can be the case."""
    for name, value in values.items():
        if not promises.is_promise(value):
            return False
        origin = promises.reference(value)
        if (origin.node_id, origin.var, origin.path) != (node.id, name, ()):
            return False
    return True


def _outputs_text(values: Mapping[str, Any]) -> str:
    return ", ".join(values) or "nothing"


def _type_text(annotation: Any) -> str:
    return cast("str", getattr(annotation, "__name__", str(annotation)))
