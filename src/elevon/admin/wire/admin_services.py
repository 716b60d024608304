"""Flyte's admin service, as far as elevon has it: a method for each call, on its messages.

A transport hands in a request that it has decoded and sends what comes back; what is raised is an error of the tree,
which owns its status.
"""

import msgspec

import elevon
from elevon import errors
from elevon.admin.executions import DOMAIN, PROJECT, Admin, NewExecution
from elevon.admin.wire import creations, executions, nodes, page_tokens, requests
from elevon.admin.wire.engines import Engines
from elevon.idl.admin_messages import (
    Execution,
    ExecutionCreateRequest,
    ExecutionCreateResponse,
    ExecutionList,
    ExecutionRecoverRequest,
    ExecutionRelaunchRequest,
    ExecutionTerminateRequest,
    ExecutionTerminateResponse,
    GetVersionResponse,
    LaunchPlan,
    NodeExecutionList,
    NodeExecutionListRequest,
    ObjectGetRequest,
    ResourceListRequest,
    TaskExecutionList,
    TaskExecutionListRequest,
    WorkflowExecutionGetDataRequest,
    WorkflowExecutionGetDataResponse,
    WorkflowExecutionGetRequest,
)
from elevon.idl.messages import LiteralMap
from elevon.primitives import ids
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId
from elevon.records.snapshots import NodePlace


