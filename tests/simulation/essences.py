"""What of a view can be derived from rows, and so must come back when it is rebuilt from them."""

from elevon.propeller.machine.views import Scope, View
from tests.simulation.worlds import BrokenPromise


def compare(memory: View, rebuilt: View) -> None:
    """Raise if what is rebuilt from rows is not what memory has, with everything committed.

    Raises:
        BrokenPromise: Names the first difference.
    """
    before, after = _essence(memory), _essence(rebuilt)
    for name, value in before.items():
        if value != after[name]:
            raise BrokenPromise(f"{name} in memory is {value}, and rebuilt from rows {after[name]}")


def _essence(view: View) -> dict[str, object]:
    if view.execution.phase.is_terminal or not view.scopes:
        return {"phase": view.execution.phase}
    return {
        "nodes": view.nodes,
        "attempts": view.attempts,
        "scopes": {
            scope.id: (
                dict(sorted(scope.waiting.items())),
                sorted(name for name in scope.active if not _is_unwritten(view, scope, name)),
                scope.is_stopping,
                scope.failure is not None,
                scope.min_success_count,
                sorted(scope.lost),
                scope.inputs,
                scope.elements and (scope.elements.count, scope.elements.lost_count),
            )
            for scope in view.scopes.values()
        },
        "under way": view.under_way_count - len(set(view.enqueued) - set(view.backlog)),
        "places": {
            node_id: place.scope.id
            for node_id, place in view.places.items()
            if place.scope.id in view.scopes and node_id in view.nodes
            # Nobody looks for an element that is over.
            if place.scope.elements is None or not view.nodes[node_id].phase.is_terminal
        },
    }


def _is_unwritten(view: View, scope: Scope, name: str) -> bool:
    """Whether a node is an element that waits for its turn, of which nothing is written yet."""
    return scope.elements is not None and scope.node_id(name) not in view.nodes
