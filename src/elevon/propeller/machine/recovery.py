"""The view of an execution from its stored rows: nothing else survives a crash, and nothing else is needed.

Every step is one transaction, so the rows stand between two steps; what was in flight is found by its intent.
The commands that take everything up again are the machine's, on `Begin`.
"""

from elevon.compiler.graphs import Graph, GraphNode, NodeKind
from elevon.idl.messages import LiteralMap
from elevon.ports import StoredExecution
from elevon.propeller.machine import bindings, nodes
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.machine.views import Live, Place, Scope, View
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase, Finalization, NodePhase


def rebuild(stored: StoredExecution, graph: Graph, backoff: Backoff | None = None) -> View:
    """The machine's memory of an execution.

    Args:
        stored: All its rows.
        graph: The graph of its closure.
        backoff: Patience with calls that raise; None for the default.
    """
    view = View(stored.execution, graph, backoff or Backoff())
    view.nodes = {record.node_id: record for record in stored.nodes}
    if stored.execution.phase.is_terminal or stored.execution.phase is ExecutionPhase.QUEUED:
        return view
    for record in stored.attempts:
        is_unfinalized = record.phase.is_terminal and record.finalization is Finalization.PENDING
        if is_unfinalized or not record.phase.is_terminal:
            key = (record.node_id, record.attempt)
            view.attempts[key] = record
            view.live[key] = Live()
            if record.started_at is not None and not record.phase.is_terminal:
                view.under_way_count += 1
    inputs = LiteralMap.FromString(stored.execution.inputs)
    root = _reopen(view, "", graph, None, inputs)
    if stored.execution.phase in (ExecutionPhase.FAILING, ExecutionPhase.ABORTING):
        _stop(view, root)
    return view


def _reopen(view: View, scope_id: str, graph: Graph, parent: Scope | None, inputs: LiteralMap) -> Scope:
    """A scope as it stood: counters, active nodes, and the scopes within."""
    around = view.nodes.get(scope_id)
    scope = Scope(
        id=scope_id,
        graph=graph,
        parent=parent,
        inputs=inputs,
        waiting={},
        active=set(),
        started_at=around.started_at if around else view.execution.started_at or view.execution.created_at,
        failure=around.failure if around else view.execution.failure,
    )
    view.scopes[scope_id] = scope
    for node in graph.nodes.values():
        left = sum(1 for upstream in node.upstream if not _has_outputs(view, scope, upstream))
        if left:
            scope.waiting[node.id] = left
        else:
            _reactivate(view, scope, node)
    if around is not None and around.phase is NodePhase.FAILING:
        _stop(view, scope)
    return scope


def _reactivate(view: View, scope: Scope, node: GraphNode) -> None:
    """Take up a node that waits for nothing, unless it is over."""
    node_id = scope.node_id(node.id)
    view.places[node_id] = Place(scope, node)
    record = view.nodes.get(node_id)
    if record is None:
        scope.active.add(node.id)
    elif record.phase is NodePhase.FAILED:
        scope.failure = scope.failure or nodes.failure_of(record)
    elif not record.phase.is_terminal:
        scope.active.add(node.id)
        if node.kind is NodeKind.WORKFLOW:
            inner = bindings.resolve(node.inputs, view.outputs_of(scope))
            _reopen(view, node_id, nodes.subgraph_of(node), scope, inner)
        elif node.kind is NodeKind.BRANCH and node.arms is not None:
            _reopen_branch(view, scope, node, record)


def _reopen_branch(view: View, scope: Scope, node: GraphNode, record: NodeRecord) -> None:
    """The scope of the arm that was taken, which is its only node."""
    if node.arms is None:
        return
    arm = Scope(
        id=record.node_id,
        graph=node.arms,
        parent=scope,
        inputs=scope.inputs,
        waiting={},
        active=set(),
        started_at=record.started_at,
        data=scope.data or scope,
        failure=record.failure,
    )
    view.scopes[record.node_id] = arm
    _reactivate(view, arm, node.arms.nodes[record.taken])
    if record.phase is NodePhase.FAILING:
        _stop(view, arm)


def _stop(view: View, scope: Scope) -> None:
    """A scope that was stopping goes on stopping; nodes of it that never started never will."""
    scope.is_stopping = True
    scope.active = {node_id for node_id in scope.active if scope.node_id(node_id) in view.nodes}


def _has_outputs(view: View, scope: Scope, spec_node_id: str) -> bool:
    record = view.nodes.get(scope.node_id(spec_node_id))
    return record is not None and record.phase.has_outputs
