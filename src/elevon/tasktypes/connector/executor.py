"""The engine's side of every task type that a connector service offers.

flytekit's connectors run unmodified in a service of their own; this executor is their client, as Flyte's propeller
is. A service that is not there makes its tasks wait and say so: neither an outage nor a release of it fails a task.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from elevon import errors
from elevon.idl import agents
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import (
    DiscoveredTypes,
    Executor,
    ExecutorProperties,
    SetupContext,
    TaskContext,
    TaskStatus,
)
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.connector import effects, requests, resources
from elevon.tasktypes.connector.configurations import ConnectorConfig
from elevon.tasktypes.connector.effects import Effect
from elevon.tasktypes.connector.jobs import JobHandle, Jobs
from elevon.tasktypes.connector.routes import Category, Route, Routes

if TYPE_CHECKING:  # gRPC takes long to import, and most engines have no connector
    from elevon.tasktypes.connector.clients import ConnectorClient

_LONGEST_PAUSE = timedelta(minutes=5)


class ConnectorState(msgspec.Struct, frozen=True, kw_only=True):
    """All that survives a restart of the engine.

    Attributes:
        job: What names the job at its service; None before there is one, and for a synchronous connector.
        report: Digest of what was last reported of it, phase aside.
    """

    job: JobHandle | None = None
    report: str = ""


class ConnectorExecutor(Executor[None, ConnectorState]):
    """Drives the connectors of all services that it is configured for."""

    id = "connector"
    task_types = ()
    # Each call has the limit of its endpoint; this one is beyond all of them.
    properties = ExecutorProperties(
        isolation="engine", discovers_types=True, call_timeout=timedelta(hours=1, minutes=1)
    )
    config_type = ConnectorConfig

    def __init__(self) -> None:
        self._config = ConnectorConfig()
        self._routes = Routes({})
        self._clients: Mapping[str, ConnectorClient] = {}
        self._jobs: Jobs | None = None

    async def initialize(self, setup: SetupContext[ConnectorConfig]) -> None:
        """Prepare the connections; no service needs to be there yet.

        Raises:
            UserError: There is no gRPC, or a file of certificates can't be read.
        """
        self._config = setup.config
        self._routes = Routes(setup.config.endpoints)
        if setup.config.endpoints:
            self._clients = _clients_of(setup.config)
            self._jobs = Jobs(setup, self._clients)

    async def discover_types(self) -> DiscoveredTypes:
        """Ask all services; one that can't be asked keeps what it offered before."""
        problem = await self._learn(self._clients.values())
        return DiscoveredTypes(task_types=self._routes.task_types, problem=problem)

    async def start_task(
        self, ctx: TaskContext[ConnectorState], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[ConnectorState]:
        """Hand the task to its connector once the service can be reached; a synchronous one runs it to its end."""
        category = Category(template.type, template.task_type_version)
        route, reason = await self._answering(category)
        if route is None:
            return self._not_ready(reason)
        client = self._clients[route.endpoint]
        template = await requests.rendered(ctx, template, inputs)

        async def create() -> Effect:
            meta = await client.create(requests.create(ctx, template, inputs))
            prefix = requests.output_prefix(ctx)
            return Effect(
                job=JobHandle(
                    endpoint=client.name, category=category, resource_meta=meta, output_prefix=prefix
                )
            )

        async def execute() -> Effect:
            resource = await client.execute(requests.header(ctx, template), inputs)
            return Effect(resource=resource.SerializeToString())

        verb, call = (effects.EXECUTE, execute) if route.is_sync else (effects.CREATE, create)
        what, is_idempotent = f"{verb} at {client.name}", client.endpoint.create_is_idempotent
        return self._started(ctx, await effects.carry_out(ctx, what, call, is_idempotent=is_idempotent))

    async def check_task_status(self, ctx: TaskContext[ConnectorState]) -> TaskStatus[ConnectorState]:
        """What the service said last; what is in the way of asking it is the reason to wait."""
        handle = ctx.state.job
        if handle is None:
            raise errors.BugError(f"{ctx.task_execution_id.attempt} is followed without a job")
        if handle.endpoint not in self._clients:
            return self._waiting(
                ctx,
                f"the job runs at the connector endpoint {handle.endpoint!r}, which is not configured any more: add "
                f"[executors.connector.endpoints.{handle.endpoint}], or abort",
            )
        name = ctx.task_execution_id.generated_name
        job = self._following.follow(name, handle, ctx.wake)
        if job.problem and job.failed_count > self._config.max_failed_syncs:
            raise errors.RetryableError(job.problem, after=self._resync)  # counted: the engine gives it up
        if job.problem or job.resource is None:
            return self._waiting(ctx, job.problem)
        if job.is_terminal:
            self._following.forget(name)
        return self._reported(ctx, job.resource)

    async def kill_task(self, ctx: TaskContext[ConnectorState], reason: str) -> None:
        """Delete the job, if there is one; a task that a synchronous connector runs has none."""
        known = ctx.custom_state
        handle = effects.job_of(ctx) if known is None or known.job is None else known.job
        if handle is None:
            return
        client = self._clients.get(handle.endpoint)
        if client is None:
            raise errors.UnavailableError(
                f"the job can't be deleted: it runs at the connector endpoint {handle.endpoint!r}, which is not "
                f"configured any more: add [executors.connector.endpoints.{handle.endpoint}]"
            )
        self._following.forget(ctx.task_execution_id.generated_name)
        await client.delete(
            agents.DeleteTaskRequest(
                task_type=handle.category.name,
                task_category=handle.wire_category,
                resource_meta=handle.resource_meta,
            )
        )

    async def close(self) -> None:
        """End the connections."""
        if self._jobs is not None:
            await self._jobs.close()
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    @property
    def _following(self) -> Jobs:
        if self._jobs is None:
            raise errors.BugError("the connector executor has endpoints and was not initialized")
        return self._jobs

    @property
    def _resync(self) -> timedelta:
        return timedelta(seconds=self._config.resync_s)

    async def _answering(self, category: Category) -> tuple[Route | None, str]:
        """The way to a service that has this type and answers now, or why there is none.

        Also one that is known to have the type is asked again: what fails after it has answered was surely sent, and
        what may have been carried out is not repeated.
        """
        route = self._routes.find(category)
        problem = await self._learn([self._clients[route.endpoint]] if route else self._clients.values())
        found = self._routes.find(category)
        if found is None or (route is not None and problem):
            return None, problem or f"no connector service offers the task type {category} now"
        return found, ""

    async def _learn(self, clients: Iterable["ConnectorClient"]) -> str:
        """Take in what services offer; returns which could not be asked, and why."""

        async def learn(client: "ConnectorClient") -> str:
            try:
                self._routes.learn(client.name, await client.list_agents())
            except errors.ElevonError as error:
                return str(error)
            return ""

        return "; ".join(filter(None, await asyncio.gather(*map(learn, clients))))

    def _not_ready(self, reason: str, refused_count: int = 0) -> TaskStatus[ConnectorState]:
        pause = min(self._resync * 2 ** min(refused_count, 16), max(self._resync, _LONGEST_PAUSE))
        return TaskStatus.not_ready(ConnectorState(), reason=reason, check_after=pause)

    def _started(self, ctx: TaskContext[ConnectorState], effect: Effect) -> TaskStatus[ConnectorState]:
        """The status of a start, by what came of its call."""
        if effect.refusal:
            return self._not_ready(effect.refusal, len(ctx.intents))
        if effect.failure is not None:
            # Also what would fail again costs a retry, as in Flyte: the connector alone knows what it was.
            return TaskStatus.retryable_failure(effect.failure, ConnectorState())
        if effect.resource is not None:
            status = resources.status_of(agents.Resource.FromString(effect.resource), ConnectorState())
            if status.phase is not None and status.phase.is_terminal:
                return status
            return TaskStatus.permanent_failure(
                f"the connector of a synchronous task answered {status.phase}: it must run the task to its end"
            )
        if effect.job is None:
            raise errors.BugError(f"{effect} tells nothing of what came of a start")
        self._following.follow(ctx.task_execution_id.generated_name, effect.job, ctx.wake)
        return TaskStatus.queued(ConnectorState(job=effect.job), check_after=self._resync)

    def _reported(
        self, ctx: TaskContext[ConnectorState], resource: agents.Resource
    ) -> TaskStatus[ConnectorState]:
        """The status that a resource stands for; news within one phase are a new version of it."""
        state = msgspec.structs.replace(ctx.state, report=_digest(resource))
        is_new = resources.phase_of(resource) is not ctx.phase
        is_news = state.report != ctx.state.report
        version = 0 if is_new else ctx.phase_version + is_news
        status = resources.status_of(resource, state, version)
        details = msgspec.structs.replace(status.details, check_after=self._resync)
        return msgspec.structs.replace(status, details=details)

    def _waiting(self, ctx: TaskContext[ConnectorState], reason: str) -> TaskStatus[ConnectorState]:
        """The status as it is, with the reason why nothing newer is known."""
        made = {
            AttemptPhase.INITIALIZING: TaskStatus.initializing,
            AttemptPhase.RUNNING: TaskStatus.running,
        }.get(ctx.phase, TaskStatus.queued)
        return made(ctx.state, phase_version=ctx.phase_version, reason=reason, check_after=self._resync)


def _clients_of(config: ConnectorConfig) -> "dict[str, ConnectorClient]":
    os.environ.setdefault(
        "GRPC_VERBOSITY", "ERROR"
    )  # else a service that goes away is a line on the terminal
    try:
        from elevon.tasktypes.connector.clients import ConnectorClient
    except ModuleNotFoundError as error:
        raise errors.UserError(
            f"connector services need gRPC, and {error.name} is not installed: pip install 'elevon[connector]'"
        ) from error
    return {name: ConnectorClient(name, endpoint) for name, endpoint in config.endpoints.items()}


def _digest(resource: agents.Resource) -> str:
    """Of all that is shown of a resource besides its phase."""
    shown = agents.Resource(
        message=resource.message, log_links=resource.log_links, custom_info=resource.custom_info
    )
    return hashlib.blake2b(shown.SerializeToString(deterministic=True), digest_size=8).hexdigest()
