"""The engine's side of `spark`: each attempt is a SparkApplication of the cluster."""

from typing import Any, ClassVar

import msgspec

from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.idl.spark_jobs import SparkJob
from elevon.plugin import SetupContext, TaskContext, TaskStatus, placeholders
from elevon.plugin.kubernetes import K8sExecutor, K8sState, Manifest, ResourceKind
from elevon.plugin.pod_secrets import PodSecrets
from elevon.tasktypes.spark import applications, endings
from elevon.tasktypes.spark.configurations import SparkConfig


class SparkExecutor(K8sExecutor[SparkJob]):
    """Builds the application, and tells what became of it."""

    id = "spark"
    task_types = ("spark",)
    config_type: ClassVar[type[msgspec.Struct] | None] = SparkConfig

    async def initialize(self, setup: SetupContext[SparkConfig]) -> None:
        """Begin to watch."""
        self._spark = setup.config
        await super().initialize(setup)

    def build_identity_resource(self) -> ResourceKind:
        """The operator's kind."""
        return applications.KIND

    async def build_resource(
        self, ctx: TaskContext[K8sState], template: TaskTemplate, spec: SparkJob, inputs: LiteralMap
    ) -> Manifest:
        """The application; its driver finds inputs and code in the attempt's directory."""
        environment = {pair.key: pair.value for pair in template.container.env} | dict(ctx.environment)
        await ctx.write_inputs()
        if applications.runs_user_code(template):
            environment |= applications.code_environment(await ctx.write_code())
        place = placeholders.Place(ctx, ctx.task_execution_id.generated_name, ctx.namespace)
        words = (*template.container.command, *template.container.args)
        asked = applications.Asked(
            template=template,
            job=spec,
            resources=ctx.overrides.resources,
            arguments=placeholders.replaced(words, place, inputs),
            environment=environment,
            labels={**self._spark.labels, **ctx.labels},
            annotations={**self._spark.annotations, **ctx.annotations},
            secrets=PodSecrets.of(template),
        )
        return applications.build(asked, self._spark)

    async def get_task_status(self, ctx: TaskContext[K8sState], resource: Manifest) -> TaskStatus[Any]:
        """By the state of the application, and by what its driver left."""
        return endings.status_of(ctx, resource, self._spark)
