"""What an executor class declares, read and checked before the engine relies on it.

It owns every reason to refuse a class for what it says of itself; whether two classes can live together is the
registry's matter. It must never call anything of an executor.
"""

import inspect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeGuard, TypeVar, cast, get_args, get_origin

import msgspec

from elevon import errors
from elevon.idl.messages import Message
from elevon.plugin.executors import CONTRACT_VERSION, Executor, ExecutorProperties, Isolation

_ISOLATIONS = get_args(Isolation)
_GIVEN = {
    "initialize": ("setup",),
    "start_task": ("ctx", "template", "spec", "inputs"),
    "check_task_status": ("ctx",),
    "kill_task": ("ctx", "reason"),
    "finalize_task": ("ctx",),
    "resolve_outputs": ("ctx", "*names"),
    "migrate": ("old_version", "raw"),
    "close": (),
}
"""What the engine gives to each method."""
_SHORTEST_NAME_LIMIT = 16  # a generated name carries a digest of ten characters


class DeclaredTypes(msgspec.Struct, frozen=True):
    """The parameters of `Executor[Message, State]`.

    Attributes:
        message: The protobuf class of `template.custom`; None for a type without a message.
        state: The type of the custom state; `type(None)` for an executor without state.
    """

    message: type[Message] | None
    state: Any


def is_executor(found: object) -> TypeGuard[type[Executor[Any, Any]]]:
    """Whether something is a class that derives from `Executor`."""
    return isinstance(found, type) and issubclass(found, Executor)


def path_of(executor: type) -> str:
    """How a class is named to a person: `module:Class`, as `--tasktype` takes it."""
    return f"{executor.__module__}:{executor.__qualname__}"


def declared_types(executor: type) -> DeclaredTypes:
    """Message and state that a class declares, itself or by a generic class between it and `Executor`.

    Raises:
        UserError: It declares none, or the message is not a protobuf class.
    """
    declared = next(_parameters_of_executor(executor, {}), None)
    if declared is None or any(_is_open(argument) for argument in declared):
        raise errors.UserError(
            f"{path_of(executor)} names no message and state: derive it from Executor[Message, State]"
        )
    message, state = declared
    if message is type(None):
        return DeclaredTypes(None, state)
    if not (isinstance(message, type) and issubclass(message, Message)):
        raise errors.UserError(
            f"{path_of(executor)} declares {message!r} as its message: name a protobuf class, or None for no message"
        )
    return DeclaredTypes(message, state)


def _parameters_of_executor(cls: Any, known: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The arguments of `Executor` as seen from a class whose own type variables stand for `known`."""
    bases: tuple[Any, ...] = cls.__dict__.get("__orig_bases__", cls.__bases__)
    for base in bases:
        origin: Any = get_origin(base) or base
        if not is_executor(origin):
            continue
        arguments = tuple(_filled(argument, known) for argument in get_args(base))
        if origin is Executor:
            if arguments:
                yield arguments[0], arguments[1]
        else:
            variables: tuple[Any, ...] = origin.__dict__.get("__parameters__", ())
            yield from _parameters_of_executor(origin, dict(zip(variables, arguments, strict=False)))


def _is_open(argument: Any) -> bool:
    """Whether a type is, or still has, a variable that nobody has filled."""
    return isinstance(argument, TypeVar) or bool(_variables(argument))


def _filled(argument: Any, known: Mapping[Any, Any]) -> Any:
    """A type with its variables replaced: `R`, and the one in `ResourceState[R]` too."""
    if isinstance(argument, TypeVar):
        return known.get(argument, argument)
    variables = _variables(argument)
    return argument[tuple(known.get(variable, variable) for variable in variables)] if variables else argument


def _variables(argument: Any) -> tuple[Any, ...]:
    """The variables in the brackets of a type."""
    return getattr(argument, "__parameters__", ()) if get_origin(argument) is not None else ()


def check_class(executor: object) -> type[Executor[Any, Any]]:
    """The same object, as a class that the engine can serve with.

    Raises:
        UserError: It is no executor, is incomplete, or declares something that the engine can't honour.
    """
    if not is_executor(executor):
        raise errors.UserError(f"{executor!r} is no executor: derive a class from elevon.plugin.Executor")
    if inspect.isabstract(executor):
        missing = ", ".join(sorted(executor.__abstractmethods__))
        raise errors.UserError(f"{path_of(executor)} is incomplete: implement {missing}")
    for problem in _problems(executor):
        raise errors.UserError(f"{path_of(executor)} {problem}")
    declared_types(executor)
    return executor


def _problems(executor: type[Any]) -> Iterator[str]:
    """What is wrong with the class attributes, each as the end of a sentence that begins with the class."""
    name: Any = getattr(executor, "id", None)
    if not (isinstance(name, str) and name):
        yield 'has no id: set id = "..." to a name that is unique in the engine'
    types: Any = getattr(executor, "task_types", None)
    may_be_empty = getattr(executor.properties, "discovers_types", False)
    if not (_are_types(types) and (types or may_be_empty)):
        yield f'has task_types={types!r}: set it to a tuple of type strings, such as ("sleep",)'
    if executor.contract_version > CONTRACT_VERSION:
        yield (
            f"needs version {executor.contract_version} of the executor contract and this elevon has "
            f"{CONTRACT_VERSION}: upgrade elevon"
        )
    config_type: Any = executor.config_type
    if config_type is not None and not (
        isinstance(config_type, type) and issubclass(config_type, msgspec.Struct)
    ):
        yield f"has config_type={config_type!r}: use a msgspec Struct with defaults, or None"
    yield from _problems_of_properties(executor.properties)
    yield from _problems_of_methods(executor)


def _are_types(found: Any) -> bool:
    return isinstance(found, tuple) and all(isinstance(one, str) and one for one in cast("Any", found))


def _problems_of_methods(executor: type[Any]) -> Iterator[str]:
    for name, given in _GIVEN.items():
        method = inspect.getattr_static(executor, name)
        if not inspect.isfunction(method):
            continue
        signature = inspect.signature(method)
        try:
            signature.bind(executor, *given)
        except TypeError:
            wanted = ", ".join(("self", *given))
            yield f"defines {name}{signature}, which can't be called: define it as {name}({wanted})"


def _problems_of_properties(properties: object) -> Iterator[str]:
    if not isinstance(properties, ExecutorProperties):
        yield f"has properties={properties!r}: use ExecutorProperties(...)"
        return
    if properties.isolation not in _ISOLATIONS:
        allowed = " or ".join(repr(one) for one in _ISOLATIONS)
        yield f"has isolation={properties.isolation!r}: use {allowed}"
    if properties.call_timeout <= timedelta(0) or properties.check_after < timedelta(0):
        yield "has a negative span among call_timeout and check_after, or no call_timeout: use positive ones"
    if properties.max_concurrency < 0:
        yield f"has max_concurrency={properties.max_concurrency}: use 0 for no limit, or a positive number"
    if properties.max_concurrency and properties.uses_launcher:
        yield (
            f"has max_concurrency={properties.max_concurrency} and uses_launcher=True: leave one of them out, because "
            "the slots of the launcher are the limit already"
        )
    generated: Any = properties.generates_types
    if not _are_types(generated):
        yield f'has generates_types={generated!r}: use a tuple of type strings, such as ("hive",)'
    if properties.generated_name_max_length < _SHORTEST_NAME_LIMIT:
        yield (
            f"has generated_name_max_length={properties.generated_name_max_length}: "
            f"a unique name needs at least {_SHORTEST_NAME_LIMIT} characters"
        )
