"""The paths of Flyte's admin service, as its gateway has them; each hands one request on and sends the answer."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from elevon.admin.wire.admin_services import AdminService
from elevon.idl import identifiers
from elevon.idl.admin_messages import (
    ExecutionCreateRequest,
    ExecutionRecoverRequest,
    ExecutionRelaunchRequest,
    ExecutionTerminateRequest,
    NamedEntityIdentifier,
    NodeExecutionListRequest,
    ObjectGetRequest,
    ResourceListRequest,
    TaskExecutionListRequest,
    WorkflowExecutionGetDataRequest,
    WorkflowExecutionGetRequest,
)
from elevon.idl.messages import WorkflowExecutionIdentifier
from elevon.serve import bodies, queries

PRINCIPAL: Final = "elevon-by"
"""The header by which a client says who asks; nobody proves it."""
_PAGE: Final = ("limit", "token", "filters", "sort_by.key", "sort_by.direction")
_EXECUTION: Final = "{project}/{domain}/{name}"


def routes(service: AdminService) -> list[Route]:
    """What is served of Flyte's paths."""
    calls = _Calls(service)
    return [
        Route("/api/v1/version", calls.version),
        Route("/api/v1/executions", calls.create, methods=["POST", "PUT"]),
        Route("/api/v1/executions/relaunch", calls.relaunch, methods=["POST"]),
        Route("/api/v1/executions/recover", calls.recover, methods=["POST"]),
        Route("/api/v1/executions/{project}/{domain}", calls.list),
        Route(f"/api/v1/executions/{_EXECUTION}", calls.get, methods=["GET"]),
        Route(f"/api/v1/executions/{_EXECUTION}", calls.terminate, methods=["DELETE"]),
        Route(f"/api/v1/data/executions/{_EXECUTION}", calls.data),
        Route(f"/api/v1/node_executions/{_EXECUTION}", calls.list_nodes),
        Route(f"/api/v1/task_executions/{_EXECUTION}/{{node_id:path}}", calls.list_tasks),
        Route("/api/v1/launch_plans/{project}/{domain}/{name}/{version}", calls.launch_plan),
        Route("/api/v1/active_launch_plans/{project}/{domain}/{name}", calls.launch_plan),
    ]


def principal_of(request: Request) -> str:
    """Who asks, as far as that is said."""
    said = " ".join(request.headers.get(PRINCIPAL, "").split())[:200]
    address = request.client.host if request.client else "nowhere"
    return said or f"somebody at {address}"


class _Calls:
    """Requests of HTTP as requests of the control plane."""

    def __init__(self, service: AdminService) -> None:
        self._service = service

    async def version(self, request: Request) -> Response:
        return bodies.of_message(request, await self._service.get_version())

    async def create(self, request: Request) -> Response:
        wanted = await bodies.read_message(request, ExecutionCreateRequest)
        return bodies.of_message(request, await self._service.create_execution(wanted))

    async def relaunch(self, request: Request) -> Response:
        wanted = await bodies.read_message(request, ExecutionRelaunchRequest)
        return bodies.of_message(request, await self._service.relaunch_execution(wanted))

    async def recover(self, request: Request) -> Response:
        wanted = await bodies.read_message(request, ExecutionRecoverRequest)
        return bodies.of_message(request, await self._service.recover_execution(wanted))

    async def list(self, request: Request) -> Response:
        queries.check_names(request, _PAGE)
        wanted = ResourceListRequest(
            id=NamedEntityIdentifier(
                project=request.path_params["project"], domain=request.path_params["domain"]
            ),
            limit=queries.count(request, "limit"),
            token=queries.text(request, "token"),
            filters=queries.text(request, "filters"),
            sort_by=queries.order(request),
        )
        return bodies.of_message(request, await self._service.list_executions(wanted))

    async def get(self, request: Request) -> Response:
        wanted = WorkflowExecutionGetRequest(id=_execution_in(request))
        return bodies.of_message(request, await self._service.get_execution(wanted))

    async def data(self, request: Request) -> Response:
        wanted = WorkflowExecutionGetDataRequest(id=_execution_in(request))
        return bodies.of_message(request, await self._service.get_execution_data(wanted))

    async def terminate(self, request: Request) -> Response:
        wanted = await bodies.read_message(request, ExecutionTerminateRequest)
        wanted.id.CopyFrom(_execution_in(request))
        return bodies.of_message(
            request, await self._service.terminate_execution(wanted, principal_of(request))
        )

    async def list_nodes(self, request: Request) -> Response:
        queries.check_names(request, (*_PAGE, "unique_parent_id"))
        wanted = NodeExecutionListRequest(
            workflow_execution_id=_execution_in(request),
            limit=queries.count(request, "limit"),
            token=queries.text(request, "token"),
            filters=queries.text(request, "filters"),
            sort_by=queries.order(request),
            unique_parent_id=queries.text(request, "unique_parent_id"),
        )
        return bodies.of_message(request, await self._service.list_node_executions(wanted))

    async def list_tasks(self, request: Request) -> Response:
        queries.check_names(request, _PAGE)
        node_id = identifiers.node_execution(_execution_in(request), request.path_params["node_id"])
        wanted = TaskExecutionListRequest(
            node_execution_id=node_id,
            limit=queries.count(request, "limit"),
            token=queries.text(request, "token"),
            filters=queries.text(request, "filters"),
            sort_by=queries.order(request),
        )
        return bodies.of_message(request, await self._service.list_task_executions(wanted))

    async def launch_plan(self, request: Request) -> Response:
        found = request.path_params
        plan = identifiers.launch_plan(
            found["name"], found.get("version", ""), project=found["project"], domain=found["domain"]
        )
        return bodies.of_message(request, await self._service.get_launch_plan(ObjectGetRequest(id=plan)))


def _execution_in(request: Request) -> WorkflowExecutionIdentifier:
    found = request.path_params
    return identifiers.execution(found["name"], project=found["project"], domain=found["domain"])
