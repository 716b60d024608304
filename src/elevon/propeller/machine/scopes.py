"""How what runs under a node begins: a subworkflow, an array, the arm of a branch; and what it can do without.

A scope is one running instance of a graph. It must never decide what the end of one means: `nodes` does.
"""

import msgspec

from elevon import errors
from elevon.compiler.graphs import Array, Graph, GraphNode
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import arrays, bindings, conditions
from elevon.propeller.machine.drafts import Draft, NodeIsReady, ScopeDrained
from elevon.propeller.machine.views import Place, Scope, View
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion
from elevon.records.phases import NodePhase

replace = msgspec.structs.replace


def open_graph(draft: Draft, scope_id: str, graph: Graph, parent: Scope | None, inputs: LiteralMap) -> Scope:
    """Begin an instance of a graph with its roots."""
    scope = Scope(
        id=scope_id,
        graph=graph,
        parent=parent,
        inputs=inputs,
        waiting={node_id: len(node.upstream) for node_id, node in graph.nodes.items() if node.upstream},
        active=set(graph.roots),
        started_at=draft.now,
    )
    draft.view.scopes[scope_id] = scope
    draft.cascades.extend(NodeIsReady(scope, root) for root in graph.roots)
    if not graph.roots:
        draft.cascades.append(ScopeDrained(scope))
    return scope


def open_subworkflow(draft: Draft, scope: Scope, node: GraphNode) -> None:
    """Begin the graph of a workflow node.

    Raises:
        UserError: An input that is promised is not there.
    """
    inputs = bindings.resolve(node.inputs, draft.view.outputs_of(scope))
    draft.put_node(draft.new_node(scope, node, NodePhase.RUNNING))
    open_graph(draft, scope.node_id(node.id), subgraph_of(node), scope, inputs)


def open_array(draft: Draft, scope: Scope, node: GraphNode) -> None:
    """Begin with the first elements; the lists stand in the scope, and each element takes its own from there.

    Raises:
        UserError: An input is not there, or what is to be mapped is no list, or none that fits the others.
    """
    inputs = arrays.lists_of(array_of(node), bindings.resolve(node.inputs, draft.view.outputs_of(scope)))
    elements = arrays.elements_of(array_of(node), inputs)
    record = draft.new_node(scope, node, NodePhase.RUNNING)
    draft.put_node(replace(record, element_count=elements.count))
    opened = Scope(
        id=record.node_id,
        graph=elements.array.graph,
        parent=scope,
        inputs=inputs,
        waiting={},
        active=set(),
        started_at=draft.now,
        elements=elements,
    )
    draft.view.scopes[record.node_id] = opened
    go_on(draft, opened)


def open_arm(draft: Draft, scope: Scope, node: GraphNode) -> Failure | None:
    """Decide for an arm, and run its node in a scope of its own, with the data of the scope around it.

    Returns:
        Why the branch fails, if it has no arm for that case or one that says so.

    Raises:
        UserError: An input that is promised is not there.
    """
    if node.branch is None or node.arms is None:
        raise errors.BugError(f"branch node {node.id!r} has no arms")
    taken = conditions.decide(node.branch, bindings.resolve(node.inputs, draft.view.outputs_of(scope)))
    if isinstance(taken, Failure):
        return taken
    node_id = scope.node_id(node.id)
    draft.put_node(replace(draft.new_node(scope, node, NodePhase.RUNNING), taken=taken.id))
    arm = Scope(
        id=node_id,
        graph=node.arms,
        parent=scope,
        inputs=scope.inputs,
        waiting={},
        active={taken.id},
        started_at=draft.now,
        data=scope.data or scope,
    )
    draft.view.scopes[node_id] = arm
    for other in node.arms.nodes.values():
        if other.id != taken.id:
            _skip(draft, arm, other)
    draft.cascades.append(NodeIsReady(arm, taken.id))
    return None


def go_on(draft: Draft, scope: Scope) -> None:
    """Let an array go on, or end if none of its elements is left to run."""
    if scope.elements is not None:
        arrays.feed(draft, scope)
        if not scope.active:
            draft.cascades.append(ScopeDrained(scope))


def outputs_of(view: View, scope: Scope) -> bytes:
    """Serialized outputs: of the arm that was taken, of the elements, or what the workflow's bindings name."""
    if scope.elements is not None:
        return arrays.outputs_of(view, scope, scope.elements)
    taken = view.nodes[scope.id].taken
    if taken:
        return view.nodes[scope.node_id(taken)].outputs or b""
    return bindings.resolve(scope.graph.outputs, view.outputs_of(scope)).SerializeToString(deterministic=True)


def lose(scope: Scope, spec_node_id: str) -> None:
    """Count a failed node, and all that waits for it, as lost to a scope that can do without some."""
    if scope.elements is not None:
        scope.elements.lost_count += 1
    if not scope.min_success_count:
        return
    trail = [spec_node_id]
    while trail:
        lost = trail.pop()
        if lost not in scope.lost:
            scope.lost.add(lost)
            trail.extend(scope.graph.nodes[lost].downstream)


def can_spare(scope: Scope) -> bool:
    """Whether a scope can still do without all that it has lost."""
    if scope.elements is not None:
        return scope.elements.min_success_count <= scope.elements.count - scope.elements.lost_count
    return 0 < scope.min_success_count <= len(scope.graph.nodes) - len(scope.lost)


def expansion_of(view: View, expansion: Expansion) -> Graph:
    """The graph that futures were made."""
    graph = view.expansions.get(expansion.closure_digest)
    if graph is None:
        raise errors.BugError(f"the graph of the futures {expansion.closure_digest} was not loaded")
    return graph


def subgraph_of(node: GraphNode) -> Graph:
    """The graph that a workflow node runs."""
    if node.subgraph is None:
        raise errors.BugError(f"workflow node {node.id!r} has no graph")
    return node.subgraph


def array_of(node: GraphNode) -> Array:
    """What an array node runs."""
    if node.array is None:
        raise errors.BugError(f"array node {node.id!r} has nothing to run")
    return node.array


def _skip(draft: Draft, arm: Scope, node: GraphNode) -> None:
    """Commit that the branch did not take this arm; it has a place for as long as that takes."""
    node_id = arm.node_id(node.id)
    draft.view.places[node_id] = Place(arm, node)
    draft.put_node(replace(draft.new_node(arm, node, NodePhase.SKIPPED), ended_at=draft.now))
    del draft.view.places[node_id]
