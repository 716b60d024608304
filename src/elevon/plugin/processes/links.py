"""One end of the pipe between the engine and a host process: requests both ways, many at once, and notes.

It owns numbers, answers and cancellations, and that what is said in one turn of the loop goes out in one frame. Which
objects are behind the names is the other modules' matter. An exception crosses as the nearest class of elevon's tree,
by name and text.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Protocol

import msgspec

from elevon import errors
from elevon.plugin import crossings
from elevon.plugin.processes import interfaces
from elevon.plugin.processes.interfaces import Interface, Method

_LIMIT_BYTES: Final = 512 << 20  # of one value; a frame holds several, and has a limit too
_BATCH_BYTES: Final = 1 << 20
_ERRORS: Final[dict[str, type[errors.ElevonError]]] = {
    one.__name__: one
    for one in (
        errors.UserError,
        errors.NotFoundError,
        errors.ConflictError,
        errors.UnavailableError,
        errors.CorruptStateError,
        errors.BugError,
        errors.RetryableError,
        errors.QuotaError,
    )
}
_log = logging.getLogger(__name__)


class Request(msgspec.Struct, frozen=True, tag="?", array_like=True):
    """Call a method, and answer under the number.

    Attributes:
        number: Of the asking end.
        service: Name of the service.
        key: Whose one it is.
        method: Its method.
        arguments: By the interface of the service.
    """

    number: int
    service: str
    key: str
    method: str
    arguments: msgspec.Raw


class Note(msgspec.Struct, frozen=True, tag="!", array_like=True):
    """Call a method; nobody waits."""

    service: str
    key: str
    method: str
    arguments: msgspec.Raw


class Cancel(msgspec.Struct, frozen=True, tag="x", array_like=True):
    """End a request; it is answered all the same."""

    number: int


class Result(msgspec.Struct, frozen=True, tag="=", array_like=True):
    """What a request returned."""

    number: int
    value: msgspec.Raw


class Trouble(msgspec.Struct, frozen=True, tag="e", array_like=True):
    """What a request raised: class, text, and when to ask again."""

    number: int
    kind: str
    text: str
    after: timedelta | None = None


class Cancelled(msgspec.Struct, frozen=True, tag="c", array_like=True):
    """A request has ended because it was cancelled."""

    number: int


Message = Request | Note | Cancel | Result | Trouble | Cancelled
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])


class Target(Protocol):
    """Finds what a name of the other end means."""

    def __call__(self, service: str, key: str) -> tuple[Any, Interface]:
        """The object and its interface; `BugError` if there is none."""
        ...


class Pending:
    """A request of ours that is under way.

    Attributes:
        answer: Its result or exception; cancelled if the request was.
    """

    def __init__(self, link: "Link", number: int, method: Method) -> None:
        self._link = link
        self._number = number
        self.method = method
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        """Ask the other end to end it; `answer` tells when it has."""
        self._link.send(Cancel(self._number))

    def drop_answer(self) -> None:
        """Nobody will read the answer: asyncio need not complain about it."""
        if self.answer.done() and not self.answer.cancelled():
            self.answer.exception()


class Link:
    """One end. Everything but `note` belongs to the loop in which it was made.

    Args:
        write: Takes frames; says False when the other end is gone.
        find: What the other end may call.
    """

    def __init__(self, write: Callable[[bytes], bool], find: Target) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._crossing = crossings.Crossing(self._loop)
        self._write = write
        self._find = find
        self._unsent: list[Message] = []
        self._unsent_bytes = 0
        self._number = 0
        self._pending: dict[int, Pending] = {}
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._end: BaseException | None = None

    def service(self, name: str, key: str, protocol: Any) -> Any:
        """An object of the other end, as one of this end."""

        def call(method: Method, arguments: tuple[Any, ...]) -> Any:
            if method.is_note:
                return self.note(name, key, method, arguments)
            return self.ask(name, key, method, arguments)

        return interfaces.proxy(protocol, call)

    def begin(self, service: str, key: str, method: Method, arguments: tuple[Any, ...]) -> Pending:
        """Send a request.

        Raises:
            UserError: It is too large.
        """
        self._number += 1
        pending = Pending(self, self._number, method)
        if self._end is not None:
            pending.answer.set_exception(self._end)
            return pending
        encoded = _encoded(arguments, f"what {service}.{method.name} is given")
        self._pending[self._number] = pending
        self.send(Request(self._number, service, key, method.name, encoded), _size_of(encoded))
        return pending

    async def ask(self, service: str, key: str, method: Method, arguments: tuple[Any, ...]) -> Any:
        """Send a request and wait for its answer.

        A cancellation is passed on, and waits until the request has ended; a second one waits no longer.
        """
        pending = self.begin(service, key, method, arguments)
        try:
            await asyncio.wait([pending.answer])
        except asyncio.CancelledError:
            pending.cancel()
            await asyncio.wait([pending.answer])
            pending.drop_answer()
            raise
        return pending.answer.result()

    def note(self, service: str, key: str, method: Method, arguments: tuple[Any, ...]) -> None:
        """Send a note; from any thread."""
        message = Note(
            service, key, method.name, _encoded(arguments, f"what {service}.{method.name} is given")
        )
        if threading.get_ident() == self._thread:
            self.send(message)
        else:
            self._crossing.post(lambda: self.send(message))

    def send(self, message: Message, size: int = 0) -> None:
        """Hand a message over with all others of this turn of the loop."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(message)
        self._unsent_bytes += size
        if self._unsent_bytes > _BATCH_BYTES:
            self._flush()

    def take(self, payloads: list[bytes]) -> None:
        """What has come over the pipe.

        Raises:
            MsgspecError: It is nothing that a link says.
        """
        for payload in payloads:
            for message in _decoder.decode(payload):
                self._take(message)

    def fail(self, error: BaseException) -> None:
        """The other end is gone: all that waits for it raises this, now and later, and nothing is served any more."""
        self._end = error
        pending, self._pending = self._pending, {}
        for one in pending.values():
            if not one.answer.done():
                one.answer.set_exception(error)
                one.drop_answer()
        for task in self._serving.values():
            task.cancel()

    def _flush(self) -> None:
        if self._unsent:
            messages, self._unsent, self._unsent_bytes = self._unsent, [], 0
            if self._end is None:
                self._write(_encoder.encode(messages))

    def _take(self, message: Message) -> None:
        match message:
            case Result() | Trouble() | Cancelled():
                pending = self._pending.pop(message.number, None)
                if pending is not None and not pending.answer.done():
                    _settle(pending, message)
            case Request():
                task = self._loop.create_task(self._serve(message))
                self._serving[message.number] = task
                task.add_done_callback(lambda _: self._serving.pop(message.number, None))
            case Cancel():
                if message.number in self._serving:
                    self._serving[message.number].cancel()
            case Note():
                self._serve_note(message)

    async def _serve(self, request: Request) -> None:
        answer: Message
        try:
            target, interface = self._find(request.service, request.key)
            method = interface[request.method]
            arguments = method.arguments.decode(request.arguments)
            result = await crossings.contained(lambda: getattr(target, method.name)(*arguments))
            value = _encoded(result, f"what {request.service}.{method.name} returns")
            self.send(Result(request.number, value), _size_of(value))
            return
        except asyncio.CancelledError:
            answer = Cancelled(request.number)
        except errors.ElevonError as error:
            answer = _trouble(request.number, error)
        except Exception as error:  # noqa: BLE001 - what the other end asked for is answered, whatever comes of it
            _log.exception("%s.%s failed", request.service, request.method)
            answer = Trouble(request.number, "BugError", f"{type(error).__name__}: {error}")
        self.send(answer)

    def _serve_note(self, note: Note) -> None:
        try:
            target, interface = self._find(note.service, note.key)
            method = interface[note.method]
            getattr(target, method.name)(*method.arguments.decode(note.arguments))
        except Exception:  # noqa: BLE001 - a note that fails has nobody to tell
            _log.exception("%s.%s failed", note.service, note.method)


