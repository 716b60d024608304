"""How nodes become ready, succeed, fail and are stopped, and how scopes begin and end.

A scope is one running instance of a graph. Work is proportional to what changed: a node that ends touches its
successors' counters, and a scope ends when its set of active nodes is empty.
"""

from datetime import datetime

import msgspec

from elevon import errors
from elevon.compiler.graphs import Array, FailurePolicy, Graph, GraphNode, NodeKind, TaskSettings
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import arrays, attempts, bindings, commands, conditions
from elevon.propeller.machine.drafts import AttemptEnded, Draft, NodeIsReady, ScopeDrained
from elevon.propeller.machine.events import Admitted, FailRequested, Refused, TimerFired, TimerKind
from elevon.propeller.machine.views import Place, Scope, View
from elevon.records import failures
from elevon.records.failures import Failure
from elevon.records.nodes import Expansion, NodeRecord
from elevon.records.phases import AttemptPhase, NodePhase

replace = msgspec.structs.replace


def open_scope(draft: Draft, scope_id: str, graph: Graph, parent: Scope | None, inputs: LiteralMap) -> Scope:
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
            enqueue(draft, node_id, draft.now)
        elif node.kind is NodeKind.WORKFLOW:
            _open_subworkflow(draft, scope, node)
        elif node.kind is NodeKind.ARRAY:
            _open_array(draft, scope, node)
        else:
            _take_branch(draft, scope, node)
    except errors.UserError as error:
        fail(draft, node_id, failures.from_exception(error))


def enqueue(draft: Draft, node_id: str, queued_at: datetime) -> None:
    """Ask for a place for the node's next attempt, as far as the execution's parallelism allows."""
    view = draft.view
    view.enqueued[node_id] = queued_at
    limit = view.execution.max_parallelism
    if limit and view.under_way_count >= limit:
        view.backlog[node_id] = None
    else:
        _ask_for_place(draft, node_id)
    _set_queue_deadline(draft, node_id, queued_at)


def admit(draft: Draft, event: Admitted) -> None:
    """Start the node's next attempt; too late if the node was stopped meanwhile: then the place is given back."""
    view = draft.view
    queued_at = view.enqueued.pop(event.node_id, None)
    if queued_at is None:
        draft.command(commands.Release(event.node_id, view.attempt_index(event.node_id)))
        return
    attempts.admit(draft, event, queued_at, settings_of(view, event.node_id))
    known = view.nodes.get(event.node_id)
    place = view.place(event.node_id)
    if known is None:
        draft.put_node(_new_record(draft, place.scope, place.node, NodePhase.RUNNING))
    elif known.phase is NodePhase.QUEUED:
        draft.put_node(replace(known, phase=NodePhase.RUNNING))
    if place.scope.elements is not None:
        place.scope.elements.queued.discard(place.node.id)
        arrays.feed(draft, place.scope)


def refuse(draft: Draft, event: Refused) -> None:
    """Let the node wait for an executor that is not there."""
    queued_at = draft.view.enqueued.pop(event.node_id, None)
    if queued_at is None:
        return
    attempts.refuse(draft, event.node_id, event.reason, queued_at, settings_of(draft.view, event.node_id))
    if event.node_id not in draft.view.nodes:
        place = draft.view.place(event.node_id)
        draft.put_node(_new_record(draft, place.scope, place.node, NodePhase.QUEUED))
    _give_place_back(draft)


def expire(draft: Draft, event: TimerFired) -> None:
    """End the attempt of a node that got no place within its queue time-out.

    Another attempt takes over the node's turn in the queue: a place is asked for by the node, not by the attempt.
    """
    settings = settings_of(draft.view, event.node_id)
    queued_at = draft.view.enqueued[event.node_id]
    if settings.queue_timeout is None or queued_at + settings.queue_timeout > draft.now:
        return
    _ensure_record(draft, event.node_id)
    attempts.expire(draft, event.node_id, queued_at, settings)


def fail_queued(draft: Draft, event: FailRequested) -> None:
    """Obey an operator for an attempt that still waits for a place."""
    view = draft.view
    if event.attempt != view.attempt_index(event.node_id):
        return
    _ensure_record(draft, event.node_id)
    queued_at, settings = view.enqueued[event.node_id], settings_of(view, event.node_id)
    attempts.fail_unstarted(draft, event, queued_at, settings)


