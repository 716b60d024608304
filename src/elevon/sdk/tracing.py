"""The recording of a workflow: its function runs once, on promises, and every call becomes a node.

It owns the one variable that says whether a workflow is being traced, and node ids. It must never run user code
other than the function that it is given.
"""

import contextlib
import contextvars
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, cast

from elevon import errors
from elevon.idl import messages
from elevon.sdk import bindings, calls, definitions, files, graphs, interfaces, promises, settings, types

_current: contextvars.ContextVar["Scope | None"] = contextvars.ContextVar("elevon_trace", default=None)


class Scope:
    """Nodes that are being recorded: of a workflow, or of one case of a branch in it.

    Attributes:
        site: The workflow's definition.
        nodes: In the order of their calls.
        variables: Type of every input of the workflow and output of a node so far, by node id (empty for inputs)
            and name; shared by all scopes of a workflow.
        open_branches: Texts of the conditions whose `if_` has no `else_` yet.
        sink: Where the files of constants go.
    """

    def __init__(
        self,
        site: definitions.Site,
        parent: "Scope | None" = None,
        *,
        prefix: str = "n",
        sink: types.FileSink = files.IN_PLACE,
    ) -> None:
        self.site = site
        self.sink = sink if parent is None else parent.sink
        self._prefix = prefix if parent is None else parent._prefix  # noqa: SLF001 - of the whole workflow
        self.nodes: list[graphs.Node] = []
        self.open_branches: list[str] = []
        self.variables: dict[tuple[str, str], interfaces.Parameter] = (
            {} if parent is None else parent.variables
        )
        self._ids: set[str] = set() if parent is None else parent._ids  # noqa: SLF001 - ids are unique in the workflow

    def new_id(self, wanted: str = "") -> str:
        """An id for a node: the wanted one, or the next free of `n0`, `n1`, ... (in futures: `dn0`, `dn1`, ...).

        Raises:
            UserError: The wanted one is taken.
        """
        if wanted in self._ids:
            raise self.site.error(f"two nodes are called {wanted!r}: choose another node_name")
        chosen = wanted
        if not chosen:
            position = len(self._ids)
            while f"{self._prefix}{position}" in self._ids:
                position += 1
            chosen = f"{self._prefix}{position}"
        self._ids.add(chosen)
        return chosen

    def close(self) -> None:
        """Check that nothing was left half said.

        Raises:
            UserError: An `if_` has no `else_`.
        """
        if self.open_branches:
            raise self.site.error(
                f"if_({self.open_branches[0]}, ...) has no end: add .else_(...) or .else_fail('message')"
            )


def current() -> Scope | None:
    """The scope that is being recorded in this thread of execution; None outside a trace."""
    return _current.get()


@contextlib.contextmanager
def recording(scope: Scope | None) -> Generator[None]:
    """Record calls into a scope; None stops recording, so that calls run."""
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


