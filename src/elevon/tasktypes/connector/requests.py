"""What a connector service is sent for one attempt.

It owns which of our words go where in the messages of flyteidl. It must never send anything.
"""

from typing import Any

from elevon.idl import agents, identifiers
from elevon.idl.messages import Identifier, LiteralMap, TaskExecutionIdentifier, TaskTemplate
from elevon.plugin import TaskContext, placeholders


async def rendered(ctx: TaskContext[Any], template: TaskTemplate, inputs: LiteralMap) -> TaskTemplate:
    """The template with the placeholders of its command replaced; `inputs.pb` is there for a command that reads it."""
    if not template.container.args:
        return template
    await ctx.write_inputs()
    place = placeholders.Place(ctx, ctx.task_execution_id.generated_name, ctx.namespace)
    made = TaskTemplate()
    made.CopyFrom(template)
    made.container.args[:] = placeholders.replaced(template.container.args, place, inputs)
    return made


def output_prefix(ctx: TaskContext[Any]) -> str:
    """Where the task leaves `outputs.pb`, unless its connector hands the outputs over."""
    return str(ctx.data_dir)


def metadata(ctx: TaskContext[Any], task: Identifier) -> agents.TaskExecutionMetadata:
    """Whose task it is."""
    run_as = ctx.security_context.run_as
    return agents.TaskExecutionMetadata(
        task_execution_id=_identity(ctx, task),
        namespace=ctx.namespace,
        labels=ctx.labels,
        annotations=ctx.annotations,
        k8s_service_account=run_as.k8s_service_account,
        identity=run_as,
    )


def create(ctx: TaskContext[Any], template: TaskTemplate, inputs: LiteralMap) -> agents.CreateTaskRequest:
    """Begin a task of a rendered template."""
    return agents.CreateTaskRequest(
        inputs=inputs,
        template=template,
        output_prefix=output_prefix(ctx),
        task_execution_metadata=metadata(ctx, template.id),
    )


def header(ctx: TaskContext[Any], template: TaskTemplate) -> agents.CreateRequestHeader:
    """Run a task of a rendered template to its end; the inputs follow."""
    return agents.CreateRequestHeader(
        template=template,
        output_prefix=output_prefix(ctx),
        task_execution_metadata=metadata(ctx, template.id),
    )


def _identity(ctx: TaskContext[Any], task: Identifier) -> TaskExecutionIdentifier:
    attempt = ctx.task_execution_id.attempt
    execution = identifiers.execution(
        attempt.execution.name, project=attempt.execution.project, domain=attempt.execution.domain
    )
    node = identifiers.node_execution(execution, attempt.node_id)
    return identifiers.task_execution(task, node, attempt.attempt)
