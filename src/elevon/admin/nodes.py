"""Nodes of an execution, found and listed without a look at all the others.

A view joins everything that is stored; here a node is looked up by the steps of its id, and a level of nodes is read a
page at a time. What a node does is in the graphs, which are kept once they were indexed: content under a digest never
changes.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from elevon import errors
from elevon.compiler import index
from elevon.compiler.graphs import Array, Graph, GraphNode
from elevon.idl.messages import CompiledWorkflowClosure
from elevon.ports import StateStore
from elevon.primitives import suggestions
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord
from elevon.records.snapshots import NodePlace

_KEPT_GRAPHS: Final = 16


class StartedNode(msgspec.Struct, frozen=True):
    """A node with a record.

    Attributes:
        node: What it does.
        record: Where it stands.
    """

    node: GraphNode
    record: NodeRecord


class Nodes:
    """Finds nodes.

    Args:
        store: Where executions are; open.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._graphs: dict[str, Graph] = {}

    async def under(
        self, execution: ExecutionRecord, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[StartedNode]:
        """Those that have started and run under a node, or at the top for an empty id, oldest first; at most so many.

        Raises:
            NotFoundError: There is no such parent; names what is near.
        """
        level = await self._top(execution)
        if parent:
            _, level = await self._find(execution, parent)
        found = await self._store.list_nodes(execution.id, parent, limit, behind)
        known = ((level.node(record.spec_node_id), record) for record in found)
        return tuple(StartedNode(node, record) for node, record in known if node is not None)

    async def attempts(
        self, execution: ExecutionRecord, node_id: str
    ) -> tuple[GraphNode, tuple[AttemptRecord, ...]]:
        """What a node does, started or not, and all of its attempts, in order.

        Raises:
            NotFoundError: There is no such node; names what is near.
        """
        node, _ = await self._find(execution, node_id)
        return node, (await self._store.load_nodes(execution.id, [node_id])).attempts

    async def _find(self, execution: ExecutionRecord, node_id: str) -> "tuple[GraphNode, _Level]":
        """A node, and the level below it."""
        above = await self._top(execution)
        steps = node_id.split("/")
        for depth, step in enumerate(steps, start=1):
            path = "/".join(steps[:depth])
            stored = await self._store.load_nodes(execution.id, [path])
            record = stored.nodes[0] if stored.nodes else None
            node = above.node(step)
            if node is None or (above.array is not None and record is None):
                near = await self._near(execution, above, "/".join(steps[: depth - 1]))
                raise errors.NotFoundError(
                    f"execution {execution.id.name} has no node {node_id!r:.80}: {suggestions.hint(path, near)}"
                )
            level = await self._below(node, record)
            if depth == len(steps):
                return node, level
            above = level
        raise errors.BugError(f"an id of a node without steps was looked for in {execution.id}")

    async def _near(self, execution: ExecutionRecord, level: "_Level", parent: str) -> Sequence[str]:
        """Ids that there are on a level; of an array the first of those that have begun."""
        if level.array is not None:
            begun = await self._store.list_nodes(execution.id, parent, suggestions.SHOWN_COUNT)
            return [record.node_id for record in begun]
        names = level.graph.nodes if level.graph is not None else ()
        return [f"{parent}/{name}" if parent else name for name in names]

    async def _top(self, execution: ExecutionRecord) -> "_Level":
        return _Level(await self._graph(execution.closure_digest))

    async def _below(self, node: GraphNode, record: NodeRecord | None) -> "_Level":
        if node.array is not None:
            return _Level(None, node.array)
        if node.inner is None and record is not None and record.expansion is not None:
            return _Level(await self._graph(record.expansion.closure_digest))
        return _Level(node.inner)

    async def _graph(self, digest: str) -> Graph:
        found = self._graphs.pop(digest, None)
        if found is None:
            found = await asyncio.to_thread(_indexed, await self._store.get_artifact(digest))
        self._graphs[digest] = found  # the one that was used last stands last
        if len(self._graphs) > _KEPT_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return found


class _Level(msgspec.Struct, frozen=True):
    """Nodes beside each other: those of a graph, or the elements of an array."""

    graph: Graph | None
    array: Array | None = None

    def node(self, spec_id: str) -> GraphNode | None:
        """What the node of an id in this level does; of an array every number is one."""
        if self.array is not None:
            return self.array.element if spec_id.isdecimal() else None
        return self.graph.nodes.get(spec_id) if self.graph is not None else None


def _indexed(closure: bytes) -> Graph:
    return index(CompiledWorkflowClosure.FromString(closure))
