"""Which nodes of a failed execution a new one may take over.

A node is taken over when all of this holds; otherwise it runs again:

- it succeeded, or had itself been taken over, and its outputs are stored;
- the new closure has a node of the same id at the same place, of the same kind, and with the same bindings;
- its task is what it was: name, type string, types of inputs and outputs, custom message, configuration, SQL, command
  and arguments. How a task is run (image, environment, resources, retries, time-outs, version) does not count, and
  neither does the body of a Python function: recovery is what one does after mending it;
- every node that it waits for is taken over too, and so are the inputs of the workflow that holds it;
- a subworkflow or a branch: all of this holds for every node under it that ran. Nodes that a task made while it ran
  don't count: they are taken over with it, or run again with it. Nor do the elements that an array did without, as
  long as the new one can do without as many.

Under a subworkflow or a branch that had not succeeded, the nodes that had are taken over by the same rules: it opens
again with the same inputs, a branch decides again as it did. So are the elements of an array, because its lists are the
same. It may itself have been about to open again, and nothing but what it had taken over is there.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from elevon.compiler.graphs import Graph, GraphNode
from elevon.idl.messages import TaskTemplate, TypedInterface
from elevon.records.nodes import NodeRecord
from elevon.records.phases import NodePhase
from elevon.records.snapshots import StoredExecution


def reusable(stored: StoredExecution, before: Graph, after: Graph) -> tuple[NodeRecord, ...]:
    """Records, phase RECOVERED, with which a new execution of the same inputs begins.

    Args:
        stored: The failed execution.
        before: What it ran.
        after: What the new one runs.
    """
    return tuple(_Search(stored.nodes).level(before, after, ""))


class _Search:
    def __init__(self, nodes: Sequence[NodeRecord]) -> None:
        self._records = {record.node_id: record for record in nodes}
        self._run_under: Counter[str] = Counter()
        self._by_parent: dict[str, list[NodeRecord]] = {}
        for record in nodes:
            self._by_parent.setdefault(record.parent, []).append(record)
            if record.phase is not NodePhase.SKIPPED:
                steps = record.node_id.split("/")
                self._run_under.update("/".join(steps[:depth]) for depth in range(1, len(steps)))

    def level(self, before: Graph, after: Graph, parent: str) -> Iterator[NodeRecord]:
        taken: set[str] = set()
        for name in _in_order(after):
            node = after.nodes[name]
            node_id = f"{parent}/{name}" if parent else name
            record = self._records.get(node_id)
            is_idle = record is None and not self._run_under[node_id]
            if is_idle or name not in before.nodes or not taken.issuperset(node.upstream):
                continue
            if not _is_alike(before.nodes[name], node):
                continue
            under = self._under(before.nodes[name], node, node_id)
            if record is not None and _has_outputs(record) and self._is_whole(node, record, len(under)):
                taken.add(name)
                yield _taken_over(record)
            yield from under

    def _is_whole(self, node: GraphNode, record: NodeRecord, under_count: int) -> bool:
        """Whether all is taken over under a node that the new one needs."""
        if node.array is not None:
            return under_count >= min(node.array.needed(record.element_count), record.element_count)
        return record.expansion is not None or under_count == self._run_under[record.node_id]

    def _under(self, before: GraphNode, after: GraphNode, node_id: str) -> list[NodeRecord]:
        if after.array is not None:
            return [_taken_over(each) for each in self._by_parent.get(node_id, ()) if _has_outputs(each)]
        inner_before, inner_after = before.subgraph or before.arms, after.subgraph or after.arms
        if inner_before is None or inner_after is None:
            return []
        return list(self.level(inner_before, inner_after, node_id))


def _has_outputs(record: NodeRecord) -> bool:
    return record.phase.has_outputs and record.outputs is not None


def _taken_over(record: NodeRecord) -> NodeRecord:
    return msgspec.structs.replace(record, phase=NodePhase.RECOVERED, attempt=0, expansion=None)


def _in_order(graph: Graph) -> Iterator[str]:
    """Ids, each behind all that it waits for."""
    waiting = {name: len(node.upstream) for name, node in graph.nodes.items()}
    ready = list(graph.roots)
    while ready:
        name = ready.pop()
        yield name
        for follower in graph.nodes[name].downstream:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)


def _is_alike(before: GraphNode, after: GraphNode) -> bool:
    if before.kind is not after.kind or list(before.inputs) != list(after.inputs):
        return False
    if before.task is not None and after.task is not None:
        return _is_same_task(before.task, after.task)
    if before.array is not None and after.array is not None:
        return before.array.mapped == after.array.mapped and _is_alike(
            before.array.element, after.array.element
        )
    if before.branch is not None and after.branch is not None:
        return _conditions(before) == _conditions(after)
    return (
        before.subgraph is not None
        and after.subgraph is not None
        and before.subgraph.name == after.subgraph.name
        and list(before.subgraph.outputs) == list(after.subgraph.outputs)
    )


def _conditions(node: GraphNode) -> list[tuple[bytes, str]]:
    """What a branch asks, and which node it then runs."""
    if node.branch is None:
        return []
    blocks = [node.branch.case, *node.branch.other]
    asked = [(block.condition.SerializeToString(deterministic=True), block.then_node.id) for block in blocks]
    return [*asked, (b"", node.branch.else_node.id)]


def _is_same_task(before: TaskTemplate, after: TaskTemplate) -> bool:
    return (
        before.id.name == after.id.name
        and before.type == after.type
        and before.custom == after.custom
        and before.config == after.config
        and before.sql == after.sql
        and list(before.container.command) == list(after.container.command)
        and list(before.container.args) == list(after.container.args)
        and _types(before.interface) == _types(after.interface)
    )


def _types(interface: TypedInterface) -> list[dict[str, bytes]]:
    return [
        {
            name: variable.type.SerializeToString(deterministic=True)
            for name, variable in side.variables.items()
        }
        for side in (interface.inputs, interface.outputs)
    ]
