"""From tasks and workflows to the wire's templates.

It owns identifiers, the order of what is collected, and the encoding of each kind of node; what it writes is what
flytekit 1.16 writes for the same program. It must never check what the compiler checks (types of bindings, cycles),
and never touch a store.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from elevon import errors
from elevon.idl import interfaces as idl_interfaces
from elevon.idl import messages, workflow_names
from elevon.sdk import files, graphs, interfaces, names, templates, types
from elevon.sdk.tasks import Task
from elevon.sdk.workflows import Workflow


@dataclass(frozen=True, slots=True)
class Serialized:
    """A workflow with everything that it needs.

    Attributes:
        workflow: The workflow itself; for a bare task, one with that task as its only node.
        sub_workflows: All workflows that it calls, directly or not, cases of branches included.
        tasks: All tasks that it calls, directly or not.
        parameters: The inputs with their defaults.
    """

    workflow: messages.WorkflowTemplate
    sub_workflows: tuple[messages.WorkflowTemplate, ...]
    tasks: tuple[messages.TaskTemplate, ...]
    parameters: messages.ParameterMap


def serialize(
    entity: Workflow[..., Any] | Task[..., Any], *, project: str, domain: str, version: str
) -> Serialized:
    """The templates of a workflow or of a bare task.

    Args:
        entity: What is to be run.
        project: Of all identifiers.
        domain: Of all identifiers.
        version: Of all identifiers.

    Raises:
        UserError: The body of a workflow can't be recorded, a task can't be found by its name in another process, or
            two things share a name.
    """
    collector = _Collector(names.Namer(project, domain, version))
    workflow = collector.single_task(entity) if isinstance(entity, Task) else collector.workflow(entity)
    return Serialized(
        workflow=workflow,
        sub_workflows=tuple(collector.sub_workflows.values()),
        tasks=tuple(collector.tasks.values()),
        parameters=_parameters(entity),
    )


def serialize_futures(
    body: graphs.Body, *, project: str, domain: str, version: str
) -> messages.DynamicJobSpec:
    """What was recorded while a task ran, as the futures that it goes on as.

    Args:
        body: Nodes and outputs.
        project: Of all identifiers.
        domain: Of all identifiers.
        version: Of all identifiers.

    Raises:
        UserError: A task can't be found by its name in another process, or two things share a name.
    """
    collector = _Collector(names.Namer(project, domain, version))
    nodes = collector.nodes(body)
    return messages.DynamicJobSpec(
        nodes=nodes,
        min_successes=len(nodes),
        outputs=body.outputs,
        tasks=collector.tasks.values(),
        subworkflows=collector.sub_workflows.values(),
    )


@dataclass(slots=True)
class _Collector:
    """Templates by name, each made once."""

    namer: names.Namer
    tasks: dict[str, messages.TaskTemplate] = field(default_factory=dict[str, messages.TaskTemplate])
    sub_workflows: dict[str, messages.WorkflowTemplate] = field(
        default_factory=dict[str, messages.WorkflowTemplate]
    )
    entities: dict[str, graphs.Entity] = field(default_factory=dict[str, graphs.Entity])
    path: list[str] = field(default_factory=list[str])

    def nodes(self, body: graphs.Body) -> list[messages.Node]:
        return [self._node(node) for node in body.nodes]

    def single_task(self, task: Task[..., Any]) -> messages.WorkflowTemplate:
        self._add_task(task)
        bound = tuple(
            messages.Binding(
                var=name, binding=messages.BindingData(promise=messages.OutputReference(var=name))
            )
            for name in sorted(task.interface.inputs)
        )
        node_id = "".join(letter for letter in task.site.full_name if letter.isalnum() or letter == "-")
        node = messages.Node(
            id=node_id,
            metadata=templates.node_metadata(task.site.name, task, None),
            inputs=bound,
            task_node=messages.TaskNode(reference_id=self.namer.task(task.site.full_name)),
        )
        outputs = [
            messages.Binding(
                var=name,
                binding=messages.BindingData(promise=messages.OutputReference(node_id=node_id, var=name)),
            )
            for name in task.interface.outputs
        ]
        return messages.WorkflowTemplate(
            id=self.namer.workflow(workflow_names.around(task.site.full_name)),
            metadata=messages.WorkflowMetadata(),
            interface=interfaces.to_message(task.interface),
            nodes=[node],
            outputs=outputs,
            metadata_defaults=messages.WorkflowMetadataDefaults(),
        )

    def workflow(self, flow: Workflow[..., Any]) -> messages.WorkflowTemplate:
        name = flow.site.full_name
        if name in self.path:
            raise flow.site.error(
                f"calls itself, by way of {' -> '.join([*self.path, name])}: a workflow can't"
            )
        self._claim(flow)
        self.path.append(name)
        nodes = self.nodes(flow.body)
        self.path.pop()
        return messages.WorkflowTemplate(
            id=self.namer.workflow(name),
            metadata=messages.WorkflowMetadata(on_failure=flow.on_failure.value),
            interface=interfaces.to_message(flow.interface),
            nodes=nodes,
            outputs=flow.body.outputs,
            metadata_defaults=messages.WorkflowMetadataDefaults(interruptible=flow.interruptible),
        )

    def _node(self, node: graphs.Node) -> messages.Node:
        made = messages.Node(id=node.id, inputs=node.bindings, upstream_node_ids=node.upstream)
        target: object = node.target
        task = cast("Task[..., Any]", target) if isinstance(target, Task) else None
        overrides = None if isinstance(target, graphs.Mapped) else node.settings
        made.metadata.CopyFrom(templates.node_metadata(node.name, task, overrides))
        if task is not None:
            self._add_task(task)
            made.task_node.reference_id.CopyFrom(self.namer.task(task.site.full_name))
            made.task_node.overrides.CopyFrom(templates.node_overrides(task, node.settings))
        elif isinstance(target, graphs.Mapped):
            self._array_node(made, node, target)
        elif isinstance(target, graphs.Branch):
            made.branch_node.if_else.CopyFrom(self._if_else(node.id, target))
        elif isinstance(target, graphs.Subflow):
            self.sub_workflows[target.name] = self._subflow(target)
            made.workflow_node.sub_workflow_ref.CopyFrom(self.namer.workflow(target.name))
        elif isinstance(target, Workflow):
            flow = cast("Workflow[..., Any]", target)
            self._add_workflow(flow)
            if node.settings.interruptible is None:
                made.metadata.interruptible = flow.interruptible
            made.workflow_node.sub_workflow_ref.CopyFrom(self.namer.workflow(flow.site.full_name))
        else:
            raise errors.BugError(f"node {node.id} runs {target!r}, which is of no known kind")
        return made

    def _array_node(self, made: messages.Node, node: graphs.Node, target: graphs.Mapped) -> None:
        """Fill in an array of the task as it is, so that its executor sees nothing of lists.

        What the call said of retries, time and resources goes to the element, as flytekit has it.
        """
        task = cast("Task[..., Any]", target.task)
        name = task.site.full_name
        made.metadata.name = name
        element = messages.Node(
            id=name.replace(".", "-").replace("_", "-"),
            metadata=templates.node_metadata(name, task, node.settings),
            inputs=node.bindings,
        )
        self._add_task(task)
        element.task_node.reference_id.CopyFrom(self.namer.task(name))
        element.task_node.overrides.CopyFrom(templates.node_overrides(task, node.settings))
        array = messages.ArrayNode(
            node=element,
            data_mode=messages.ArrayNode.INDIVIDUAL_INPUT_FILES,
            bound_inputs=target.bound,
            run_all_sub_nodes=target.settings.run_all_sub_nodes,
        )
        array.is_original_sub_node_interface.value = True
        if target.settings.concurrency is not None:
            array.parallelism = target.settings.concurrency
        if target.settings.min_successes is not None:
            array.min_successes = target.settings.min_successes
        else:
            ratio = target.settings.min_success_ratio
            array.min_success_ratio = 1 if ratio is None else ratio
        made.array_node.CopyFrom(array)

    def _if_else(self, node_id: str, branch: graphs.Branch) -> messages.IfElseBlock:
        *conditional, last = branch.cases
        blocks = [
            messages.IfBlock(condition=case.condition, then_node=self._node(case.node))
            for case in conditional
            if case.node is not None
        ]
        block = messages.IfElseBlock(case=blocks[0], other=blocks[1:])
        if last.node is None:
            block.error.CopyFrom(messages.Error(failed_node_id=node_id, message=branch.error))
        else:
            block.else_node.CopyFrom(self._node(last.node))
        return block

    def _subflow(self, flow: graphs.Subflow) -> messages.WorkflowTemplate:
        return messages.WorkflowTemplate(
            id=self.namer.workflow(flow.name),
            metadata=messages.WorkflowMetadata(),
            interface=idl_interfaces.typed_interface(flow.inputs, flow.outputs),
            nodes=self.nodes(flow.body),
            outputs=flow.body.outputs,
            metadata_defaults=messages.WorkflowMetadataDefaults(),
        )

    def _add_task(self, task: Task[..., Any]) -> None:
        name = task.site.full_name
        self._claim(task)
        if name not in self.tasks:
            self.tasks[name] = templates.task_template(task, self.namer.task(name))

    def _add_workflow(self, flow: Workflow[..., Any]) -> None:
        name = flow.site.full_name
        self._claim(flow)
        if name not in self.sub_workflows:
            self.sub_workflows[name] = self.workflow(flow)

    def _claim(self, entity: graphs.Entity) -> None:
        other = self.entities.setdefault(entity.site.full_name, entity)
        if other is not entity:
            raise entity.site.error(f"has the same name as {other.site}: rename one of them")


def _parameters(entity: Workflow[..., Any] | Task[..., Any]) -> messages.ParameterMap:
    given = {name: _parameter(entity, parameter) for name, parameter in entity.interface.inputs.items()}
    return idl_interfaces.parameters(given)


def _parameter(entity: graphs.Entity, parameter: interfaces.Parameter) -> messages.Parameter:
    variable = interfaces.variable(parameter)
    if parameter.default is interfaces.ABSENT:
        return messages.Parameter(var=variable, required=True)
    try:
        default = types.to_literal(parameter.default, parameter.annotation, files.IN_PLACE)
    except errors.UserError as error:
        raise entity.site.error(f"default of parameter {parameter.name!r}: {error}") from error
    return messages.Parameter(var=variable, default=default)
