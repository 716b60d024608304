"""The paths by which operators handle what a server has, below `/elevon/v1` too; Flyte has none for it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from elevon.admin.wire.operations import AttemptOrder, Draining, Operations, Pruning, Recovery
from elevon.serve import bodies, queries
from elevon.serve.flyte_routes import principal_of
from elevon.serve.own_routes import PREFIX, attempt_in, execution_in

_EXECUTION: Final = f"{PREFIX}/executions/{{name}}"


def routes(operations: Operations) -> list[Route]:
    """What is served of them."""
    calls = _Calls(operations)
    return [
        Route(_EXECUTION, calls.delete, methods=["DELETE"]),
        Route(f"{_EXECUTION}/record", calls.find),
        Route(f"{_EXECUTION}/orders", calls.order, methods=["POST"]),
        Route(f"{_EXECUTION}/orders", calls.standing, methods=["GET"]),
        Route(f"{_EXECUTION}/resumption", calls.resume, methods=["PUT"]),
        Route(f"{_EXECUTION}/recoveries", calls.recover, methods=["POST"]),
        Route(f"{PREFIX}/prunings", calls.prune, methods=["POST"]),
        Route(f"{PREFIX}/executors", calls.list_executors),
        Route(f"{PREFIX}/executors/{{name:path}}", calls.show_executor),
        Route(f"{PREFIX}/drains/{{task_type:path}}", calls.drain, methods=["PUT"]),
        Route(f"{PREFIX}/drains/{{task_type:path}}", calls.undrain, methods=["DELETE"]),
    ]


class _Calls:
    """Requests of HTTP as calls of the operations."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def find(self, request: Request) -> Response:
        queries.check_names(request, ())
        return bodies.of_struct(await self._operations.find(request.path_params["name"]))

    async def order(self, request: Request) -> Response:
        wanted = await bodies.read_struct(request, AttemptOrder)
        asked = await self._operations.order(execution_in(request), wanted, principal_of(request))
        return bodies.of_struct(asked)

    async def standing(self, request: Request) -> Response:
        queries.check_names(request, ("node", "attempt"))
        return bodies.of_struct(await self._operations.standing(attempt_in(request)))

    async def resume(self, request: Request) -> Response:
        return bodies.of_struct(await self._operations.resume(execution_in(request)))

    async def recover(self, request: Request) -> Response:
        wanted = await bodies.read_struct(request, Recovery)
        return bodies.of_struct(await self._operations.recover(execution_in(request), wanted))

    async def delete(self, request: Request) -> Response:
        execution = execution_in(request)
        await self._operations.delete(execution)
        return bodies.of_struct({"deleted": [execution.name]})

    async def prune(self, request: Request) -> Response:
        wanted = await bodies.read_struct(request, Pruning)
        return bodies.of_struct(await self._operations.prune(wanted))

    async def list_executors(self, request: Request) -> Response:
        queries.check_names(request, ())
        return bodies.of_struct(await self._operations.roster.list_executors())

    async def show_executor(self, request: Request) -> Response:
        queries.check_names(request, ())
        return bodies.of_struct(await self._operations.roster.show(request.path_params["name"]))

    async def drain(self, request: Request) -> Response:
        wanted = await bodies.read_struct(request, Draining)
        task_type = request.path_params["task_type"]
        return bodies.of_struct(await self._operations.drain(task_type, wanted, principal_of(request)))

    async def undrain(self, request: Request) -> Response:
        task_type = request.path_params["task_type"]
        await self._operations.undrain(task_type)
        return bodies.of_struct({"task_type": task_type})
