"""A task called for each item of lists whose length only the run knows.

It owns `map_task` and what a call of its result means in each place: a node with elements in a workflow, a loop over
the task elsewhere. A run's lists are kept once; each element is given its own item of them, and the items that fail
without failing the whole are None. It must never serialize, nor know how elements are run.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any, Generic, TypedDict, TypeVar, Unpack, cast, overload

from elevon import errors
from elevon.idl import literal_types
from elevon.primitives import suggestions
from elevon.sdk import calls, definitions, graphs, interfaces, promises, settings, tracing, types
from elevon.sdk.tasks import Task

R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
LARGEST_COUNT = 2**32 - 1
"""That the wire holds."""


class MapOptions(TypedDict, total=False):
    """Keywords of `map_task`.

    Attributes:
        concurrency: So many elements at once; 0, the default, for as many as the run allows.
        min_successes: So many elements must succeed; all unless given.
        min_success_ratio: Such a part of them must succeed, from 0 to 1; instead of `min_successes`.
        run_all_sub_nodes: Whether the others still run once too many have failed; otherwise they are ended.
    """

    concurrency: int | None
    min_successes: int | None
    min_success_ratio: float | None
    run_all_sub_nodes: bool


class MappedTask(Generic[T_co]):
    """A task to be called with a list for each of its parameters but those that are fixed.

    Attributes:
        site: Where the task is defined.
        task: The task.
        settings: How its elements are run.
    """

    def __init__(self, task: Task[..., Any], fixed: Mapping[str, Any], options: graphs.MapSettings) -> None:
        self.site = task.site
        self.task = task
        self.settings = options
        self._fixed = fixed

    def with_overrides(self, **overrides: Unpack[settings.NodeOptions]) -> "OverriddenMap[T_co]":
        """The same with settings for one call; what they say of retries, time and resources holds for each element.

        Raises:
            UserError: A setting is not supported.
        """
        return OverriddenMap(self, settings.of_node(self.site, overrides))

    def invoke(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], overrides: settings.NodeSettings
    ) -> Any:
        """A call: a node when recorded, else a run in this process, element by element."""
        target, arguments = self._target(args, kwargs)
        scope = tracing.current()
        if scope is None:
            return self._run(target, arguments)
        return tracing.add_call(scope, target, arguments, overrides)

    def __call__(self, *args: Any, **kwargs: Any) -> T_co:
        return self.invoke(args, kwargs, settings.NodeSettings())

    def __repr__(self) -> str:
        return f"<map of {self.site}>"

    def _target(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[graphs.Mapped, dict[str, Any]]:
        """What a call runs, and its inputs: a parameter that only its default fills is the same for all elements."""
        own = self.task.interface
        names = [name for name in list(own.inputs)[: own.positional_count] if name not in self._fixed]
        if len(args) > len(names):
            raise self.site.error(f"is mapped over {len(names)} lists by position but was given {len(args)}")
        named = dict(zip(names, args, strict=False))
        if doubled := named.keys() & kwargs.keys():
            raise self.site.error(f"was given {min(doubled)!r} twice, by position and by name")
        for name, value in {**named, **kwargs}.items():
            if name in own.inputs and not (isinstance(value, list) or promises.is_promise(value)):
                raise self.site.error(
                    f"is mapped over {name!r}, which is no list: {value!r:.80}: give a list, or what is the same for "
                    f"all elements by functools.partial(TASK, {name}=...)"
                )
        given = {**self._fixed, **named, **kwargs}
        fixed = {
            name
            for name, parameter in own.inputs.items()
            if name in self._fixed or (name not in given and parameter.default is not interfaces.ABSENT)
        }
        if len(fixed) == len(own.inputs):
            raise self.site.error("is mapped over no list: give a list for one of its parameters")
        interface = _interface_of(self.site, own, fixed, self.settings)
        target = graphs.Mapped(self.site, interface, self.task, tuple(sorted(fixed)), self.settings)
        return target, calls.arguments_of(self.site, interface, (), given)

    def _run(self, target: graphs.Mapped, arguments: Mapping[str, Any]) -> Any:
        """Call the task element by element, as the engine would."""
        count = _count_of(target, arguments)
        needed = self.settings.needed(count)
        if needed > count > 0:
            raise self.site.error(f"at least {needed} elements must succeed, and there are only {count}")
        spare = count - needed
        made: dict[str, list[Any]] = {name: [] for name in target.interface.outputs}
        for index in range(count):
            inputs = {
                name: value if name in target.bound else value[index] for name, value in arguments.items()
            }
            try:
                outputs = self.task.interface.unpack(self.site, self.task.run_locally(inputs))
            except Exception:
                if not spare:
                    raise
                spare -= 1
                outputs = dict.fromkeys(made)
            for name, values in made.items():
                values.append(outputs[name])
        return target.interface.pack(made)


class OverriddenMap(Generic[T_co]):
    """A mapped task with settings for one call."""

    def __init__(self, mapped: MappedTask[T_co], overrides: settings.NodeSettings) -> None:
        self._mapped = mapped
        self._overrides = overrides

    def __call__(self, *args: Any, **kwargs: Any) -> T_co:
        return self._mapped.invoke(args, kwargs, self._overrides)


@overload
def map_task(
    target: Task[..., R] | functools.partial[R],
    /,
    *,
    concurrency: int | None = ...,
    run_all_sub_nodes: bool = ...,
) -> MappedTask[list[R]]: ...


@overload
def map_task(
    target: Task[..., R] | functools.partial[R],
    /,
    *,
    min_successes: int,
    concurrency: int | None = ...,
    run_all_sub_nodes: bool = ...,
) -> MappedTask[list[R | None]]: ...


@overload
def map_task(
    target: Task[..., R] | functools.partial[R],
    /,
    *,
    min_success_ratio: float,
    concurrency: int | None = ...,
    run_all_sub_nodes: bool = ...,
) -> MappedTask[list[R | None]]: ...


def map_task(
    target: Task[..., Any] | functools.partial[Any], /, **options: Unpack[MapOptions]
) -> MappedTask[Any]:
    """Make a task one that is called for each item of a list: `map_task(area)(width=widths, height=heights)`.

    Args:
        target: A task of any type with one output or none; in `functools.partial(task, name=value)` the arguments that
            are the same for all elements.
        **options: See `MapOptions`.

    Returns:
        What takes a list for each parameter, and gives the list of what the task gave, None for elements that failed;
        of a task that gives nothing it gives nothing.

    Raises:
        UserError: It is no task, it has several outputs, or a setting is none.
    """
    task: object = target.func if isinstance(target, functools.partial) else target
    if not isinstance(task, Task):
        raise errors.UserError(
            f"map_task takes a task, and {task!r} is none: define it with @task, or map a dynamic task around it"
        )
    mapped = cast("Task[..., Any]", task)
    if len(mapped.interface.outputs) > 1:
        raise mapped.site.error("has several outputs, which can't be mapped: return them as one dataclass")
    fixed = _fixed_of(mapped, target) if isinstance(target, functools.partial) else {}
    return MappedTask(mapped, fixed, _settings_of(mapped.site, options))


def _fixed_of(task: Task[..., Any], partial: functools.partial[Any]) -> dict[str, Any]:
    """The arguments that a partial holds, by name."""
    names = list(task.interface.inputs)[: task.interface.positional_count]
    if len(partial.args) > len(names):
        raise task.site.error(
            f"takes {len(names)} arguments by position but functools.partial gives {len(partial.args)}"
        )
    fixed = {**dict(zip(names, partial.args, strict=False)), **partial.keywords}
    for name in fixed:
        if name not in task.interface.inputs:
            hint = suggestions.hint(name, task.interface.inputs)
            raise task.site.error(f"has no parameter {name!r} for functools.partial to fix: {hint}")
    return fixed


def _settings_of(site: definitions.Site, options: Mapping[str, Any]) -> graphs.MapSettings:
    known = MapOptions.__annotations__
    for name, value in options.items():
        if name not in known:
            raise site.error(f"map_task has no setting {name!r}: {suggestions.hint(name, known)}")
        problem = _problem(name, value)
        if problem:
            raise site.error(f"map_task was given {name}={value!r}, which {problem}")
    made = graphs.MapSettings(**{name: value for name, value in options.items() if value is not None})
    if made.min_successes is not None and made.min_success_ratio is not None:
        raise site.error("map_task takes min_successes or min_success_ratio: give one of them")
    return made


def _problem(name: str, value: object) -> str:
    """What is wrong with a setting's value; empty if nothing is."""
    match name:
        case "concurrency" | "min_successes" if value is not None and (type(value) is not int or value < 0):
            return "is no count: use 0 or more"
        case "concurrency" | "min_successes" if isinstance(value, int) and value > LARGEST_COUNT:
            return f"is no count of elements: use at most {LARGEST_COUNT}"
        case "min_success_ratio" if value is not None and not _is_part(value):
            return "is no part of a whole: use a number from 0 to 1"
        case "run_all_sub_nodes" if not isinstance(value, bool):
            return "is neither True nor False"
        case _:
            return ""


