"""What a task is, and the two classes that an author of a task type derives from.

`Task` has no user code: its type string and its message say all, and an executor in the engine does the work.
`RunnableTask` wraps a function of the user. This module owns what a call of either means. It must never know the
wire's identifiers, nor any particular task type but the function task, which is the SDK's own.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Unpack, cast, overload

from elevon import errors
from elevon.idl import messages
from elevon.sdk import calls, definitions, interfaces, names, runs, settings, tracing

if TYPE_CHECKING:  # the defaults are for the type checker; at run time they would cost an import
    from typing_extensions import ParamSpec, TypeVar

    P = ParamSpec("P", default=...)
    R_co = TypeVar("R_co", covariant=True, default=Any)
else:
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R_co = TypeVar("R_co", covariant=True)

Q = ParamSpec("Q")
S = TypeVar("S")
O = ParamSpec("O")  # noqa: E741 - O for options


class TaskDeclaration(settings.TaskOptions, total=False):
    """Keywords of a `Task`: the settings of any task, and what a signature says elsewhere.

    Attributes:
        task_type: The type string, unless the class has one.
        message: What the executor must know, unless the class makes it.
        inputs: Annotation of each input, by name, unless the class has them.
        outputs: Annotation of each output, by name; a single output is best called `o0`, and is then returned alone.
    """

    task_type: str
    message: messages.Message
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class Task(Generic[P, R_co]):
    """A task without user code; the work is done by the executor of its type.

    A task type is a subclass with `task_type`, and `message` if its executor must know more than the inputs. Its
    parameters in brackets are what a call takes and gives: `class Sleep(Task[[timedelta], None])`.

    Attributes:
        task_type: The string by which the engine finds the executor.
        inputs: Annotation of each input, by name.
        outputs: Annotation of each output, by name.
        site: Where this task is defined.
        interface: Its inputs and outputs, read.
        settings: How it is to be run.
    """

    task_type: str = ""
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def __init__(self, name: str, **declaration: Unpack[TaskDeclaration]) -> None:
        """Declare a task.

        Args:
            name: Its name in the module that declares it.
            **declaration: See `TaskDeclaration`.

        Raises:
            UserError: A setting or a type is not supported.
        """
        self.site = definitions.of_caller("task", name, self)
        options: dict[str, Any] = dict(declaration)
        self.task_type = options.pop("task_type", self.task_type)
        self._message: messages.Message | None = options.pop("message", None)
        inputs, outputs = options.pop("inputs", self.inputs), options.pop("outputs", self.outputs)
        self.interface = interfaces.of_annotations(inputs, outputs, self.site)
        self.settings = settings.of_task(self.site, options)
        self._check_type()
        self._check_container(self.settings)

    def message(self) -> messages.Message | None:
        """What the executor must know beyond image, resources and interface; None for nothing."""
        return self._message

    def container(self) -> messages.Container | None:
        """The process that the task runs, without resources and environment, which are added; None for none."""
        return None

    def config(self) -> Mapping[str, str]:
        """Free-form settings for the executor."""
        return {}

    def with_overrides(self, **overrides: Unpack[settings.NodeOptions]) -> "OverriddenCall[P, R_co]":
        """The same task with settings for one call: `fit.with_overrides(retries=3)(data)`.

        Raises:
            UserError: A setting is not supported.
        """
        given = settings.of_node(self.site, overrides)
        self._check_container(given)
        return OverriddenCall(self, given)

    def invoke(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], overrides: settings.NodeSettings
    ) -> Any:
        """A call: recorded in a workflow, run elsewhere."""
        scope = tracing.current()
        if scope is None:
            return self.run_locally(calls.arguments_of(self.site, self.interface, args, kwargs))
        return tracing.add_call(scope, self, tracing.arguments_of(scope, self, args, kwargs), overrides)

    def run_locally(self, arguments: Mapping[str, Any]) -> Any:
        """Run it in this process, on plain values.

        Raises:
            UserError: It has no code of its own to run.
        """
        del arguments
        raise self.site.error(
            f"has no code to run here, its executor for the type {self.task_type!r} does the work: "
            "use elevon run FILE NAME"
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self.invoke(args, kwargs, settings.NodeSettings())

    def __repr__(self) -> str:
        return f"<{self.site}>"

    def _check_type(self) -> None:
        if not self.task_type:
            raise self.site.error(f"has no type: set task_type in {type(self).__name__}")

    def _check_container(self, given: settings.TaskSettings | settings.NodeSettings) -> None:
        # By the class: the container itself may need what the constructor of a derived class has yet to set.
        if type(self).container is Task.container:
            settings.check_without_container(self.site, given)


class RunnableTask(Task[P, R_co]):
    """A task that wraps a function of the user. A task type overrides `execute`, `message`, or both.

    Attributes:
        annotations_of_nothing: What a function may be annotated to return, beside None, to say that the task has no
            outputs, because `execute` makes something else of it.
    """

    annotations_of_nothing: Collection[Any] = ()

    def __init__(self, function: Callable[P, R_co], **options: Unpack[settings.TaskOptions]) -> None:
        """Wrap a function.

        Args:
            function: Any plain function with annotations.
            **options: See `TaskOptions`.

        Raises:
            UserError: The function, a type or a setting is not supported.
        """
        self.site = definitions.of_function("task", function)
        self.function = function
        self.interface = interfaces.of_function(function, self.site, self.annotations_of_nothing)
        self.settings = settings.of_task(self.site, options)
        self._message = None
        self._check_type()
        functools.update_wrapper(cast("Callable[P, R_co]", self), function)

    def execute(self, /, **inputs: Any) -> Any:
        """Do the work of one attempt, in a process of its own; `current_context()` tells which.

        Args:
            **inputs: The inputs, as Python values.

        Returns:
            What the interface promises; or a `DynamicJobSpec`, as which the task then goes on (see `record_futures`).
        """
        return self.function(**inputs)  # pyright: ignore[reportCallIssue] - inputs go by name

    def container(self) -> messages.Container | None:
        """The command that runs the function in a container; the engine's warm workers read the last two arguments.

        Raises:
            UserError: No other process could find this task by name.
        """
        return messages.Container(args=[*COMMAND, "--", self.site.module, names.loadable_name(self)])

    def run_locally(self, arguments: Mapping[str, Any]) -> Any:
        """Run it in this process, on plain values."""
        return runs.call(self.site, self.interface, self.execute, arguments)


COMMAND = (
    "elevon-execute",
    "--inputs",
    "{{.input}}",
    "--output-prefix",
    "{{.outputPrefix}}",
    "--raw-output-data-prefix",
    "{{.rawOutputDataPrefix}}",
)


class OverriddenCall(Generic[P, R_co]):
    """A task with settings for one call."""

    def __init__(self, task: Task[P, R_co], overrides: settings.NodeSettings) -> None:
        self._task = task
        self._overrides = overrides

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self._task.invoke(args, kwargs, self._overrides)


class FunctionTask(RunnableTask[P, R_co]):
    """The plain Python task."""

    task_type = "python-task"


class TaskDecorator(Generic[O]):
    """The decorator of a task class; see `task_decorator`."""

    def __init__(self, make: Callable[..., RunnableTask[..., Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, function: Callable[Q, S], /) -> RunnableTask[Q, S]: ...

    @overload
    def __call__(
        self, *args: O.args, **options: O.kwargs
    ) -> Callable[[Callable[Q, S]], RunnableTask[Q, S]]: ...

    def __call__(self, *args: Any, **options: Any) -> Any:
        function: Any = next(iter(args), None)
        if function is None:
            return functools.partial(self._make, **options)
        if len(args) > 1 or not callable(function):
            raise errors.UserError(f"the decorator of a task takes settings by name, not {list(args)}")
        return self._make(function, **options)


def task_decorator(
    make: Callable[Concatenate[Callable[..., Any], O], RunnableTask[..., Any]],
) -> TaskDecorator[O]:
    """Make a decorator from a task class, in one line: `hive_task` from `HiveTask`.

    It works bare and with the keywords of the class's constructor, and what it decorates keeps its types.
    """
    return TaskDecorator(make)


task = task_decorator(FunctionTask)
