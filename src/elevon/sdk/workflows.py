"""What a workflow is: a function whose calls are recorded instead of made.

It owns `@workflow`, the recording of the body, and what a call of a workflow means in each place. It must never
serialize.
"""

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from elevon.idl import messages
from elevon.primitives import suggestions
from elevon.sdk import calls, definitions, graphs, interfaces, runs, settings, tracing

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Q = ParamSpec("Q")
S = TypeVar("S")

_NODE_OPTIONS = frozenset({"node_name", "interruptible", "after"})


class OnFailure(enum.Enum):
    """What becomes of the other nodes when one has failed for good; the wire's words.

    Attributes:
        FAIL_IMMEDIATELY: They are killed.
        FAIL_AFTER_EXECUTABLE_NODES_COMPLETE: Those that don't depend on the failed one still run.
    """

    FAIL_IMMEDIATELY = messages.WorkflowMetadata.FAIL_IMMEDIATELY
    FAIL_AFTER_EXECUTABLE_NODES_COMPLETE = messages.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


class WorkflowOptions(TypedDict, total=False):
    """Keywords of `@workflow`.

    Attributes:
        on_failure: What becomes of the other nodes when one has failed; `FAIL_IMMEDIATELY` unless given.
        interruptible: The default for its tasks.
    """

    on_failure: OnFailure
    interruptible: bool


class Workflow(Generic[P, R_co]):
    """A workflow.

    Attributes:
        site: Where it is defined.
        interface: Its inputs and outputs.
        on_failure: What becomes of the other nodes when one has failed.
        interruptible: The default for its tasks.
    """

    def __init__(self, function: Callable[P, R_co], **options: Unpack[WorkflowOptions]) -> None:
        self.site = definitions.of_function("workflow", function)
        self.function = function
        self.interface = interfaces.of_function(function, self.site)
        for name in options:
            if name not in WorkflowOptions.__annotations__:
                known = WorkflowOptions.__annotations__
                raise self.site.error(f"there is no setting {name!r}: {suggestions.hint(name, known)}")
        self.on_failure = options.get("on_failure", OnFailure.FAIL_IMMEDIATELY)
        self.interruptible = options.get("interruptible", False)
        if not isinstance(self.on_failure, OnFailure):  # pyright: ignore[reportUnnecessaryIsInstance] - callers unchecked
            raise self.site.error(f"on_failure={self.on_failure!r} is no policy: use elevon.OnFailure")
        functools.update_wrapper(cast("Callable[P, R_co]", self), function)

    @functools.cached_property
    def body(self) -> graphs.Body:
        """The recorded nodes; the function runs once, when this is first asked for.

        Raises:
            UserError: The body does something that can't be recorded.
        """
        scope = tracing.Scope(self.site)
        inputs = tracing.promises_of(scope, "", self.interface.inputs)
        function: Callable[..., Any] = self.function
        result = tracing.record(scope, functools.partial(function, **inputs))
        return tracing.body_of(scope, self.interface, result)

    def with_overrides(self, **overrides: Unpack[settings.NodeOptions]) -> "OverriddenWorkflow[P, R_co]":
        """The same workflow with settings for one call: `node_name`, `interruptible` and `after`.

        Raises:
            UserError: A setting is not supported; retries, time limits and resources belong to its tasks.
        """
        for name in overrides:
            if name not in _NODE_OPTIONS:
                raise self.site.error(f"{name} can't be set for a workflow: set it for the tasks in it")
        return OverriddenWorkflow(self, settings.of_node(self.site, overrides))

    def invoke(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], overrides: settings.NodeSettings
    ) -> Any:
        """A call: a node with a subworkflow when recorded, else a run in this process."""
        scope = tracing.current()
        if scope is None:
            arguments = calls.arguments_of(self.site, self.interface, args, kwargs)
            return runs.call_inline(self.site, self.interface, self.function, arguments)
        if scope.site == self.site:
            raise self.site.error(
                "calls itself, which never ends: a branch that stops it is not possible yet"
            )
        return tracing.add_call(scope, self, tracing.arguments_of(scope, self, args, kwargs), overrides)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self.invoke(args, kwargs, settings.NodeSettings())

    def __repr__(self) -> str:
        return f"<{self.site}>"


class OverriddenWorkflow(Generic[P, R_co]):
    """A workflow with settings for one call."""

    def __init__(self, flow: Workflow[P, R_co], overrides: settings.NodeSettings) -> None:
        self._flow = flow
        self._overrides = overrides

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self._flow.invoke(args, kwargs, self._overrides)


@overload
def workflow(function: Callable[Q, S], /) -> Workflow[Q, S]: ...


@overload
def workflow(**options: Unpack[WorkflowOptions]) -> Callable[[Callable[Q, S]], Workflow[Q, S]]: ...


def workflow(function: Callable[..., Any] | None = None, /, **options: Unpack[WorkflowOptions]) -> Any:
    """Make a function a workflow: its calls of tasks and workflows become nodes.

    Args:
        function: The function, when used bare.
        **options: See `WorkflowOptions`.

    Raises:
        UserError: The function, a type or a setting is not supported.
    """
    if function is not None:
        return Workflow(function, **options)
    return functools.partial(Workflow[..., Any], **options)
