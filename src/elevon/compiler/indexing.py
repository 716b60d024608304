"""From a compiled closure to the graph that the engine runs.

It exists so that the engine never searches a template: everything is looked up once, here, at a cost proportional to
the closure. It owns what overrides mean. It must never judge: a closure comes from `compile`, and one that does not
hold together is reported as corrupt.
"""

import graphlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import msgspec

from elevon import errors
from elevon.compiler import array_types
from elevon.compiler.graphs import Array, FailurePolicy, Graph, GraphNode, NodeKind, TaskSettings
from elevon.compiler.templates import Key, interface_of, key_of
from elevon.idl import pods
from elevon.idl.messages import (
    CompiledWorkflowClosure,
    IfElseBlock,
    Node,
    Resources,
    TaskNodeOverrides,
    TaskTemplate,
    TypedInterface,
    WorkflowMetadata,
    WorkflowTemplate,
)
from elevon.idl.promises import promises_of
from elevon.primitives import quantities

START_NODE_ID = "start-node"
END_NODE_ID = "end-node"
QUEUE_TIMEOUT_KEY = "queue_timeout"
_LONGEST_TIMEOUT = timedelta(
    days=36_500
)  # longer ones are never waited for, and instants end with the year 9999


def index(closure: CompiledWorkflowClosure) -> Graph:
    """The graph of the closure's primary workflow.

    The graph shares the closure's messages: who changes them afterwards changes the graph. A subworkflow has one graph,
    however often it is used.

    Raises:
        CorruptStateError: The closure did not come from `compile`: it names something that it does not hold.
    """
    return _Indexer(closure).graph()


def arms_of(branch: IfElseBlock) -> Iterator[Node]:
    """The nodes of which the branch runs one, in the order of the wire."""
    yield branch.case.then_node
    for other in branch.other:
        yield other.then_node
    if branch.HasField("else_node"):
        yield branch.else_node


def upstream_ids(node: Node) -> dict[str, None]:
    """Ids of what must have succeeded before the node may start, in order, the start node left out.

    A branch waits for whatever any of its arms takes: the promises of an arm name nodes of the workflow around it. So
    does an array for what its element is bound to.
    """
    ids = dict.fromkeys(node.upstream_node_ids)
    for binding in node.inputs:
        ids.update((promise.node_id, None) for promise in promises_of(binding.binding))
    if node.HasField("branch_node"):
        for arm in arms_of(node.branch_node.if_else):
            ids.update(upstream_ids(arm))
    elif node.HasField("array_node"):
        ids.update(upstream_ids(node.array_node.node))
    ids.pop("", None)
    ids.pop(START_NODE_ID, None)
    return ids


def inner_nodes(nodes: Iterable[Node]) -> list[Node]:
    """The nodes without the start and end nodes that Flyte's own compiler adds."""
    return [node for node in nodes if node.id not in {START_NODE_ID, END_NODE_ID}]


def subworkflow_keys(nodes: Iterable[Node]) -> set[Key]:
    """What the nodes and the arms of their branches run as subworkflows."""
    keys: set[Key] = set()
    for node in nodes:
        if node.HasField("workflow_node"):
            keys.add(key_of(node.workflow_node.sub_workflow_ref))
        elif node.HasField("branch_node"):
            keys |= subworkflow_keys(arms_of(node.branch_node.if_else))
    return keys


