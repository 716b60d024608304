"""The whole of what is served over HTTP, as one ASGI application.

Around every path stand two things: a request must be meant for us, and whatever is raised becomes an answer of one JSON
object with `code` and `message`. A traceback goes to the log, never to a client.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elevon import errors
from elevon.admin.wire.admin_services import AdminService
from elevon.admin.wire.extensions import Extensions
from elevon.admin.wire.operations import Operations
from elevon.primitives.figures import Figures
from elevon.serve import bodies, flyte_routes, operator_routes, own_routes, refusals
from elevon.serve.own_routes import Probes

_log = logging.getLogger(__name__)
_NOWHERE: Final = "none"

Handler = Callable[[Request, Exception], Awaitable[Response]]


def application(
    service: AdminService,
    extensions: Extensions,
    operations: Operations,
    probes: Probes,
    figures: Figures,
    hosts: Collection[str],
) -> ASGIApp:
    """What answers requests.

    Args:
        service: What Flyte's paths lead to.
        extensions: What our own paths lead to.
        operations: What those lead to that operators need.
        probes: What health, readiness and metrics tell.
        figures: Where requests are counted.
        hosts: Names that requests may be sent to, without a port; empty for any.
    """
    routes = [
        *flyte_routes.routes(service),
        *own_routes.routes(extensions, probes),
        *operator_routes.routes(operations),
    ]
    handlers: dict[type[Exception], Handler] = {
        HTTPException: _answer_http,
        ClientDisconnect: _answer_nobody,
        errors.ElevonError: _answer,
        Exception: _answer_unexpected,
    }
    served = Starlette(routes=routes, exception_handlers=handlers)
    served.router.redirect_slashes = False
    return _Gate(served, routes, figures, frozenset(hosts))


async def _answer_http(request: Request, error: Exception) -> Response:
    """What Starlette refuses: a path or a method that is not there."""
    path = request.url.path
    if not isinstance(error, HTTPException) or error.status_code not in (404, 405):
        return bodies.of_error(errors.UserError(str(error)))
    if error.status_code == 404:  # noqa: PLR2004 - HTTP's own
        return bodies.of_error(refusals.NoPathError(f"there is nothing at {path}"))
    answer = bodies.of_error(refusals.NoMethodError(f"{request.method} is nothing that {path} does"))
    answer.headers.update(error.headers or {})
    return answer


async def _answer(_request: Request, error: Exception) -> Response:
    return bodies.of_error(error)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    """The client has gone while it sent its request."""
    return Response(status_code=400)


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    return _unexpected(f"{request.method} {request.url.path}", error)


def _unexpected(what: str, error: Exception) -> Response:
    _log.error("%s: this is a bug of elevon", what, exc_info=error)
    policy = errors.policy_of(error)
    said = {"code": policy.code, "message": "this is a bug of elevon: the log of the server tells more"}
    return bodies.of_struct(said, policy.http_status)


class _Gate:
    """Lets in what is meant for us, counts it, and answers what has gone wrong on the way."""

    def __init__(self, served: ASGIApp, routes: list[Route], figures: Figures, hosts: frozenset[str]) -> None:
        self._served = served
        self._routes = routes
        self._figures = figures
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._served(scope, receive, send)
            return
        begun_at = time.perf_counter()
        sent = _Sent(send)
        host = Request(scope).headers.get("host", "")
        try:
            if self._hosts and _name_of(host) not in self._hosts:
                await bodies.of_error(self._not_ours(host))(scope, receive, sent)
            else:
                await self._served(scope, receive, sent)
        except asyncio.CancelledError:  # the server has waited long enough for whoever sends this request
            if sent.status:
                raise
            ending = errors.UnavailableError(
                "this server is being ended: send the request again to the next one"
            )
            await bodies.of_error(ending)(scope, receive, sent)
        except Exception as error:  # noqa: BLE001 - Starlette raises it again, for servers that log; ours is answered
            if not sent.status:
                await _unexpected(f"{scope['method']} {scope['path']}", error)(scope, receive, sent)
        finally:
            self._count(scope, sent.status, time.perf_counter() - begun_at)

    def _not_ours(self, host: str) -> refusals.ForbiddenHostError:
        known = ", ".join(sorted(self._hosts))
        return refusals.ForbiddenHostError(
            f"the request was sent to the host {host!r}, which is not this server's: use {known}"
        )

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = next((one.path for one in self._routes if one.matches(scope)[0] is Match.FULL), _NOWHERE)
        labels = {"route": route, "method": scope["method"] if route != _NOWHERE else _NOWHERE}
        self._figures.counter(
            "elevon_http_requests", "Requests over HTTP.", status=str(status), **labels
        ).add()
        self._figures.histogram(
            "elevon_http_seconds", "How long requests took, waits included.", **labels
        ).observe(seconds)


class _Sent:
    """Passes an answer on, and remembers its status; 0 until it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _name_of(host: str) -> str:
    """A host as it stands in a header, without its port."""
    name, separator, port = host.rpartition(":")
    return (name if separator and port.isdecimal() else host).strip("[]").lower()
