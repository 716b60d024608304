"""What a Protocol says, read such that its methods can be called from another process.

It exists so that a service crosses the pipe by its own Protocol, without a second description of it: an async method
is a request that is answered, a plain one that returns None is a note that is not. Arguments and results are values
that msgspec can carry, messages of protobuf and paths. It must never know a service.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from google.protobuf.message import Message


class Method(NamedTuple):
    """One method.

    Attributes:
        name: Its name.
        signature: Without `self`.
        is_note: Whether nobody waits for it.
        arguments: Decodes all of them, as a tuple.
        result: Decodes what it returns.
    """

    name: str
    signature: inspect.Signature
    is_note: bool
    arguments: msgspec.msgpack.Decoder[tuple[Any, ...]]
    result: msgspec.msgpack.Decoder[Any]

    def bind(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
        """All arguments in their order, those too that the caller left out."""
        if not named and len(arguments) == len(self.signature.parameters):
            return arguments
        bound = self.signature.bind(*arguments, **named)
        bound.apply_defaults()
        return bound.args


Interface = Mapping[str, Method]


@functools.cache
def interface_of(protocol: Any) -> Interface:
    """The methods of a Protocol by name; its properties are left out."""
    found = inspect.getmembers(protocol, inspect.isfunction)
    return {name: _method(name, function) for name, function in found if not name.startswith("_")}


def proxy(protocol: Any, call: Callable[[Method, tuple[Any, ...]], Any]) -> Any:
    """An object with the methods of a Protocol, each of which is handed to `call`.

    Args:
        protocol: The interface.
        call: For a request it returns an awaitable, for a note None.
    """
    return _proxy_class(protocol)(call)


def encode(value: Any) -> msgspec.Raw:
    """The bytes of an argument list or of a result; text that is no Unicode goes as escapes.

    Raises:
        NotImplementedError: It holds what can't be carried.
    """
    try:
        return msgspec.Raw(_ENCODER.encode(value))
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes, datetime), enc_hook=_encode_hook)
        return msgspec.Raw(_ENCODER.encode(_escaped(plain)))


def decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Reads values of a type that `encode` wrote."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_decode_hook)


def _method(name: str, function: Callable[..., Any]) -> Method:
    hints = typing.get_type_hints(function)
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    arguments = tuple[tuple(hints[parameter.name] for parameter in parameters)]
    return Method(
        name=name,
        signature=signature.replace(parameters=parameters),
        is_note=not inspect.iscoroutinefunction(function),
        arguments=decoder(arguments),
        result=decoder(hints["return"]),
    )


class _Proxy:
    def __init__(self, call: Callable[[Method, tuple[Any, ...]], Any]) -> None:
        self.call = call


@functools.cache
def _proxy_class(protocol: Any) -> type[_Proxy]:
    methods = {name: _forwarding(method) for name, method in interface_of(protocol).items()}
    return type(f"Remote{protocol.__name__}", (_Proxy,), methods)


def _forwarding(method: Method) -> Callable[..., Any]:
    def forward(self: _Proxy, *arguments: Any, **named: Any) -> Any:
        return self.call(method, method.bind(arguments, named))

    return forward


def _encode_hook(value: Any) -> Any:
    if isinstance(value, Message):
        return value.SerializeToString(deterministic=True)
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} can't be handed to another process")


def _decode_hook(kind: type, value: Any) -> Any:
    if issubclass(kind, Message):
        return kind.FromString(value)
    if issubclass(kind, Path):
        return kind(value)
    raise NotImplementedError(f"{kind.__name__} can't be handed to another process")


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            entries = cast("dict[Any, Any]", value).items()
            return {_escaped(name): _escaped(inner) for name, inner in entries}
        case list() | tuple():
            return [_escaped(inner) for inner in cast("Sequence[Any]", value)]
        case _:
            return value


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode_hook)