class _Indexer:
    """The tables of one closure while its graphs are built, subworkflows before those that use them."""

    def __init__(self, closure: CompiledWorkflowClosure) -> None:
        self._primary = closure.primary.template
        self._workflows = {key_of(each.template.id): each.template for each in closure.sub_workflows}
        self._tasks = {key_of(each.template.id): each.template for each in closure.tasks}
        self._graphs: dict[Key, Graph] = {}

    def graph(self) -> Graph:
        used = {key: subworkflow_keys(template.nodes) for key, template in self._workflows.items()}
        try:
            order = list(graphlib.TopologicalSorter(used).static_order())
        except graphlib.CycleError as error:
            raise errors.CorruptStateError(f"{self._place} has subworkflows that run themselves") from error
        for key in order:
            if key in self._workflows:
                self._graphs[key] = self._graph_of(self._workflows[key])
        return self._graph_of(self._primary)

    @property
    def _place(self) -> str:
        return f"the closure of workflow {self._primary.id.name!r}"

    def _graph_of(self, template: WorkflowTemplate) -> Graph:
        nodes = inner_nodes(template.nodes)
        upstream = {node.id: tuple(upstream_ids(node)) for node in nodes}
        downstream: dict[str, list[str]] = {node_id: [] for node_id in upstream}
        for node_id, sources in upstream.items():
            for source in sources:
                if source not in downstream:
                    raise errors.CorruptStateError(
                        f"{self._place} has no node {source!r}, for which {node_id!r} waits"
                    )
                downstream[source].append(node_id)
        return Graph(
            name=template.id.name,
            interface=template.interface,
            nodes={node.id: self._node(node, upstream[node.id], downstream[node.id]) for node in nodes},
            roots=tuple(node_id for node_id, sources in upstream.items() if not sources),
            outputs=tuple(template.outputs),
            on_failure=FailurePolicy(WorkflowMetadata.OnFailurePolicy.Name(template.metadata.on_failure)),
        )

    def _arms(self, branch: IfElseBlock, around: Node) -> Graph:
        nodes = {arm.id: self._node(arm, (), ()) for arm in arms_of(branch)}
        template = WorkflowTemplate()
        return Graph(
            name=around.id, interface=template.interface, nodes=nodes, roots=tuple(nodes), outputs=()
        )

    def _array(self, node: Node) -> Array:
        array = node.array_node
        element = self._node(array.node, (), ())
        if element.task is None:
            raise errors.CorruptStateError(f"{self._place} has array node {node.id!r}, which runs no task")
        policy = (
            FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
            if array.run_all_sub_nodes
            else FailurePolicy.FAIL_IMMEDIATELY
        )
        is_wrapped = not array.is_original_sub_node_interface.value
        task = array_types.as_element(element.task) if is_wrapped else element.task
        is_counted = array.WhichOneof("success_criteria") == "min_successes"
        return Array(
            graph=Graph(
                name=node.id,
                interface=TypedInterface(),
                nodes={element.id: msgspec.structs.replace(element, inputs=(), task=task)},
                roots=(),
                outputs=(),
                on_failure=policy,
            ),
            mapped=array_types.mapped_inputs(array, interface_of(element.task.interface).inputs),
            is_wrapped=is_wrapped,
            limit=array.parallelism,
            min_success_count=array.min_successes if is_counted else None,
            min_success_ratio=array_types.min_success_ratio_of(array),
        )

    def _node(self, node: Node, upstream: Sequence[str], downstream: Sequence[str]) -> GraphNode:
        task = subgraph = branch = arms = array = None
        match node.WhichOneof("target"):
            case "task_node":
                kind, task = NodeKind.TASK, self._task(node)
            case "workflow_node":
                kind, subgraph = NodeKind.WORKFLOW, self._subgraph(node)
            case "branch_node":
                kind, branch = NodeKind.BRANCH, node.branch_node.if_else
                arms = self._arms(branch, node)
            case "array_node":
                kind, array = NodeKind.ARRAY, self._array(node)
            case target:
                raise errors.CorruptStateError(
                    f"{self._place} has node {node.id!r} of kind {target}, which can't run"
                )
        return GraphNode(
            id=node.id,
            kind=kind,
            message=node,
            upstream=tuple(upstream),
            downstream=tuple(downstream),
            inputs=tuple(node.inputs),
            task=task,
            settings=None if task is None else settings_of(node, task),
            subgraph=subgraph,
            branch=branch,
            arms=arms,
            array=array,
        )

    def _task(self, node: Node) -> TaskTemplate:
        reference = node.task_node.reference_id
        template = self._tasks.get(key_of(reference))
        if template is None:
            raise errors.CorruptStateError(
                f"{self._place} lacks the task {reference.name!r} of node {node.id!r}"
            )
        return overridden(template, node.task_node.overrides)

    def _subgraph(self, node: Node) -> Graph:
        reference = node.workflow_node.sub_workflow_ref
        graph = self._graphs.get(key_of(reference))
        if graph is None:
            raise errors.CorruptStateError(
                f"{self._place} lacks the workflow {reference.name!r} of node {node.id!r}"
            )
        return graph