def _is_part(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not math.isnan(value)
        and 0 <= value <= 1
    )


def _count_of(target: graphs.Mapped, arguments: Mapping[str, Any]) -> int:
    """How many elements the lists have."""
    lengths = {
        name: len(cast("list[Any]", value)) for name, value in arguments.items() if name not in target.bound
    }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise target.site.error(f"is mapped over lists that differ in length: {told}")
    return next(iter(lengths.values()))


def _interface_of(
    site: definitions.Site, own: interfaces.Interface, fixed: set[str], options: graphs.MapSettings
) -> interfaces.Interface:
    """What the mapped task takes and gives, some of its inputs being the same for all elements."""
    inputs = {
        name: parameter if name in fixed else _listed(parameter) for name, parameter in own.inputs.items()
    }
    outputs = {
        name: _listed(_optional(site, parameter) if options.may_lack else parameter)
        for name, parameter in own.outputs.items()
    }
    shape = interfaces.Shape.SINGLE if outputs else interfaces.Shape.NOTHING
    return interfaces.Interface(inputs, outputs, shape, summary=own.summary)


def _listed(parameter: interfaces.Parameter) -> interfaces.Parameter:
    return interfaces.Parameter(
        parameter.name,
        list[parameter.annotation],
        literal_types.collection_of(parameter.type),
        description=parameter.description,
    )


def _optional(site: definitions.Site, parameter: interfaces.Parameter) -> interfaces.Parameter:
    annotation = parameter.annotation | None
    try:
        literal_type = types.literal_type_of(annotation)
    except errors.UserError as error:
        raise site.error(f"output {parameter.name!r} may be None where an element fails: {error}") from error
    return interfaces.Parameter(parameter.name, annotation, literal_type, description=parameter.description)
