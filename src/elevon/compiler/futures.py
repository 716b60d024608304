"""From a futures file to a compiled closure: what a task returned instead of outputs is a workflow too.

It owns what a `DynamicJobSpec` means: a workflow without inputs, whose outputs are those of the task that returned
it. Everything else that can be wrong with it is the business of the checks of any workflow.
"""

from collections.abc import Container

from elevon.compiler import closures
from elevon.compiler.problems import Code, Place, Report
from elevon.compiler.templates import Templates
from elevon.idl.messages import (
    CompiledWorkflowClosure,
    DynamicJobSpec,
    Identifier,
    ResourceType,
    TaskTemplate,
    TypedInterface,
    WorkflowTemplate,
)


def compile_futures(
    spec: DynamicJobSpec, task: TaskTemplate, known_task_types: Container[str] | None = None
) -> CompiledWorkflowClosure:
    """Validate futures and put them together.

    Args:
        spec: What the task returned.
        task: The task; its outputs are what the futures have to make.
        known_task_types: As for `compile`.

    Raises:
        CompilationError: They make no workflow that can run; it names every problem.
    """
    report = Report()
    _check(spec, Place(workflow=task.id.name), report)
    templates = Templates(
        workflow=_workflow(spec, task),
        sub_workflows=tuple(spec.subworkflows),
        tasks=tuple(spec.tasks),
    )
    return closures.checked(templates, known_task_types, report)


def min_success_count(spec: DynamicJobSpec) -> int:
    """So many nodes of futures must succeed; 0 for all, which is also what a spec means that does not say."""
    return 0 if spec.min_successes == len(spec.nodes) else spec.min_successes


def _check(spec: DynamicJobSpec, place: Place, report: Report) -> None:
    if not 0 <= spec.min_successes <= len(spec.nodes):
        text = f"min_successes is {spec.min_successes}, and there are {len(spec.nodes)} nodes"
        report.add(Code.INVALID_VALUE, place, text)
    for node in spec.nodes:
        if node.id.isdecimal():
            # The directories of the attempts of the node around it are called so.
            here = Place(workflow=place.workflow, node=node.id)
            report.add(
                Code.INVALID_VALUE, here, "the id of a node in futures is no number: put a letter first"
            )


def _workflow(spec: DynamicJobSpec, task: TaskTemplate) -> WorkflowTemplate:
    named = task.id
    return WorkflowTemplate(
        id=Identifier(
            resource_type=ResourceType.WORKFLOW,
            project=named.project,
            domain=named.domain,
            name=named.name,
            version=named.version,
        ),
        interface=TypedInterface(outputs=task.interface.outputs),
        nodes=spec.nodes,
        outputs=spec.outputs,
    )
