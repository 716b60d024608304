"""Bodies of requests and answers: flyteidl's messages and our structs, as JSON or as protobuf writes them.

Messages travel in protobuf's JSON mapping, as at Flyte's gateway, or in binary, if the request says so by its
`Content-Type` or `Accept`. A body that can't be understood is refused by the field that is wrong. A body must say that
it is JSON or protobuf: a page in somebody's browser can't send that to us without being asked first.
"""

import json
from typing import Any, Final, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import Response

from elevon import errors
from elevon.idl import customs
from elevon.primitives import misfits
from elevon.serve import refusals

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
_BINARIES: Final = frozenset({BINARY, "application/x-protobuf", "application/protobuf"})
LIMIT_BYTES: Final = 8 * 1024 * 1024
LARGE_LIMIT_BYTES: Final = 64 * 1024 * 1024
_MEBIBYTE: Final = 1024 * 1024

M = TypeVar("M", bound=Message)
S = TypeVar("S", bound=msgspec.Struct)


async def read_message(request: Request, wanted: type[M]) -> M:
    """The message in a body; an empty body is an empty message.

    Raises:
        UserError: It is none; names the field.
        TooLargeError: It is larger than is taken.
        UnsupportedError: It is neither JSON nor protobuf.
    """
    content = await _read(request, LIMIT_BYTES)
    if not content:
        return wanted()
    if _media_type(request) in _BINARIES:
        try:
            return wanted.FromString(content)
        except DecodeError as error:
            raise errors.UserError(
                f"the body is no {wanted.DESCRIPTOR.name} as protobuf writes it: {error}"
            ) from error
    _check_is_json(request)
    try:
        plain = json.loads(content, object_pairs_hook=_of_pairs)
    except (ValueError, RecursionError) as error:
        raise errors.UserError(f"the body is no JSON: {_in_a_line(error)}") from error
    try:
        return customs.parse(plain, wanted)
    except errors.UserError as error:
        raise errors.UserError(f"the body: {_in_a_line(error)}") from error


async def read_struct(request: Request, wanted: type[S]) -> S:
    """The struct in a body of JSON; bytes are in base64.

    Raises:
        UserError: It is none; names the field.
        TooLargeError: It is larger than is taken.
        UnsupportedError: It is no JSON.
    """
    _check_is_json(request)
    content = await _read(request, LARGE_LIMIT_BYTES)
    try:
        return msgspec.json.decode(content, type=wanted)
    except msgspec.ValidationError as error:
        raise errors.UserError(f"the body: {misfits.misfit(error, wanted).sentence()}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.UserError(f"the body is no JSON: {_in_a_line(error)}") from error


def of_message(request: Request, message: Message) -> Response:
    """An answer in the form that the request accepts."""
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")}
    if accepted & _BINARIES:
        return Response(message.SerializeToString(), media_type=BINARY)
    return Response(json_format.MessageToJson(message, indent=None), media_type=JSON)


def of_struct(content: msgspec.Struct | dict[str, Any], status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), status, media_type=JSON)


def of_error(error: BaseException) -> Response:
    """The answer that an error of the tree is: its status by the table, its code and its sentence."""
    policy = errors.policy_of(error)
    status = error.http_status if isinstance(error, refusals.RefusedError) else policy.http_status
    return of_struct({"code": policy.code, "message": str(error)}, status)


async def _read(request: Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise refusals.TooLargeError(
                f"the body is larger than {limit // _MEBIBYTE} MiB, which is all that {request.url.path} takes"
            )
        pieces.append(piece)
    return b"".join(pieces)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_is_json(request: Request) -> None:
    if _media_type(request) != JSON:
        raise refusals.UnsupportedError(
            f"the Content-Type is {_media_type(request)!r}: {request.url.path} takes {JSON}"
        )


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a name that stands there twice nobody knows which one is meant."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"the name {name!r} stands twice in one object")
        made[name] = value
    return made


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())
