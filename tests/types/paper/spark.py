"""The Spark executor on paper: spark-submit around the template's own command, or a resource of a cluster."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from google.protobuf.struct_pb2 import Struct  # stands in for the message with Spark's configuration

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import (
    Executor,
    ExecutorProperties,
    Launch,
    LauncherExecutor,
    TaskContext,
    TaskStatus,
    status_of_job,
)
from elevon.records.attempts import LogLink


class SubmitState(msgspec.Struct, frozen=True):
    command: tuple[str, ...]


class SparkSubmitExecutor(Executor[Struct, SubmitState]):
    id = "spark-submit"
    task_types = ("spark",)
    properties = ExecutorProperties(uses_launcher=True)

    async def start_task(
        self, ctx: TaskContext[SubmitState], template: TaskTemplate, spec: Struct, inputs: LiteralMap
    ) -> TaskStatus[SubmitState]:
        settings = [f"--conf={name}={value.string_value}" for name, value in spec.fields.items()]
        command = ("spark-submit", f"--name={ctx.task_execution_id.generated_name}", *settings)
        return await self._follow(ctx, SubmitState((*command, *template.container.args)))

    async def check_task_status(self, ctx: TaskContext[SubmitState]) -> TaskStatus[SubmitState]:
        return await self._follow(ctx, ctx.state)

    async def kill_task(self, ctx: TaskContext[SubmitState], reason: str) -> None:
        await ctx.launcher.kill()

    async def _follow(self, ctx: TaskContext[SubmitState], state: SubmitState) -> TaskStatus[SubmitState]:
        launch = Launch(args=state.command, environment={"PYSPARK_DRIVER_PYTHON": "python3"})
        return status_of_job(await ctx.launcher.poll(launch), state)


class Cluster(Protocol):
    """What is needed of the cluster: one resource, by its name."""

    async def create(self, namespace: str, body: Mapping[str, Any]) -> None: ...

    async def read(self, namespace: str, name: str) -> Mapping[str, Any] | None: ...

    async def delete(self, namespace: str, name: str) -> None: ...


class SparkResourceExecutor(Executor[Struct, None]):
    id = "spark-operator"
    task_types = ("spark",)
    properties = ExecutorProperties(requires_finalizer=True)

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: Struct, inputs: LiteralMap
    ) -> TaskStatus[None]:
        name = ctx.task_execution_id.generated_name
        await ctx.write_inputs()
        if ctx.start_may_have_happened and await self._cluster.read(ctx.namespace, name) is not None:
            return TaskStatus.queued()
        metadata = {"name": name, "labels": dict(ctx.labels), "annotations": dict(ctx.annotations)}
        cores = [entry.value for entry in template.container.resources.requests]
        await self._cluster.create(
            ctx.namespace, {"metadata": metadata, "spec": {"driver": {"cores": cores}}}
        )
        return TaskStatus.queued()

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        resource = await self._cluster.read(ctx.namespace, ctx.task_execution_id.generated_name)
        if resource is None:
            return TaskStatus.retryable_failure("the resource was deleted by somebody else")
        match resource["status"]:
            case "COMPLETED":
                return TaskStatus.succeeded()  # the driver left outputs.pb
            case "FAILED":
                return TaskStatus.retryable_failure("the driver failed")
            case "RUNNING":
                return TaskStatus.running(
                    log_links=(LogLink("Spark UI", "http://spark"),), occurred_at=ctx.now
                )
            case _:
                return TaskStatus.unknown()

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        await self._cluster.delete(ctx.namespace, ctx.task_execution_id.generated_name)

    async def finalize_task(self, ctx: TaskContext[None]) -> None:
        await self._cluster.delete(ctx.namespace, ctx.task_execution_id.generated_name)


class RayLikeExecutor(LauncherExecutor[Struct]):
    """A stranger's type that only launches: the base that the shipped types use is open to it."""

    id = "ray-like"
    task_types = ("ray-like",)
    properties = ExecutorProperties(uses_launcher=True)
