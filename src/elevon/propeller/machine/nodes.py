"""How nodes become ready, succeed, fail and are stopped, and what that means for the scopes around them.

Work is proportional to what changed: a node that ends touches its successors' counters, and a scope ends when its set
of active nodes is empty.
"""

import msgspec

from elevon import errors
from elevon.compiler.graphs import FailurePolicy, GraphNode, NodeKind
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import admissions, arrays, attempts, endings, reasons, scopes
from elevon.propeller.machine.drafts import AttemptEnded, Draft, NodeIsReady, ScopeDrained
from elevon.propeller.machine.views import Place, Scope
from elevon.records import failures
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion
from elevon.records.phases import AttemptPhase, NodePhase

replace = msgspec.structs.replace


def make_ready(draft: Draft, scope: Scope, spec_node_id: str) -> None:
    """Set a node going, all of whose upstream nodes have outputs, unless its scope is being ended."""
    if scope.is_stopping:
        _deactivate(draft, scope, spec_node_id)
        return
    node = scope.node(spec_node_id)
    node_id = scope.node_id(spec_node_id)
    draft.view.places[node_id] = Place(scope, node)
    known = draft.view.nodes.get(node_id)
    if known is not None and known.phase.has_outputs:
        _pass_on(draft, scope, node)
        return
    try:
        if node.kind is NodeKind.TASK:
            admissions.enqueue(draft, node_id, draft.now)
        elif node.kind is NodeKind.WORKFLOW:
            scopes.open_subworkflow(draft, scope, node)
        elif node.kind is NodeKind.ARRAY:
            scopes.open_array(draft, scope, node)
        else:
            failure = scopes.open_arm(draft, scope, node)
            if failure is not None:
                fail(draft, node_id, failure)
    except errors.UserError as error:
        fail(draft, node_id, failures.from_exception(error))


def follow_attempt(draft: Draft, ended: AttemptEnded) -> None:
    """What the end of an attempt means for its node."""
    view = draft.view
    record = ended.record
    if record.started_at is not None:
        admissions.give_place_back(draft)
    if record.phase is AttemptPhase.SUCCEEDED and ended.expansion is not None:
        expand(draft, record.node_id, ended.expansion)
    elif record.phase is AttemptPhase.SUCCEEDED:
        succeed(draft, record.node_id, ended.outputs or b"")
    elif record.phase is AttemptPhase.ABORTED:
        _abort(draft, record.node_id, record.failure)
    elif record.phase is AttemptPhase.RETRYABLE_FAILED:
        known = view.nodes[record.node_id]
        draft.put_node(replace(known, attempt=record.attempt + 1))
        admissions.enqueue_again(draft, record.node_id)
    else:
        if record.node_id in view.enqueued:
            admissions.leave_queue(draft, record.node_id)
        fail(draft, record.node_id, record.failure or reasons.unexplained(record.node_id))


def succeed(draft: Draft, node_id: str, outputs: bytes) -> None:
    """Commit the node's outputs, and set its successors going."""
    place = draft.view.place(node_id)
    draft.put_node(
        replace(draft.view.nodes[node_id], phase=NodePhase.SUCCEEDED, outputs=outputs, ended_at=draft.now)
    )
    _pass_on(draft, place.scope, place.node)


def expand(draft: Draft, node_id: str, expansion: Expansion) -> None:
    """Let a node whose task returned futures go on as these, unless its scope is being ended."""
    view = draft.view
    around = view.place(node_id).scope
    if around.is_stopping:
        _abort(draft, node_id, None if around.failure is None else reasons.stopped(around.failure))
        return
    draft.put_node(replace(view.nodes[node_id], phase=NodePhase.DYNAMIC_RUNNING, expansion=expansion))
    graph = scopes.expansion_of(view, expansion)
    opened = scopes.open_graph(draft, node_id, graph, around, LiteralMap())
    opened.min_success_count = expansion.min_success_count