class AdminService:
    """Answers requests.

    Args:
        admin: What they come to.
        engines: What drives executions.
        max_parallelism: Of an execution whose request names none; 0 for no limit.
    """

    def __init__(self, admin: Admin, engines: Engines, max_parallelism: int = 0) -> None:
        self._admin = admin
        self._engines = engines
        self._max_parallelism = max_parallelism

    async def create_execution(self, request: ExecutionCreateRequest) -> ExecutionCreateResponse:
        """Start a launch plan.

        The same request under the same name gives the execution that it made before.

        Raises:
            UserError: The name, the inputs or something else does not fit; names all of it.
            NotFoundError: There is no such launch plan.
            ConflictError: The name is that of an execution that was asked for otherwise.
            UnavailableError: Nobody can run it, or it could not be written.
        """
        requests.check_creation(request)
        wanted = await self._plan_of(request)
        record = await self._admin.launch_plans.get(wanted)
        plan = await self._admin.launch_plans.load(record)
        new = NewExecution(
            closure=plan.closure,
            parameters=plan.parameters,
            given=dict(request.inputs.literals),
            name=request.name or ids.new(),
            code=plan.code,
            source_path=plan.source_path,
            max_parallelism=request.spec.max_parallelism or self._max_parallelism,
            launch_plan_version=record.id.version,
        )
        return await self._started(new)

    async def relaunch_execution(self, request: ExecutionRelaunchRequest) -> ExecutionCreateResponse:
        """Start what an execution ran once more, with its inputs; sent again, it gives what it made before.

        Raises:
            UserError: The name does not fit, or something is set that elevon does not honour.
            NotFoundError: There is no such execution.
            ConflictError: The name is that of an execution that was asked for otherwise.
            UnavailableError: Nobody can run it, or it could not be written.
        """
        if request.overwrite_cache:
            raise errors.UserError("overwrite_cache: there is no cache of results: leave it out")
        again = await self._admin.repetition(requests.execution_id(request.id))
        return await self._started(msgspec.structs.replace(again, name=request.name or ids.new()))

    async def recover_execution(self, request: ExecutionRecoverRequest) -> ExecutionCreateResponse:
        """Start what a failed execution ran once more, without the nodes that succeeded; may be sent again too.

        Raises:
            UserError: The name does not fit, or the execution has not failed.
            NotFoundError: There is no such execution.
            ConflictError: The name is that of an execution that was asked for otherwise.
            UnavailableError: Nobody can run it, or it could not be written.
        """
        requests.check_recovery(request)
        failed = requests.execution_id(request.id)
        again = await self._admin.repetition(failed)
        named = msgspec.structs.replace(again, name=request.name or ids.new())
        return await self._started(await self._admin.recovery(failed, named))

    async def get_execution(self, request: WorkflowExecutionGetRequest) -> Execution:
        """One execution, as it is."""
        return executions.message(await self._admin.get(requests.execution_id(request.id)))

    async def get_execution_data(
        self, request: WorkflowExecutionGetDataRequest
    ) -> WorkflowExecutionGetDataResponse:
        """The inputs and outputs of an execution."""
        record = await self._admin.get(requests.execution_id(request.id))
        made = WorkflowExecutionGetDataResponse(full_inputs=LiteralMap.FromString(record.inputs))
        if record.outputs is not None:
            made.full_outputs.CopyFrom(LiteralMap.FromString(record.outputs))
        return made

    async def list_executions(self, request: ResourceListRequest) -> ExecutionList:
        """Executions, newest first, a page of them; the token is for the next one, and empty for none."""
        page = requests.execution_page_of(request)
        try:
            found = await self._admin.list_executions(page.phases, page.limit + 1, page.behind)
        except errors.NotFoundError as error:
            raise errors.UserError(
                f"token {request.token!r:.40}: the execution that it stands for was deleted: list anew"
            ) from error
        shown = found[: page.limit]
        token = page_tokens.make(page.listing, shown[-1].id.name) if len(found) > page.limit else ""
        messages = [executions.message(record, are_values_wanted=False) for record in shown]
        return ExecutionList(executions=messages, token=token)

    async def terminate_execution(
        self, request: ExecutionTerminateRequest, by: str
    ) -> ExecutionTerminateResponse:
        """Ask for the end of an execution; whoever drives it obeys.

        Args:
            request: Which, and why.
            by: Who asks.
        """
        execution = requests.execution_id(request.id)
        await self._admin.abort(execution, by=by, reason=request.cause or "no reason was given")
        await self._engines.heed()
        return ExecutionTerminateResponse()

    async def list_node_executions(self, request: NodeExecutionListRequest) -> NodeExecutionList:
        """The nodes of an execution that have started: those at the top, or those under one node; a page of them."""
        page = requests.node_page_of(request)
        execution = await self._admin.get(requests.execution_id(request.workflow_execution_id))
        found = await self._admin.nodes.under(
            execution, request.unique_parent_id, page.limit + 1, page.behind
        )
        shown = found[: page.limit]
        token = ""
        if len(found) > page.limit:
            last = shown[-1].record
            token = page_tokens.make(page.listing, NodePlace(last.started_at, last.node_id))
        messages = [nodes.node_message(execution.id, node) for node in shown]
        return NodeExecutionList(node_executions=messages, token=token)

    async def list_task_executions(self, request: TaskExecutionListRequest) -> TaskExecutionList:
        """The attempts of a node, in order; a page of them."""
        page = requests.attempt_page_of(request)
        wanted = request.node_execution_id
        execution = await self._admin.get(requests.execution_id(wanted.execution_id))
        node, attempts = await self._admin.nodes.attempts(execution, wanted.node_id)
        found = [one for one in attempts if page.behind is None or one.attempt > page.behind]
        shown = found[: page.limit]
        token = page_tokens.make(page.listing, shown[-1].attempt) if len(found) > page.limit else ""
        messages = [nodes.attempt_message(execution.id, node, attempt) for attempt in shown]
        return TaskExecutionList(task_executions=messages, token=token)

    async def get_launch_plan(self, request: ObjectGetRequest) -> LaunchPlan:
        """One launch plan, the newest of its name if no version is given."""
        return executions.launch_plan_message(
            await self._admin.launch_plans.get(requests.launch_plan_id(request.id, "id"))
        )

    async def get_version(self) -> GetVersionResponse:
        """Which elevon this is."""
        made = GetVersionResponse()
        made.control_plane_version.Version = elevon.__version__
        return made

    async def _plan_of(self, request: ExecutionCreateRequest) -> LaunchPlanId:
        """What is to be started; for a request that is sent again what it started, though there is a newer one now."""
        wanted = requests.launch_plan_id(request.spec.launch_plan, "spec.launch_plan")
        if wanted.version or not request.name:
            return wanted
        try:
            existing = await self._admin.get(ExecutionId(PROJECT, DOMAIN, request.name))
        except errors.NotFoundError:
            return wanted
        version = existing.launch_plan_version if existing.workflow == wanted.name else ""
        return msgspec.structs.replace(wanted, version=version)

    async def _started(self, new: NewExecution) -> ExecutionCreateResponse:
        record = await creations.started(self._admin, self._engines, new)
        return ExecutionCreateResponse(id=executions.identifier(record.id))
