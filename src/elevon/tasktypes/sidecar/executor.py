"""The engine's side of `sidecar`, and of every task whose template has a pod in place of a container."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import ExecutorProperties, SetupContext, TaskContext, TaskStatus, placeholders
from elevon.plugin.kubernetes import K8sConfig, K8sExecutor, K8sState, Manifest, ResourceKind
from elevon.plugin.pods import failed_beside, status_of_pod
from elevon.plugin.results import left_failure, status_of_results
from elevon.primitives import code_names
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.sidecar import manifests
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob

_FAILED: Final = (AttemptPhase.RETRYABLE_FAILED, AttemptPhase.FAILED)


class SidecarConfig(K8sConfig, frozen=True, kw_only=True):
    """`[executors.sidecar]`: the settings of every executor of cluster resources, and these.

    Attributes:
        image_patience_s: How long an image that can't be pulled is waited for, in seconds; then the attempt has failed.
    """

    image_patience_s: float = 180.0


class SidecarExecutor(K8sExecutor[SidecarJob]):
    """Makes one pod for each attempt; the end of its primary container is the attempt's.

    The other containers are ended by the deletion of the pod, with the time of grace that it names.
    """

    id = "sidecar"
    task_types = (
        "sidecar",
        "sidecar/k8s_pod",
        "python-task/k8s_pod",
        "container/k8s_pod",
        "raw-container/k8s_pod",
    )
    properties = ExecutorProperties(requires_finalizer=True, isolation="engine")
    config_type = SidecarConfig

    def build_identity_resource(self) -> ResourceKind:
        """Pods."""
        return ResourceKind("v1", "Pod")

    async def initialize(self, setup: SetupContext[SidecarConfig]) -> None:
        """Begin to watch pods."""
        self._image_patience = timedelta(seconds=setup.config.image_patience_s)
        await super().initialize(setup)

    async def build_resource(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: SidecarJob, inputs: LiteralMap
    ) -> Manifest:
        """The pod that the template asks for, with what the engine adds.

        Raises:
            UserError: It is no pod that could be a task's; names the field.
        """
        asked = manifests.Asked.of(template, spec)
        await ctx.write_inputs()
        code = await ctx.write_code()
        for_primary: Mapping[str, str] = {} if code is None else {code_names.VARIABLE: str(code)}
        place = placeholders.Place(ctx, ctx.task_execution_id.generated_name, ctx.namespace)
        return manifests.manifest_of(asked, place, inputs, (ctx.environment, for_primary))

    async def get_task_status(self, ctx: TaskContext[K8sState], resource: Manifest) -> TaskStatus[Any]:
        """What has become of the primary container, as it tells by its files and its exit code."""
        primary = resource["metadata"]["annotations"][manifests.PRIMARY_ANNOTATION]
        status = status_of_pod(resource, primary, now=ctx.now, image_patience=self._image_patience)
        if status.phase is AttemptPhase.SUCCEEDED:
            return status_of_results(ctx)
        if status.phase is AttemptPhase.RUNNING:
            failed = failed_beside(resource, primary)
            return TaskStatus.running(phase_version=len(failed), reason="; ".join(failed))
        # What the code says of its failure is more than an exit code.
        if status.phase in _FAILED and left_failure(ctx) is not None:
            return status_of_results(ctx)
        return status