def fail(draft: Draft, node_id: str, failure: Failure) -> None:
    """Commit that the node failed; by the workflow's policy the others are stopped, or what can still run does."""
    view = draft.view
    scope, node = view.place(node_id).scope, view.place(node_id).node
    known = view.nodes.get(node_id) or draft.new_node(scope, node, NodePhase.RUNNING)
    draft.put_node(replace(known, phase=NodePhase.FAILED, failure=failure, ended_at=draft.now))
    scopes.lose(scope, node.id)
    if not scopes.can_spare(scope):
        scope.failure = scope.failure or reasons.of_node(draft.view.nodes[node_id])
        if scope.graph.on_failure is FailurePolicy.FAIL_IMMEDIATELY:
            stop_scope(draft, scope, scope.failure)
    _deactivate(draft, scope, node.id)


def stop_scope(draft: Draft, scope: Scope, failure: Failure) -> None:
    """End everything that is active in a scope; it drains when the last kill has succeeded."""
    if scope.is_stopping:
        return
    scope.is_stopping = True
    scope.failure = scope.failure or failure
    if scope.id:
        known = draft.view.nodes[scope.id]
        draft.put_node(replace(known, phase=NodePhase.FAILING, failure=scope.failure))
    for spec_node_id in sorted(scope.active):
        _stop_node(draft, scope, spec_node_id, reasons.stopped(failure))


def close_scope(draft: Draft, scope: Scope) -> None:
    """Pass the end of what ran under a node on to it; the workflow itself is ended by `executions`."""
    view = draft.view
    if not scope.id or view.scopes.get(scope.id) is not scope or scope.active:
        return
    del view.scopes[scope.id]
    parent = view.place(scope.id).scope
    if scope.failure is not None and parent.is_stopping:
        _abort(draft, scope.id, scope.failure)
    elif scope.failure is not None:
        fail(draft, scope.id, scope.failure)
    else:
        try:
            outputs = scopes.outputs_of(view, scope)
        except errors.UserError as error:
            fail(draft, scope.id, failures.from_exception(error))
        else:
            succeed(draft, scope.id, outputs)


def resume_scope(draft: Draft, scope: Scope) -> None:
    """Go on with every active node of a scope that was rebuilt from rows."""
    view = draft.view
    for spec_node_id in sorted(scope.active):
        node_id = scope.node_id(spec_node_id)
        if node_id in view.scopes:
            continue
        record = view.current_attempt(node_id)
        known = view.nodes.get(node_id)
        if known is None:
            draft.cascades.append(NodeIsReady(scope, spec_node_id))
        elif record is None or record.started_at is None:
            admissions.unpark(draft, node_id)
        else:
            attempts.resume(draft, record)
    scopes.go_on(draft, scope)


def _pass_on(draft: Draft, scope: Scope, node: GraphNode) -> None:
    """Count the node off at its successors, and make those ready that wait for nothing else."""
    for spec_node_id in node.downstream:
        left = scope.waiting[spec_node_id] - 1
        if left:
            scope.waiting[spec_node_id] = left
            continue
        del scope.waiting[spec_node_id]
        scope.active.add(spec_node_id)
        draft.cascades.append(NodeIsReady(scope, spec_node_id))
    _deactivate(draft, scope, node.id)


def _deactivate(draft: Draft, scope: Scope, spec_node_id: str) -> None:
    scope.active.discard(spec_node_id)
    if scope.elements is not None:
        scope.elements.queued.discard(spec_node_id)
        arrays.feed(draft, scope)
    if not scope.active:
        draft.cascades.append(ScopeDrained(scope))


def _stop_node(draft: Draft, scope: Scope, spec_node_id: str, cause: Failure) -> None:
    view = draft.view
    node_id = scope.node_id(spec_node_id)
    child = view.scopes.get(node_id)
    record = view.current_attempt(node_id)
    if child is not None:
        stop_scope(draft, child, cause)
    elif node_id in view.enqueued:
        admissions.leave_queue(draft, node_id)
        if record is None:
            _abort(draft, node_id, cause)
        else:
            endings.stop(draft, record, AttemptPhase.ABORTED, cause)
    elif record is not None:
        endings.stop(draft, record, AttemptPhase.ABORTED, cause)


def _abort(draft: Draft, node_id: str, failure: Failure | None) -> None:
    """Commit that the node was ended by its workflow's end."""
    view = draft.view
    place = view.place(node_id)
    known = view.nodes.get(node_id) or draft.new_node(place.scope, place.node, NodePhase.ABORTED)
    draft.put_node(replace(known, phase=NodePhase.ABORTED, failure=failure, ended_at=draft.now))
    _deactivate(draft, place.scope, place.node.id)
