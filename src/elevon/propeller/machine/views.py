"""The machine's memory of one execution: its records, and the indexes that make each step cheap.

A view is built from stored rows alone (`recovery.rebuild`) and is thrown away when a commit fails. What is volatile
in it (`Live`, `Scope`) can be derived again from the rows.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import msgspec

from elevon import errors
from elevon.compiler.graphs import Array, Graph, GraphNode, TaskSettings
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.nodes import NodeRecord

AttemptKey = tuple[str, int]


class Elements(msgspec.Struct, kw_only=True):
    """The elements of a running array: its nodes, called by their numbers from 0.

    Attributes:
        array: What each of them runs.
        count: How many there are.
        min_success_count: So many of them must succeed.
        begun_count: All with smaller numbers have begun, or need not.
        lost_count: So many have failed.
        queued: Spec ids of those that have begun and were not let in yet.
    """

    array: Array
    count: int
    min_success_count: int
    begun_count: int = 0
    lost_count: int = 0
    queued: set[str] = msgspec.field(default_factory=set[str])


class Scope(msgspec.Struct, kw_only=True):
    """One running instance of a graph: the workflow itself, a subworkflow, the arms of a branch, futures, or an array.

    Attributes:
        id: Unique id of the node that it runs under; empty for the workflow itself.
        graph: What runs.
        parent: The scope around it.
        inputs: The workflow's inputs, or those of the array.
        data: Whose outputs its bindings name: itself, or for the arms of a branch the scope around it.
        waiting: For each node that has not become ready: how many upstream nodes have no outputs yet.
        active: Spec ids of the nodes that are ready or running.
        started_at: When it began.
        failure: Why it is going to fail; None while it may succeed.
        is_stopping: Whether its active nodes are being ended.
        min_success_count: So many of its nodes must succeed, of futures that can do without some; 0 for all.
        lost: Spec ids of the nodes that will never succeed; kept only where not all have to.
        elements: Of an array.
    """

    id: str
    graph: Graph
    parent: "Scope | None"
    inputs: LiteralMap
    waiting: dict[str, int]
    active: set[str]
    started_at: datetime
    data: "Scope | None" = None
    failure: Failure | None = None
    is_stopping: bool = False
    min_success_count: int = 0
    lost: set[str] = msgspec.field(default_factory=set[str])
    elements: Elements | None = None

    def node(self, spec_node_id: str) -> GraphNode:
        """One of its nodes; that of an element is made when it is asked for."""
        if self.elements is None:
            return self.graph.nodes[spec_node_id]
        return msgspec.structs.replace(self.elements.array.element, id=spec_node_id)

    def node_id(self, spec_node_id: str) -> str:
        """The unique id of one of its nodes."""
        return f"{self.id}/{spec_node_id}" if self.id else spec_node_id


class Live(msgspec.Struct, kw_only=True):
    """What the machine keeps of an attempt that is under way or not finalized; volatile.

    Attributes:
        call: The call in flight; calls of one attempt never overlap.
        called_at: When the last call was asked for.
        is_woken: News came while a call was in flight.
        due_at: When the next call is due; a timer of another instant is stale.
        is_unheard: Whether no call has been answered since the engine took the attempt up again.
    """

    call: CallKind | None = None
    called_at: datetime | None = None
    is_woken: bool = False
    due_at: datetime | None = None
    is_unheard: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a node stands: the scope that runs it, and its node in the graph."""

    scope: Scope
    node: GraphNode


class View:
    """Everything that the machine knows of one execution.

    Args:
        execution: Its current record.
        graph: Its workflow.
        backoff: Patience with calls that raise.

    Attributes:
        expansions: The graphs of futures, by the digests of their closures; whoever sends futures puts theirs here.
        abandoned: Attempts that were given up with a call in flight: its answer is ignored if it comes.
    """

    def __init__(self, execution: ExecutionRecord, graph: Graph, backoff: Backoff) -> None:
        self.execution = execution
        self.graph = graph
        self.backoff = backoff
        self.expansions: dict[str, Graph] = {}
        self.nodes: dict[str, NodeRecord] = {}
        self.attempts: dict[AttemptKey, AttemptRecord] = {}
        self.live: dict[AttemptKey, Live] = {}
        self.abandoned: set[AttemptKey] = set()
        self.scopes: dict[str, Scope] = {}
        self.places: dict[str, Place] = {}
        self.enqueued: dict[str, datetime] = {}
        self.backlog: OrderedDict[str, None] = OrderedDict()
        self.under_way_count = 0
        self._outputs: tuple[str, LiteralMap] = ("", LiteralMap())

    @property
    def root(self) -> Scope:
        """The scope of the workflow itself; only once the execution has begun."""
        return self.scopes[""]

    def place(self, node_id: str) -> Place:
        """Where a node stands that has become ready."""
        try:
            return self.places[node_id]
        except KeyError:
            raise errors.BugError(f"execution {self.execution.id} has no ready node {node_id!r}") from None

    def settings(self, node_id: str) -> TaskSettings:
        """The settings of a task's node that has become ready."""
        settings = self.place(node_id).node.settings
        if settings is None:
            raise errors.BugError(
                f"node {node_id!r} of execution {self.execution.id} is treated as a task and is none"
            )
        return settings

    def attempt_index(self, node_id: str) -> int:
        """Index of the node's current attempt, begun or not."""
        record = self.nodes.get(node_id)
        return record.attempt if record else 0

    def current_attempt(self, node_id: str) -> AttemptRecord | None:
        """The record of the node's attempt under way, if it has one."""
        record = self.nodes.get(node_id)
        return self.attempts.get((node_id, record.attempt)) if record else None

    def outputs_of(self, scope: Scope) -> Callable[[str], LiteralMap]:
        """A look-up for bindings of a scope: spec node id to outputs, and no node id to the workflow's inputs.

        The last outputs that were parsed are kept: a fan-out reads one node's outputs a thousand times.
        """
        source = scope.data or scope

        def look_up(spec_node_id: str) -> LiteralMap:
            if not spec_node_id:
                return source.inputs
            node_id = source.node_id(spec_node_id)
            if self._outputs[0] != node_id:
                record = self.nodes.get(node_id)
                if record is None or record.outputs is None:
                    raise errors.UserError(
                        f"node {node_id!r} has no outputs: only a node that succeeded has them"
                    )
                self._outputs = (node_id, LiteralMap.FromString(record.outputs))
            return self._outputs[1]

        return look_up