def _settle(pending: Pending, message: Result | Trouble | Cancelled) -> None:
    answer = pending.answer
    match message:
        case Result():
            try:
                answer.set_result(pending.method.result.decode(message.value))
            except msgspec.MsgspecError as error:
                answer.set_exception(errors.BugError(f"{pending.method.name} was answered by {error}"))
        case Trouble():
            answer.set_exception(_error(message))
        case Cancelled():
            answer.cancel()


def _encoded(value: Any, what: str) -> msgspec.Raw:
    encoded = interfaces.encode(value)
    if _size_of(encoded) > _LIMIT_BYTES:
        raise errors.UserError(
            f"{what} has {_size_of(encoded)} bytes, and {_LIMIT_BYTES} is the limit between the engine and a host: "
            "pass it as a file"
        )
    return encoded


def _size_of(encoded: msgspec.Raw) -> int:
    return len(memoryview(encoded))


def _trouble(number: int, error: errors.ElevonError) -> Trouble:
    kind = next((one.__name__ for one in type(error).__mro__ if one.__name__ in _ERRORS), "BugError")
    after = error.after if isinstance(error, errors.RetryableError) else None
    return Trouble(number, kind, str(error).encode(errors="backslashreplace").decode(), after)


def _error(trouble: Trouble) -> errors.ElevonError:
    kind = _ERRORS.get(trouble.kind, errors.BugError)
    if issubclass(kind, errors.RetryableError):
        return kind(trouble.text, trouble.after)
    return kind(trouble.text)