def overridden(task: TaskTemplate, overrides: TaskNodeOverrides) -> TaskTemplate:
    """The template as its executor gets it: with what the node says of image and resources.

    Resources that the node names replace the template's entries of that name; the others stay.
    """
    if not overrides.ByteSize() or not (task.HasField("container") or task.HasField("k8s_pod")):
        return task
    made = TaskTemplate()
    made.CopyFrom(task)
    if task.HasField("k8s_pod"):
        _override_pod(made, overrides)
        return made
    if overrides.container_image:
        made.container.image = overrides.container_image
    for mine, theirs in (
        (made.container.resources.requests, overrides.resources.requests),
        (made.container.resources.limits, overrides.resources.limits),
    ):
        kept = [entry for entry in mine if entry.name not in {other.name for other in theirs}]
        del mine[:]
        mine.extend([*kept, *theirs])
    return made


def _override_pod(made: TaskTemplate, overrides: TaskNodeOverrides) -> None:
    """Put into the pod's own container what the node says."""
    primary = pods.primary_container_of(made)
    for value in made.k8s_pod.pod_spec.fields["containers"].list_value.values:
        container = value.struct_value
        if container.fields["name"].string_value == primary:
            if overrides.container_image:
                container.fields["image"].string_value = overrides.container_image
            for kind, amounts in pods.amounts_of(overrides.resources).items():
                resources = container.fields["resources"].struct_value
                resources.fields[kind].struct_value.update(amounts)


def settings_of(node: Node, task: TaskTemplate) -> TaskSettings:
    """What the engine must know of a task node, the node's own settings taken before the template's.

    flytekit copies a task's retries to each of its nodes, so that a node's zero is meant; a time-out of zero is none.

    Raises:
        UserError: A quantity or the queue time-out can't be read.
    """
    retries = node.metadata.retries if node.metadata.HasField("retries") else task.metadata.retries
    timeout = node.metadata.timeout.ToTimedelta() or task.metadata.timeout.ToTimedelta()
    return TaskSettings(
        task_type=pods.served_type(task),
        retries=retries.retries,
        timeout=min(timeout, _LONGEST_TIMEOUT) or None,
        queue_timeout=queue_timeout_of(task),
        cpu_slots=cpu_slots_of(task.container.resources),
    )


def queue_timeout_of(task: TaskTemplate) -> timedelta | None:
    """How long an attempt may be ready without running, None for ever.

    Raises:
        UserError: The setting is no number of seconds above zero.
    """
    text = task.config.get(QUEUE_TIMEOUT_KEY)
    if text is None:
        return None
    try:
        span = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        span = timedelta(0)
    if span <= timedelta(0):
        raise errors.UserError(f"queue_timeout {text!r} is no number of seconds above zero")
    return min(span, _LONGEST_TIMEOUT)


def cpu_slots_of(resources: Resources) -> int:
    """The CPUs that are requested, rounded up; a limit alone counts as a request, as in Kubernetes.

    Raises:
        UserError: The quantity can't be read.
    """
    for entry in (*resources.requests, *resources.limits):
        if entry.name == Resources.ResourceName.CPU:
            return quantities.slots(entry.value)
    return 1