def unpark(draft: Draft, node_id: str) -> None:
    """Queue a node again that no executor could take; its queue time-out begins anew."""
    enqueue(draft, node_id, draft.now)
    draft.view.live.pop((node_id, draft.view.attempt_index(node_id)), None)


def follow_attempt(draft: Draft, ended: AttemptEnded) -> None:
    """What the end of an attempt means for its node."""
    view = draft.view
    record = ended.record
    if record.started_at is not None:
        _give_place_back(draft)
    if record.phase is AttemptPhase.SUCCEEDED and ended.expansion is not None:
        expand(draft, record.node_id, ended.expansion)
    elif record.phase is AttemptPhase.SUCCEEDED:
        succeed(draft, record.node_id, ended.outputs or b"")
    elif record.phase is AttemptPhase.ABORTED:
        _abort(draft, record.node_id, record.failure)
    elif record.phase is AttemptPhase.RETRYABLE_FAILED:
        known = view.nodes[record.node_id]
        draft.put_node(replace(known, attempt=record.attempt + 1))
        if record.node_id in view.enqueued:
            view.enqueued[record.node_id] = draft.now
            _set_queue_deadline(draft, record.node_id, draft.now)
        else:
            enqueue(draft, record.node_id, draft.now)
    else:
        if record.node_id in view.enqueued:
            _leave_queue(draft, record.node_id)
        fail(draft, record.node_id, record.failure or _unexplained(record.node_id))


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
        _abort(draft, node_id, None if around.failure is None else _as_cause(around.failure))
        return
    draft.put_node(replace(view.nodes[node_id], phase=NodePhase.DYNAMIC_RUNNING, expansion=expansion))
    graph = expansion_of(view, expansion)
    open_scope(draft, node_id, graph, around, LiteralMap()).min_success_count = expansion.min_success_count


def fail(draft: Draft, node_id: str, failure: Failure) -> None:
    """Commit that the node failed; by the workflow's policy the others are stopped, or what can still run does."""
    view = draft.view
    scope, node = view.place(node_id).scope, view.place(node_id).node
    known = view.nodes.get(node_id) or _new_record(draft, scope, node, NodePhase.RUNNING)
    draft.put_node(replace(known, phase=NodePhase.FAILED, failure=failure, ended_at=draft.now))
    lose(scope, node.id)
    if not can_spare(scope):
        scope.failure = scope.failure or failure_of(draft.view.nodes[node_id])
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
        _stop_node(draft, scope, spec_node_id, _as_cause(failure))


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
            outputs = _outputs_of_scope(view, scope)
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
            unpark(draft, node_id)
        else:
            attempts.resume(draft, record)
    _feed_or_close(draft, scope)


def settings_of(view: View, node_id: str) -> TaskSettings:
    """The settings of a task node."""
    settings = view.place(node_id).node.settings
    if settings is None:
        raise errors.BugError(f"node {node_id!r} was queued and is no task")
    return settings


def _open_subworkflow(draft: Draft, scope: Scope, node: GraphNode) -> None:
    inputs = bindings.resolve(node.inputs, draft.view.outputs_of(scope))
    draft.put_node(_new_record(draft, scope, node, NodePhase.RUNNING))
    open_scope(draft, scope.node_id(node.id), subgraph_of(node), scope, inputs)


def _open_array(draft: Draft, scope: Scope, node: GraphNode) -> None:
    """Begin with the first elements; the lists stand in the scope, and each element takes its own from there."""
    inputs = arrays.lists_of(array_of(node), bindings.resolve(node.inputs, draft.view.outputs_of(scope)))
    elements = arrays.elements_of(array_of(node), inputs)
    record = _new_record(draft, scope, node, NodePhase.RUNNING)
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
    _feed_or_close(draft, opened)


def _feed_or_close(draft: Draft, scope: Scope) -> None:
    """Let an array go on, or end if none of its elements is left to run."""
    if scope.elements is not None:
        arrays.feed(draft, scope)
        if not scope.active:
            draft.cascades.append(ScopeDrained(scope))


def _take_branch(draft: Draft, scope: Scope, node: GraphNode) -> None:
    """Decide for an arm, and run its node in a scope of its own, with the data of the scope around it."""
    if node.branch is None or node.arms is None:
        raise errors.BugError(f"branch node {node.id!r} has no arms")
    taken = conditions.decide(node.branch, bindings.resolve(node.inputs, draft.view.outputs_of(scope)))
    node_id = scope.node_id(node.id)
    if isinstance(taken, Failure):
        fail(draft, node_id, taken)
        return
    draft.put_node(replace(_new_record(draft, scope, node, NodePhase.RUNNING), taken=taken.id))
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


