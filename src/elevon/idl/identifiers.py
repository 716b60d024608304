"""Identifiers of tasks, workflows, launch plans and of what runs: how they are made and spelled.

It owns the one-line form of each, which logs, errors and the command line show.
"""

from elevon.errors import UserError
from elevon.idl.messages import (
    Identifier,
    NodeExecutionIdentifier,
    ResourceType,
    TaskExecutionIdentifier,
    WorkflowExecutionIdentifier,
)

_WORDS = {
    ResourceType.TASK: "task",
    ResourceType.WORKFLOW: "workflow",
    ResourceType.LAUNCH_PLAN: "launch_plan",
    ResourceType.DATASET: "dataset",
    ResourceType.UNSPECIFIED: "unspecified",
}
_KINDS = {word: kind for kind, word in _WORDS.items()}
_PART_COUNT = 5


def task(name: str, version: str, *, project: str = "", domain: str = "") -> Identifier:
    """The identifier of a task."""
    return _identifier(ResourceType.TASK, name, version, project, domain)


def workflow(name: str, version: str, *, project: str = "", domain: str = "") -> Identifier:
    """The identifier of a workflow."""
    return _identifier(ResourceType.WORKFLOW, name, version, project, domain)


def launch_plan(name: str, version: str, *, project: str = "", domain: str = "") -> Identifier:
    """The identifier of a launch plan."""
    return _identifier(ResourceType.LAUNCH_PLAN, name, version, project, domain)


def _identifier(kind: ResourceType, name: str, version: str, project: str, domain: str) -> Identifier:
    return Identifier(resource_type=kind, project=project, domain=domain, name=name, version=version)


def execution(name: str, *, project: str = "", domain: str = "") -> WorkflowExecutionIdentifier:
    """The identifier of an execution."""
    return WorkflowExecutionIdentifier(project=project, domain=domain, name=name)


def node_execution(execution_id: WorkflowExecutionIdentifier, node_id: str) -> NodeExecutionIdentifier:
    """The identifier of a node of an execution."""
    return NodeExecutionIdentifier(execution_id=execution_id, node_id=node_id)


def task_execution(
    task_id: Identifier, node_execution_id: NodeExecutionIdentifier, attempt: int
) -> TaskExecutionIdentifier:
    """The identifier of an attempt; attempts count from zero."""
    return TaskExecutionIdentifier(
        task_id=task_id, node_execution_id=node_execution_id, retry_attempt=attempt
    )


def spell(identifier: Identifier) -> str:
    """The whole identifier in a line: ``task:project:domain:name:version``, which `parse` reads."""
    word = _WORDS.get(identifier.resource_type, "unspecified")
    return f"{word}:{identifier.project}:{identifier.domain}:{identifier.name}:{identifier.version}"


def parse(text: str) -> Identifier:
    """Reads what `spell` wrote.

    Raises:
        UserError: The text has another form.
    """
    parts = text.split(":", _PART_COUNT - 1)
    if len(parts) != _PART_COUNT or parts[0] not in _KINDS:
        raise UserError(f"{text!r} is no identifier: write it as task:PROJECT:DOMAIN:NAME:VERSION")
    word, project, domain, name, version = parts
    return _identifier(_KINDS[word], name, version, project, domain)
