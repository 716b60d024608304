"""What is compiled: the templates of one workflow and of all that it uses.

It owns the look-up of what a node refers to. It must never change a template.
"""

from collections.abc import Mapping

import msgspec

from elevon.compiler.problems import Code, Place, Report
from elevon.idl.messages import Identifier, LiteralType, TaskTemplate, TypedInterface, WorkflowTemplate

Key = tuple[str, str, str, str]
Types = Mapping[str, LiteralType]


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow with everything that it refers to, at any depth.

    Attributes:
        workflow: The workflow itself.
        sub_workflows: What its nodes, and theirs, run as subworkflows.
        tasks: What the nodes of all workflows run.
    """

    workflow: WorkflowTemplate
    sub_workflows: tuple[WorkflowTemplate, ...] = ()
    tasks: tuple[TaskTemplate, ...] = ()


class Interface(msgspec.Struct, frozen=True):
    """The variables of a task, a workflow or a branch, by name."""

    inputs: Types
    outputs: Types


class Directory:
    """Finds tasks, workflows and their interfaces by identifier; the first of two templates with one id counts.

    Attributes:
        tasks: Each task once, in the order given.
        sub_workflows: Each subworkflow once, in the order given.
    """

    def __init__(self, templates: Templates, report: Report) -> None:
        self.tasks: dict[Key, TaskTemplate] = {}
        self.sub_workflows: dict[Key, WorkflowTemplate] = {}
        for task in templates.tasks:
            if self.tasks.setdefault(key_of(task.id), task) != task:
                report.add(Code.DUPLICATE_ID, Place(task=task.id.name), "two different tasks have this id")
        for workflow in templates.sub_workflows:
            if self.sub_workflows.setdefault(key_of(workflow.id), workflow) != workflow:
                report.add(
                    Code.DUPLICATE_ID,
                    Place(workflow=workflow.id.name),
                    "two different workflows have this id",
                )
        self._of_tasks = {key: interface_of(task.interface) for key, task in self.tasks.items()}
        known = {key_of(templates.workflow.id): templates.workflow, **self.sub_workflows}
        self._of_workflows = {key: interface_of(workflow.interface) for key, workflow in known.items()}

    def task_interface(self, identifier: Identifier) -> Interface | None:
        """The interface of a task; None when there is no such task."""
        return self._of_tasks.get(key_of(identifier))

    def workflow_interface(self, identifier: Identifier) -> Interface | None:
        """The interface of a workflow; None when there is no such workflow."""
        return self._of_workflows.get(key_of(identifier))


def key_of(identifier: Identifier) -> Key:
    """What two identifiers of one kind have in common exactly when they name the same thing."""
    return identifier.project, identifier.domain, identifier.name, identifier.version


def interface_of(interface: TypedInterface) -> Interface:
    """The interface with its types at hand, by name in order: the wire's maps have none."""
    return Interface(
        inputs={name: variable.type for name, variable in sorted(interface.inputs.variables.items())},
        outputs={name: variable.type for name, variable in sorted(interface.outputs.variables.items())},
    )
