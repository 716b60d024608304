"""The indexed graph: what the engine reads of a compiled workflow, at a cost proportional to what it asks.

Built by `compiler.index` from a `CompiledWorkflowClosure`; immutable, and shared by all executions of one closure.
"""

import enum
from datetime import timedelta

import msgspec

from elevon.idl.messages import Binding, IfElseBlock, Node, TaskTemplate, TypedInterface


class NodeKind(enum.StrEnum):
    """What a node does."""

    TASK = "task"
    WORKFLOW = "workflow"
    BRANCH = "branch"


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
