"""What must hold between any two steps; checked after every step in tests and simulations."""

from elevon import errors
from elevon.propeller.machine.arrays import QUEUE_LIMIT
from elevon.propeller.machine.views import Scope, View
from elevon.records.phases import AttemptPhase, NodePhase


def check(view: View) -> None:
    """Raise with the first broken invariant and its node.

    Raises:
        BugError: The view contradicts itself, or something is left undone.
    """
    if view.execution.phase.is_terminal:
        _require(view, not view.live and not view.scopes, "is terminal with work left")
        return
    for scope in view.scopes.values():
        _check_scope(view, scope)
    _check_attempts(view)
    waiting_for_place = set(view.enqueued) - set(view.backlog)
    under_way = sum(
        1 for key in view.live if view.attempts[key].started_at and not view.attempts[key].phase.is_terminal
    )
    _require(
        view,
        view.under_way_count == under_way + len(waiting_for_place),
        f"counts {view.under_way_count} under way, and has {under_way} attempts and {len(waiting_for_place)} queued",
    )
    limit = view.execution.max_parallelism
    _require(
        view, not (view.backlog and view.under_way_count < limit), "keeps a backlog below its parallelism"
    )


def _check_scope(view: View, scope: Scope) -> None:
    """Every active node is driven by exactly one thing; counters equal what they count."""
    for spec_node_id in scope.active:
        node_id = scope.node_id(spec_node_id)
        record = view.nodes.get(node_id)
        attempt = view.current_attempt(node_id)
        drivers = (
            node_id in view.enqueued,
            node_id in view.scopes,
            attempt is not None and not attempt.phase.is_terminal and node_id not in view.enqueued,
        )
        _require(view, sum(drivers) == 1, f"drives {node_id} by {sum(drivers)} things instead of one")
        _require(
            view, record is None or not record.phase.is_terminal, f"keeps {node_id} active after its end"
        )
    for spec_node_id, left in scope.waiting.items():
        upstream = scope.graph.nodes[spec_node_id].upstream
        open_count = sum(1 for other in upstream if not _has_outputs(view, scope, other))
        _require(
            view,
            left == open_count,
            f"counts {left} for {scope.node_id(spec_node_id)} instead of {open_count}",
        )
    _check_elements(view, scope)
    _require(view, bool(scope.active) or not scope.id, f"keeps the scope {scope.id} open with nothing active")


def _check_elements(view: View, scope: Scope) -> None:
    """Of an array no more are active or wait for a place than may, and none that may begin is left out."""
    elements = scope.elements
    if elements is None:
        return
    limit = elements.array.limit or elements.count
    _require(view, elements.queued <= scope.active, f"has elements of {scope.id} queued that are not active")
    _require(view, len(scope.active) <= limit, f"has {len(scope.active)} elements of {scope.id} active")
    is_full = len(scope.active) == limit or len(elements.queued) >= QUEUE_LIMIT
    is_begun = elements.begun_count == elements.count
    _require(view, scope.is_stopping or is_full or is_begun, f"lets elements of {scope.id} wait for nothing")


def _check_attempts(view: View) -> None:
    """Every attempt that is not over has a call in flight, a call due, or waits for an operator."""
    for key, live in view.live.items():
        record = view.attempts[key]
        is_driven = live.call is not None or live.due_at is not None or record.is_parked
        _require(view, is_driven, f"has forgotten {key[0]}#{key[1]} in {record.phase}")
        if not record.phase.is_terminal:
            node = view.nodes[record.node_id]
            _require(view, not node.phase.is_terminal, f"runs {key[0]}#{key[1]} after its node's end")
            _require(view, node.attempt == record.attempt, f"runs an old attempt {key[0]}#{key[1]}")
        if record.phase is AttemptPhase.KILLING:
            _require(view, record.outcome is not None, f"kills {key[0]}#{key[1]} without an outcome")
    for record in view.nodes.values():
        if record.phase is NodePhase.SUCCEEDED:
            _require(view, record.outputs is not None, f"has a success without outputs at {record.node_id}")


def _has_outputs(view: View, scope: Scope, spec_node_id: str) -> bool:
    record = view.nodes.get(scope.node_id(spec_node_id))
    return record is not None and record.phase.has_outputs


def _require(view: View, condition: bool, story: str) -> None:
    if not condition:
        raise errors.BugError(f"execution {view.execution.id} in {view.execution.phase} {story}")
