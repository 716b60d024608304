"""The indexed graph: what the engine reads of a compiled workflow, at a cost proportional to what it asks.

Built by `compiler.index` from a `CompiledWorkflowClosure`; immutable, and shared by all executions of one closure.
"""

import enum
from datetime import timedelta

import msgspec

from elevon.idl.messages import Binding, IfElseBlock, Node, TaskTemplate, TypedInterface
from elevon.primitives import ratios


class NodeKind(enum.StrEnum):
    """What a node does."""

    TASK = "task"
    WORKFLOW = "workflow"
    BRANCH = "branch"
    ARRAY = "array"


class FailurePolicy(enum.StrEnum):
    """`WorkflowMetadata.OnFailurePolicy` of flyteidl."""

    FAIL_IMMEDIATELY = "FAIL_IMMEDIATELY"
    FAIL_AFTER_EXECUTABLE_NODES_COMPLETE = "FAIL_AFTER_EXECUTABLE_NODES_COMPLETE"


class TaskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine must know of a task node's execution, node overrides applied.

    Attributes:
        task_type: Type string of the template.
        retries: How many user retries there are.
        timeout: Limit on one attempt from its first RUNNING; None for none.
        queue_timeout: Limit on one attempt from its being ready to its first RUNNING; None for none.
        cpu_slots: CPUs that it requests, rounded up, at least one.
    """

    task_type: str
    retries: int = 0
    timeout: timedelta | None = None
    queue_timeout: timedelta | None = None
    cpu_slots: int = 1


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """One node of a graph.

    Attributes:
        id: Its id in the template.
        kind: What it does.
        message: The node as it came over the wire.
        upstream: Ids of the nodes that must succeed before it; never the start node.
        downstream: Ids of the nodes that wait for it.
        inputs: Its bindings, in the order of the wire.
        task: For a task node: the template, with what the node overrides.
        settings: For a task node: retries, time-outs, slots.
        subgraph: For a workflow node: the graph that it runs.
        branch: For a branch node: the conditions; every `then_node` is a node of `arms`.
        arms: For a branch node: the graph of its arms, of which one is run: nodes without dependencies.
        array: For an array node: what it runs for each element of its lists.
    """

    id: str
    kind: NodeKind
    message: Node
    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    inputs: tuple[Binding, ...] = ()
    task: TaskTemplate | None = None
    settings: TaskSettings | None = None
    subgraph: "Graph | None" = None
    branch: IfElseBlock | None = None
    arms: "Graph | None" = None
    array: "Array | None" = None

    @property
    def name(self) -> str:
        """What it runs, for people: the name of the task or workflow; of a branch its own id."""
        if self.array is not None:
            return f"map of {self.array.element.name}"
        return self.task.id.name if self.task else self.subgraph.name if self.subgraph else self.id

    @property
    def inner(self) -> "Graph | None":
        """What runs under it, as far as the template tells; of an array that is one node, whatever its lists hold."""
        return self.subgraph or self.arms or (self.array.graph if self.array else None)


class Array(msgspec.Struct, frozen=True, kw_only=True):
    """What an array node runs for each element of the lists that it is given.

    Attributes:
        graph: Its only node is what runs; it has no bindings, because an element's inputs come from the lists.
        mapped: Names of the inputs that are lists, of which each element gets its own; it gets the others whole.
        is_wrapped: Whether what runs is written for the lists, and gets its own element as a list of one.
        limit: So many elements run at once; 0 for no limit but that of the execution.
        min_success_count: So many elements must succeed, if that was said as a number.
        min_success_ratio: Such a part of them must succeed, from 0 to 1.
    """

    graph: "Graph"
    mapped: frozenset[str]
    is_wrapped: bool = False
    limit: int = 0
    min_success_count: int | None = None
    min_success_ratio: float = 1

    @property
    def element(self) -> GraphNode:
        """What runs, under the id that it has in the template."""
        return next(iter(self.graph.nodes.values()))

    def needed(self, count: int) -> int:
        """How many of so many elements must succeed."""
        if self.min_success_count is not None:
            return self.min_success_count
        return ratios.least(self.min_success_ratio, count)


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow, indexed.

    Attributes:
        name: Of the workflow.
        interface: Inputs and outputs of the workflow.
        nodes: By id, in the order of the template, start and end nodes left out.
        roots: Ids of the nodes that wait for nothing.
        outputs: Bindings of the workflow's outputs.
        on_failure: What a failing node means for the others.
    """

    name: str
    interface: TypedInterface
    nodes: dict[str, GraphNode]
    roots: tuple[str, ...]
    outputs: tuple[Binding, ...]
    on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
