"""The paths that Flyte does not have: below `/elevon/v1` what its admin service has no call for, and the probes."""

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from elevon import errors
from elevon.admin.executions import DOMAIN, PROJECT
from elevon.admin.wire.extensions import Extensions, Registration
from elevon.records.identities import AttemptId, ExecutionId
from elevon.serve import bodies, queries

PREFIX: Final = "/elevon/v1"


class Probes(msgspec.Struct, frozen=True):
    """What a supervisor and a scraper are told.

    Attributes:
        is_ready: Whether executions are taken up.
        metrics: The figures, and the type of the text that they are.
    """

    is_ready: Callable[[], bool]
    metrics: Callable[[], tuple[bytes, str]]


def routes(extensions: Extensions, probes: Probes) -> list[Route]:
    """What is served of our own paths."""
    calls = _Calls(extensions, probes)
    return [
        Route("/healthz", calls.health),
        Route("/readyz", calls.readiness),
        Route("/metrics", calls.metrics),
        Route(f"{PREFIX}/launch_plans", calls.register, methods=["POST"]),
        Route(f"{PREFIX}/executions/{{name}}", calls.snapshot, methods=["GET"]),
        Route(f"{PREFIX}/executions/{{name}}/updates", calls.update),
        Route(f"{PREFIX}/executions/{{name}}/streams", calls.streams),
        Route(f"{PREFIX}/executions/{{name}}/logs", calls.logs),
    ]


class _Calls:
    """Requests of HTTP as calls of the extensions."""

    def __init__(self, extensions: Extensions, probes: Probes) -> None:
        self._extensions = extensions
        self._probes = probes

    async def health(self, _request: Request) -> Response:
        return bodies.of_struct({"status": "alive"})

    async def readiness(self, _request: Request) -> Response:
        if not self._probes.is_ready():
            raise errors.UnavailableError("this server is not ready: it begins, or it is being ended")
        return bodies.of_struct({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        content, media_type = self._probes.metrics()
        return Response(content, media_type=media_type)

    async def register(self, request: Request) -> Response:
        registration = await bodies.read_struct(request, Registration)
        return bodies.of_message(request, await self._extensions.register(registration))

    async def snapshot(self, request: Request) -> Response:
        queries.check_names(request, ("history",))
        is_history_wanted = queries.truth(request, "history", default=True)
        name = request.path_params["name"]
        return bodies.of_struct(await self._extensions.snapshot(name, is_history_wanted=is_history_wanted))

    async def update(self, request: Request) -> Response:
        queries.check_names(request, ("after", "wait"))
        after, patience_s = (
            queries.count(request, "after", queries.LARGEST_PLACE),
            queries.seconds(request, "wait"),
        )
        return bodies.of_struct(await self._extensions.update(execution_in(request), after, patience_s))

    async def streams(self, request: Request) -> Response:
        queries.check_names(request, ("node", "attempt"))
        return bodies.of_struct(await self._extensions.streams(attempt_in(request)))

    async def logs(self, request: Request) -> Response:
        queries.check_names(request, ("node", "attempt", "stream", "offset"))
        stream, offset = (
            queries.text(request, "stream", "stdout"),
            queries.count(request, "offset", queries.LARGEST_PLACE),
        )
        content = await self._extensions.read_log(attempt_in(request), stream, offset)
        return Response(content, media_type=bodies.BINARY)


def execution_in(request: Request) -> ExecutionId:
    """The execution that a path names."""
    return ExecutionId(PROJECT, DOMAIN, request.path_params["name"])


def attempt_in(request: Request) -> AttemptId:
    """The attempt that a path and its parameters name."""
    return AttemptId(execution_in(request), queries.text(request, "node"), queries.count(request, "attempt"))
