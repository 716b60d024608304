"""Pods on this machine, and an executor that runs a script in each."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from elevon import Task, ports, workflow
from elevon.idl import literals
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import ExecutorProperties, TaskContext, TaskStatus
from elevon.plugin.contexts import NO_SECRETS
from elevon.plugin.kubernetes import K8sExecutor, K8sState, Manifest, ResourceKind
from elevon.plugin.pods import status_of_pod, termination_message
from elevon.primitives.clocks import SystemClock
from elevon.records.resources import key_of
from elevon.workers.cluster.clusters import LocalCluster
from elevon.workers.cluster.kinds import KINDS

POD = ResourceKind("v1", "Pod")
PATIENCE = timedelta(seconds=45)


class ScriptExecutor(K8sExecutor[None]):
    """Runs the shell script that is the task's input."""

    id = "script"
    task_types = ("script",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(requires_finalizer=True)

    def build_identity_resource(self) -> ResourceKind:
        return POD

    async def build_resource(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> Manifest:
        script = inputs.literals["script"].scalar.primitive.string_value
        return {"spec": spec_of(script)}

    async def get_task_status(self, ctx: TaskContext[K8sState], resource: Manifest) -> TaskStatus[Any]:
        return status_of_pod(resource, outputs={"o0": literals.string(termination_message(resource))})


class HostedScriptExecutor(ScriptExecutor):
    """The same in a process of its own."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        requires_finalizer=True, isolation="process"
    )


script = Task("script", task_type="script", inputs={"script": str}, outputs={"o0": str})


@workflow
def scripted(script_: str) -> str:
    return script(script=script_)


@workflow
def tried_twice(script_: str) -> str:
    return script.with_overrides(retries=1)(script=script_)


def spec_of(script: str, **more: Any) -> dict[str, Any]:
    """A pod whose container runs a script."""
    container = {"name": "main", "command": ["sh", "-c", script], **more}
    return {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 20}


class Cluster:
    """A local cluster, and its pods."""

    def __init__(self, root: Path, pod_limit: int = 4, store: ports.SecretStore = NO_SECRETS) -> None:
        self.root = root
        self.api = LocalCluster(root, SystemClock(), pod_limit, store=store)

    def folder(self, name: str = "one") -> Path:
        return self.root / "resources" / "Pod" / "team" / name

    async def create(self, spec: Mapping[str, Any], name: str = "one", **annotations: str) -> Manifest:
        metadata = {"namespace": "team", "name": name, "annotations": annotations}
        return await self.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    async def until(
        self, is_it: Callable[[Manifest], bool], name: str = "one", kind: ResourceKind = POD
    ) -> Manifest:
        """The pod, or another kind of resource, once it is as wanted."""
        after = ""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while True:
                changes = await self.api.watch(kind, {}, after, PATIENCE)
                after = changes.cursor
                for one in changes.present:
                    if one["metadata"]["name"] == name and is_it(one):
                        return one

    async def running(self, name: str = "one") -> Manifest:
        """The pod once it says that it runs, which is a moment after its containers do."""
        return await self.until(lambda one: one["status"]["phase"] == "Running", name)

    async def ended(self, name: str = "one") -> Manifest:
        return await self.until(lambda one: one["status"]["phase"] in ("Succeeded", "Failed"), name)

    async def run(self, spec: Mapping[str, Any]) -> Manifest:
        await self.create(spec)
        return await self.ended()

    async def remove(self) -> None:
        """End all that is there, and return when it is gone."""
        for kind in KINDS.values():
            for one in await self.api.list(kind, {}):
                await self.api.delete(key_of(one), grace=timedelta(0))
            after = ""
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while await self.api.list(kind, {}):
                    after = (await self.api.watch(kind, {}, after, timedelta(seconds=1))).cursor
        await self.api.close()


def terminated(pod: Manifest, name: str = "main") -> Mapping[str, Any]:
    """How a container ended."""
    status = pod["status"]
    runs = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
    (found,) = [run["state"]["terminated"] for run in runs if run["name"] == name]
    return found