def arguments_of(
    scope: Scope, entity: graphs.Entity, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs of a recorded call, by name, defaults filled in.

    Raises:
        UserError: An argument is missing, unknown, given twice, or one too many; names workflow and callee.
    """
    try:
        return calls.arguments_of(entity.site, entity.interface, args, kwargs)
    except errors.UserError as error:
        raise scope.site.error(str(error)) from None


def add_call(
    scope: Scope, entity: graphs.Entity, arguments: Mapping[str, Any], overrides: settings.NodeSettings
) -> Any:
    """Record a call.

    Args:
        scope: Where to.
        entity: The task or workflow that is called.
        arguments: Its inputs, by name, defaults filled in.
        overrides: What `with_overrides` said.

    Returns:
        Promises, in the shape that the call would return.

    Raises:
        UserError: A constant is not of its parameter's type, or a promise comes from another workflow.
    """
    interface = entity.interface
    bound = {
        name: bind(scope, arguments[name], parameter, f"{entity.site.name}() takes")
        for name, parameter in interface.inputs.items()
        if name in arguments
    }
    upstream = dict.fromkeys(bindings.upstream_of(bound))
    for result in overrides.after:
        upstream |= dict.fromkeys(_nodes_of(scope, result))
    node = graphs.Node(
        id=scope.new_id(overrides.node_name),
        name=entity.site.name,
        target=entity,
        bindings=as_bindings(bound),
        upstream=tuple(upstream),
        settings=overrides,
    )
    scope.nodes.append(node)
    return results_of(scope, node.id, interface)


def record(scope: Scope, function: Callable[[], Any]) -> Any:
    """Record what a function calls, and close the scope.

    Returns:
        What the function returned; None for the result of a call that yields nothing.

    Raises:
        UserError: The function does something that can't be recorded.
        Exception: Whatever it raises.
    """
    with recording(scope):
        result: Any = function()
    scope.close()
    yields_nothing = promises.is_promise(result) and not promises.reference(result).var
    return None if yields_nothing else result


def body_of(scope: Scope, interface: interfaces.Interface, result: Any) -> graphs.Body:
    """What was recorded, with the result bound to the outputs of an interface.

    Raises:
        UserError: The result is not what the interface promises.
    """
    outputs = interface.unpack(scope.site, result)
    bound = tuple(
        messages.Binding(var=name, binding=bind(scope, outputs[name], parameter, "returns for"))
        for name, parameter in interface.outputs.items()
    )
    return graphs.Body(tuple(scope.nodes), bound)


def results_of(scope: Scope, node_id: str, interface: interfaces.Interface) -> Any:
    """Promises for what a node yields, in the shape of an interface."""
    if interface.shape is interfaces.Shape.NOTHING:
        return promises.Promise(promises.Reference(str(scope.site), node_id, "", type(None)))
    return interface.pack(promises_of(scope, node_id, interface.outputs))


def promises_of(
    scope: Scope, node_id: str, variables: Mapping[str, interfaces.Parameter]
) -> dict[str, promises.Promise]:
    """A promise for each output of a node, or for each input of the workflow if the id is empty."""
    scope.variables.update({(node_id, name): variable for name, variable in variables.items()})
    return {
        name: promises.Promise(promises.Reference(str(scope.site), node_id, name, variable.annotation))
        for name, variable in variables.items()
    }


def bind(scope: Scope, value: object, parameter: interfaces.Parameter, role: str) -> messages.BindingData:
    """Bind one value to one variable.

    Args:
        scope: What is being recorded.
        value: Promise, constant, or a list or dict of both.
        parameter: The variable.
        role: Who has the variable and how, for errors: `f() takes`.
    """
    try:
        binding = bindings.to_binding(value, parameter.annotation, parameter.type, scope.sink)
    except errors.UserError as error:
        raise scope.site.error(f"{role} {parameter.name!r}: {error}") from error
    _check_owner(scope, value)
    return binding


def as_bindings(bound: Mapping[str, messages.BindingData]) -> tuple[messages.Binding, ...]:
    """The bindings of a node's inputs, in the order in which flytekit writes them."""
    return tuple(messages.Binding(var=name, binding=bound[name]) for name in sorted(bound))


def _check_owner(scope: Scope, value: object) -> None:
    if promises.is_promise(value) and promises.reference(value).workflow != str(scope.site):
        origin = promises.reference(value)
        raise scope.site.error(f"{origin} belongs to {origin.workflow}: pass it in as a parameter")
    if isinstance(value, list):
        for item in cast("list[object]", value):
            _check_owner(scope, item)
    if isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            _check_owner(scope, item)


def _nodes_of(scope: Scope, result: object) -> Sequence[str]:
    if promises.is_promise(result) and promises.reference(result).node_id:
        return [promises.reference(result).node_id]
    if isinstance(result, tuple) and result:
        return [node_id for item in cast("tuple[object, ...]", result) for node_id in _nodes_of(scope, item)]
    raise scope.site.error(f"after={result!r} holds no result of a call in this workflow")
