"""The view of an execution from its stored rows: nothing else survives a crash, and nothing else is needed.

Every step is one transaction, so the rows stand between two steps; what was in flight is found by its intent.
The commands that take everything up again are the machine's, on `Begin`.
"""

from collections.abc import Iterator, Mapping

from elevon.compiler.graphs import Graph, GraphNode, NodeKind
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import bindings, nodes
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.machine.views import Live, Place, Scope, View
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase, Finalization, NodePhase
from elevon.records.snapshots import StoredExecution

_NO_EXPANSIONS: Mapping[str, Graph] = {}


def rebuild(
    stored: StoredExecution,
    graph: Graph,
    backoff: Backoff | None = None,
    expansions: Mapping[str, Graph] = _NO_EXPANSIONS,
) -> View:
    """The machine's memory of an execution.

    Args:
        stored: All its rows.
        graph: The graph of its closure.
        backoff: Patience with calls that raise; None for the default.
        expansions: The graphs of the futures that its nodes go on as, by the digests of their closures.
    """
    view = View(stored.execution, graph, backoff or Backoff())
    view.expansions.update(expansions)
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
    for node_id, _ in view.attempts:
        _restore_place(view, node_id)
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
    if around is not None and around.expansion is not None:
        scope.min_success_count = around.expansion.min_success_count
    view.scopes[scope_id] = scope
    for node in graph.nodes.values():
        left = sum(1 for upstream in node.upstream if not _has_outputs(view, scope, upstream))
        if left:
            scope.waiting[node.id] = left
        else:
            _reactivate(view, scope, node)
    failed = [record for record in _records_of(view, scope) if record.phase is NodePhase.FAILED]
    for record in failed:
        nodes.lose(scope, record.spec_node_id)
    if failed and scope.failure is None and not nodes.can_spare(scope):
        scope.failure = nodes.failure_of(min(failed, key=lambda record: record.ended_at or record.started_at))
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
    elif not record.phase.is_terminal:
        scope.active.add(node.id)
        if node.kind is NodeKind.WORKFLOW:
            inner = bindings.resolve(node.inputs, view.outputs_of(scope))
            _reopen(view, node_id, nodes.subgraph_of(node), scope, inner)
        elif node.arms is not None:
            _reopen_branch(view, scope, node.arms, record)
        elif record.expansion is not None:
            _reopen(view, node_id, nodes.expansion_of(view, record.expansion), scope, LiteralMap())


def _reopen_branch(view: View, scope: Scope, arms: Graph, record: NodeRecord) -> None:
    """The scope of the arm that was taken, which is its only node."""
    arm = Scope(
        id=record.node_id,
        graph=arms,
        parent=scope,
        inputs=scope.inputs,
        waiting={},
        active=set(),
        started_at=record.started_at,
        data=scope.data or scope,
        failure=record.failure,
    )
    view.scopes[record.node_id] = arm
    _reactivate(view, arm, arms.nodes[record.taken])
    if record.phase is NodePhase.FAILING:
        _stop(view, arm)


def _restore_place(view: View, node_id: str) -> None:
    """Where a node stands whose scope is over, and of which an attempt is still to be finalized."""
    if node_id in view.places:
        return
    record = view.nodes[node_id]
    _restore_place(view, record.parent)
    around = view.places[record.parent]
    data = around.scope.data or around.scope
    expansion = view.nodes[record.parent].expansion
    if around.node.arms is not None:
        graph, inputs = around.node.arms, around.scope.inputs
    elif expansion is not None:
        graph, inputs, data = nodes.expansion_of(view, expansion), LiteralMap(), None
    else:
        graph = nodes.subgraph_of(around.node)
        inputs, data = bindings.resolve(around.node.inputs, view.outputs_of(around.scope)), None
    scope = Scope(
        id=record.parent,
        graph=graph,
        parent=around.scope,
        inputs=inputs,
        waiting={},
        active=set(),
        started_at=record.started_at,
        data=data,
    )
    view.places[node_id] = Place(scope, graph.nodes[record.spec_node_id])


def _stop(view: View, scope: Scope) -> None:
    """A scope that was stopping goes on stopping; nodes of it that never started never will."""
    scope.is_stopping = True
    scope.active = {node_id for node_id in scope.active if scope.node_id(node_id) in view.nodes}


def _records_of(view: View, scope: Scope) -> Iterator[NodeRecord]:
    for spec_node_id in scope.graph.nodes:
        record = view.nodes.get(scope.node_id(spec_node_id))
        if record is not None:
            yield record


def _has_outputs(view: View, scope: Scope, spec_node_id: str) -> bool:
    record = view.nodes.get(scope.node_id(spec_node_id))
    return record is not None and record.phase.has_outputs
