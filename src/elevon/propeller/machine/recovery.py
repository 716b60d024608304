"""The view of an execution from its stored rows: nothing else survives a crash, and nothing else is needed.

Every step is one transaction, so the rows stand between two steps; what was in flight is found by its intent.
The commands that take everything up again are the machine's, on `Begin`.
"""

from collections.abc import Iterable, Iterator, Mapping

from elevon.compiler.graphs import Graph, GraphNode, NodeKind
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import arrays, bindings, reasons, scopes
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.machine.views import Live, Place, Scope, View
from elevon.records.failures import Failure
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
    closed: dict[str, Scope] = {}
    for node_id, _ in view.attempts:
        _restore_place(view, node_id, closed)
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
        scopes.lose(scope, record.spec_node_id)
    if failed and scope.failure is None and not scopes.can_spare(scope):
        scope.failure = _first_failure(failed)
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
            _reopen(view, node_id, scopes.subgraph_of(node), scope, inner)
        elif node.arms is not None:
            _reopen_branch(view, scope, node.arms, record)
        elif node.array is not None:
            _reopen_array(view, scope, node, record)
        elif record.expansion is not None:
            _reopen(view, node_id, scopes.expansion_of(view, record.expansion), scope, LiteralMap())


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


def _reopen_array(view: View, scope: Scope, node: GraphNode, record: NodeRecord) -> None:
    """The scope of an array with its elements under way; those without a row begin later."""
    opened = _scope_of_array(view, scope, node, record)
    elements = opened.elements
    view.scopes[record.node_id] = opened
    failed: list[NodeRecord] = []
    for index in range(record.element_count):
        spec_node_id = str(index)
        known = view.nodes.get(opened.node_id(spec_node_id))
        if known is None:
            continue
        if known.phase is NodePhase.FAILED:
            failed.append(known)
            scopes.lose(opened, spec_node_id)
        elif not known.phase.is_terminal:
            _reactivate(view, opened, opened.node(spec_node_id))
            if known.phase is NodePhase.QUEUED and elements is not None:
                elements.queued.add(spec_node_id)
    if failed and opened.failure is None and not scopes.can_spare(opened):
        opened.failure = _first_failure(failed)
    if record.phase is NodePhase.FAILING:
        _stop(view, opened)


def _scope_of_array(view: View, around: Scope, node: GraphNode, record: NodeRecord) -> Scope:
    array = scopes.array_of(node)
    inputs = arrays.lists_of(array, bindings.resolve(node.inputs, view.outputs_of(around)))
    return Scope(
        id=record.node_id,
        graph=array.graph,
        parent=around,
        inputs=inputs,
        waiting={},
        active=set(),
        started_at=record.started_at,
        failure=record.failure,
        elements=arrays.elements_of(array, inputs),
    )


def _first_failure(failed: Iterable[NodeRecord]) -> Failure:
    return reasons.of_node(min(failed, key=lambda record: record.ended_at or record.started_at))


def _restore_place(view: View, node_id: str, closed: dict[str, Scope]) -> None:
    """Where a node stands that is over, and of which an attempt is still to be finalized.

    Args:
        view: What is restored.
        node_id: Unique id of the node.
        closed: The scopes that were needed for that and are over, by id.
    """
    if node_id in view.places:
        return
    record = view.nodes[node_id]
    scope = view.scopes.get(record.parent) or closed.get(record.parent)
    if scope is None:
        _restore_place(view, record.parent, closed)
        scope = closed[record.parent] = _closed_scope(view, view.nodes[record.parent])
    view.places[node_id] = Place(scope, scope.node(record.spec_node_id))


def _closed_scope(view: View, record: NodeRecord) -> Scope:
    """What ran under a node, as far as a finalizer needs it."""
    around = view.places[record.node_id]
    if around.node.array is not None:
        return _scope_of_array(view, around.scope, around.node, record)
    data = around.scope.data or around.scope
    if around.node.arms is not None:
        graph, inputs = around.node.arms, around.scope.inputs
    elif record.expansion is not None:
        graph, inputs, data = scopes.expansion_of(view, record.expansion), LiteralMap(), None
    else:
        graph = scopes.subgraph_of(around.node)
        inputs, data = bindings.resolve(around.node.inputs, view.outputs_of(around.scope)), None
    return Scope(
        id=record.node_id,
        graph=graph,
        parent=around.scope,
        inputs=inputs,
        waiting={},
        active=set(),
        started_at=record.started_at,
        data=data,
    )


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
