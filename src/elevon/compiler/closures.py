"""From templates to a compiled closure, or to everything that is wrong with them.

It owns the order of the checks and the wire's form of what comes out. It must never store or run anything.
"""

from collections.abc import Container

from elevon.compiler import cycles, indexing, settings
from elevon.compiler.problems import Code, CompilationError, Place, Report
from elevon.compiler.templates import Directory, Templates, key_of
from elevon.compiler.workflows import WorkflowCheck
from elevon.idl.messages import CompiledTask, CompiledWorkflow, CompiledWorkflowClosure, WorkflowTemplate


def compile(  # noqa: A001 - called as compiler.compile, which is the room's one verb
    templates: Templates, known_task_types: Container[str] | None = None
) -> CompiledWorkflowClosure:
    """Validate templates and put them together.

    Args:
        templates: A workflow and everything that it refers to.
        known_task_types: The type strings that have an executor; None accepts every type. Where it can be iterated,
            the message about an unknown type names them.

    Returns:
        The closure, with the connections between the nodes of each workflow.

    Raises:
        CompilationError: The templates make no workflow that can run; it names every problem.
    """
    return checked(templates, known_task_types, Report())


def checked(
    templates: Templates, known_task_types: Container[str] | None, report: Report
) -> CompiledWorkflowClosure:
    """The same, with whatever the report says already counted as wrong too."""
    directory = Directory(templates, report)
    for task in directory.tasks.values():
        settings.check_task(report, task, known_task_types)
    workflows = [templates.workflow, *directory.sub_workflows.values()]
    for workflow in workflows:
        WorkflowCheck(workflow, directory, report).check()
    _check_recursion(workflows, report)
    if report.problems:
        raise CompilationError(templates.workflow.id.name, tuple(report.problems))
    return CompiledWorkflowClosure(
        primary=_compiled(templates.workflow),
        sub_workflows=[_compiled(workflow) for workflow in directory.sub_workflows.values()],
        tasks=[CompiledTask(template=task) for task in directory.tasks.values()],
    )


def _check_recursion(workflows: list[WorkflowTemplate], report: Report) -> None:
    names = {key_of(workflow.id): workflow.id.name for workflow in workflows}
    labels = {key: "\n".join(key) for key in names}
    uses = {
        labels[key_of(workflow.id)]: [
            labels[key] for key in sorted(indexing.subworkflow_keys(workflow.nodes)) if key in labels
        ]
        for workflow in workflows
    }
    spelled = {label: names[key] for key, label in labels.items()}
    for cycle in cycles.find(uses):
        path = " -> ".join(spelled[label] for label in reversed(cycle))
        report.add(Code.CYCLE_DETECTED, Place(workflow=spelled[cycle[0]]), f"it runs itself: {path}")


def _compiled(template: WorkflowTemplate) -> CompiledWorkflow:
    compiled = CompiledWorkflow(template=template)
    connections = compiled.connections
    for node in indexing.inner_nodes(template.nodes):
        for source in indexing.upstream_ids(node):
            connections.upstream[node.id].ids.append(source)
            connections.downstream[source].ids.append(node.id)
    return compiled
