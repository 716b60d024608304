"""What there is to see of one execution: its nodes as a tree, with attempts, whether they have started or not.

A view joins the stored rows with the closure, which knows the nodes that have no row yet. It owns that join and
nothing else; how it looks is the business of whoever shows it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from elevon.compiler.graphs import Graph, GraphNode, NodeKind
from elevon.idl.messages import CompiledWorkflowClosure, LiteralType, VariableMap
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.leases import Lease
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition

_NO_EXPANSIONS: Mapping[str, Graph] = {}


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """One node.

    Attributes:
        id: Unique in the execution, parents included.
        kind: What it does.
        name: Name of the task or workflow that it runs; of a branch, its own id.
        task_type: Type string of the template; empty unless it is a task.
        outputs: Types of its outputs, by name; empty where only a run decides.
        record: Its current record; None if it has not started.
        attempts: In order.
        children: Nodes that run under it; of an array the elements that have begun.
        taken_over_count: So many elements of an array that has not begun were taken over from another execution.
    """

    id: str
    kind: NodeKind
    name: str
    task_type: str = ""
    outputs: Mapping[str, LiteralType] = {}
    record: NodeRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    children: tuple["NodeView", ...] = ()
    taken_over_count: int = 0

    @property
    def label(self) -> str:
        """What it runs, for people; empty where its id says the same."""
        if self.kind is NodeKind.BRANCH:
            return "branch"
        return "" if self.name == self.id.rpartition("/")[2] else self.name

    def walk(self) -> Iterator["NodeView"]:
        """Itself and everything under it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


class ExecutionView(msgspec.Struct, frozen=True, kw_only=True):
    """One execution.

    Attributes:
        record: Its current record.
        closure: What it runs.
        nodes: At the top, in the order of the template.
        owner: Who drives it, or did so last; None for nobody.
        history: Everything that happened, in order.
    """

    record: ExecutionRecord
    closure: CompiledWorkflowClosure
    nodes: tuple[NodeView, ...]
    owner: Lease | None = None
    history: tuple[Transition, ...] = ()

    @property
    def inputs(self) -> Mapping[str, LiteralType]:
        """Types of its inputs, by name."""
        return types_of(self.closure.primary.template.interface.inputs)

    @property
    def outputs(self) -> Mapping[str, LiteralType]:
        """Types of its outputs, by name, in the order in which they were declared."""
        return outputs_of(self.closure)

    def walk(self) -> Iterator[NodeView]:
        """All nodes, parents first."""
        for node in self.nodes:
            yield from node.walk()


def types_of(variables: VariableMap) -> dict[str, LiteralType]:
    """The types of variables, by name, in alphabetical order: a map on the wire has none."""
    return {name: variables.variables[name].type for name in sorted(variables.variables)}


def outputs_of(closure: CompiledWorkflowClosure) -> dict[str, LiteralType]:
    """The types of a workflow's outputs, by name, in the order of their bindings, which is that of the declaration."""
    template = closure.primary.template
    types = types_of(template.interface.outputs)
    return {binding.var: types[binding.var] for binding in template.outputs if binding.var in types}


def tree(
    graph: Graph, stored: StoredExecution | None = None, expansions: Mapping[str, Graph] = _NO_EXPANSIONS
) -> tuple[NodeView, ...]:
    """The nodes of a graph, with what is stored of them.

    Args:
        graph: The workflow.
        stored: The rows of an execution; None for a workflow that nothing runs yet.
        expansions: The graphs that nodes go on as whose tasks returned futures, by the digests of their closures.
    """
    records = {record.node_id: record for record in stored.nodes} if stored else {}
    attempts: dict[str, list[AttemptRecord]] = {}
    for attempt in sorted(stored.attempts if stored else (), key=lambda attempt: attempt.attempt):
        attempts.setdefault(attempt.node_id, []).append(attempt)
    return _Join(records, attempts, expansions).level(graph, "")


class _Join:
    def __init__(
        self,
        records: Mapping[str, NodeRecord],
        attempts: Mapping[str, Sequence[AttemptRecord]],
        expansions: Mapping[str, Graph],
    ) -> None:
        self._records = records
        self._taken_over = Counter(
            record.parent for record in records.values() if record.phase is NodePhase.RECOVERED
        )
        self._attempts = attempts
        self._expansions = expansions

    def level(self, graph: Graph | None, parent: str) -> tuple[NodeView, ...]:
        if graph is None:
            return ()
        return tuple(
            self._node(node, f"{parent}/{node.id}" if parent else node.id) for node in graph.nodes.values()
        )

    def _node(self, node: GraphNode, node_id: str) -> NodeView:
        record = self._records.get(node_id)
        interface = node.task.interface if node.task else node.subgraph.interface if node.subgraph else None
        return NodeView(
            id=node_id,
            kind=node.kind,
            name=node.name,
            task_type=node.task.type if node.task else "",
            outputs=types_of(interface.outputs) if interface else {},
            record=record,
            attempts=tuple(self._attempts.get(node_id, ())),
            children=self._elements(node.array.element, record)
            if node.array
            else self.level(node.inner or self._expansion_of(record), node_id),
            taken_over_count=self._taken_over[node_id] if node.array and record is None else 0,
        )

    def _elements(self, element: GraphNode, record: NodeRecord | None) -> tuple[NodeView, ...]:
        """Those that have begun; the others are no more than their number."""
        if record is None:
            return ()
        ids = (f"{record.node_id}/{index}" for index in range(record.element_count))
        return tuple(self._node(element, node_id) for node_id in ids if node_id in self._records)

    def _expansion_of(self, record: NodeRecord | None) -> Graph | None:
        if record is None or record.expansion is None:
            return None
        return self._expansions.get(record.expansion.closure_digest)