def _skip(draft: Draft, arm: Scope, node: GraphNode) -> None:
    """Commit that the branch did not take this arm; it has a place for as long as that takes."""
    node_id = arm.node_id(node.id)
    draft.view.places[node_id] = Place(arm, node)
    draft.put_node(replace(_new_record(draft, arm, node, NodePhase.SKIPPED), ended_at=draft.now))
    del draft.view.places[node_id]


def _outputs_of_scope(view: View, scope: Scope) -> bytes:
    """Serialized outputs: of the arm that was taken, of the elements, or what the workflow's bindings name."""
    if scope.elements is not None:
        return arrays.outputs_of(view, scope, scope.elements)
    taken = view.nodes[scope.id].taken
    if taken:
        return view.nodes[scope.node_id(taken)].outputs or b""
    return bindings.resolve(scope.graph.outputs, view.outputs_of(scope)).SerializeToString(deterministic=True)


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
        _leave_queue(draft, node_id)
        if record is None:
            _abort(draft, node_id, cause)
        else:
            attempts.stop(draft, record, cause)
    elif record is not None:
        attempts.stop(draft, record, cause)


def _abort(draft: Draft, node_id: str, failure: Failure | None) -> None:
    """Commit that the node was ended by its workflow's end."""
    view = draft.view
    place = view.place(node_id)
    known = view.nodes.get(node_id) or _new_record(draft, place.scope, place.node, NodePhase.ABORTED)
    draft.put_node(replace(known, phase=NodePhase.ABORTED, failure=failure, ended_at=draft.now))
    _deactivate(draft, place.scope, place.node.id)


def _set_queue_deadline(draft: Draft, node_id: str, queued_at: datetime) -> None:
    timeout = settings_of(draft.view, node_id).queue_timeout
    if timeout is not None:
        index = draft.view.attempt_index(node_id)
        draft.command(commands.SetTimer(node_id, index, TimerKind.DEADLINE, queued_at + timeout))


def _ask_for_place(draft: Draft, node_id: str) -> None:
    settings = settings_of(draft.view, node_id)
    draft.view.under_way_count += 1
    draft.command(commands.Enqueue(node_id, settings.task_type, settings.cpu_slots))


def _leave_queue(draft: Draft, node_id: str) -> None:
    """Take a node out of the queue, and out of the count if it had been let into it."""
    view = draft.view
    del view.enqueued[node_id]
    if node_id in view.backlog:
        del view.backlog[node_id]
    else:
        draft.command(commands.Dequeue(node_id))
        _give_place_back(draft)


def _give_place_back(draft: Draft) -> None:
    view = draft.view
    view.under_way_count -= 1
    if view.backlog:
        node_id, _ = view.backlog.popitem(last=False)
        _ask_for_place(draft, node_id)


def _ensure_record(draft: Draft, node_id: str) -> None:
    """Have a row for a node of which an attempt ends before one began."""
    if node_id not in draft.view.nodes:
        place = draft.view.place(node_id)
        draft.put_node(_new_record(draft, place.scope, place.node, NodePhase.RUNNING))


def _new_record(draft: Draft, scope: Scope, node: GraphNode, phase: NodePhase) -> NodeRecord:
    return NodeRecord(
        node_id=scope.node_id(node.id),
        spec_node_id=node.id,
        parent=scope.id,
        phase=phase,
        started_at=draft.now,
    )


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


def failure_of(record: NodeRecord) -> Failure:
    """The node's failure as that of what is around it: it names the node that failed first."""
    failure = record.failure or _unexplained(record.node_id)
    is_placed = failure.message.startswith("node ")
    return failure if is_placed else replace(failure, message=f"node {record.node_id}: {failure.message}")


def _as_cause(failure: Failure) -> Failure:
    """Why something else is stopped, with the first reason only."""
    if failure.code == "SYSTEM:Stopped":
        return failure
    return Failure(code="SYSTEM:Stopped", message=f"stopped, because {failure.message}", kind=failure.kind)


def _unexplained(node_id: str) -> Failure:
    return Failure(code="SYSTEM:Unexplained", message=f"node {node_id} failed without an explanation")
