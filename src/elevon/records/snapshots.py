"""Rows of one execution together, as a store hands them out: all of them, or those of some nodes."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from elevon.records.attempts import AttemptRecord, OnceRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.nodes import NodeRecord


class StoredExecution(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All current rows of one execution, as one consistent read."""

    execution: ExecutionRecord
    nodes: tuple[NodeRecord, ...]
    attempts: tuple[AttemptRecord, ...]
    onces: tuple[OnceRecord, ...]

    @property
    def expansion_digests(self) -> frozenset[str]:
        """Where the closures are kept that its nodes go on as whose tasks returned futures."""
        return frozenset(
            record.expansion.closure_digest for record in self.nodes if record.expansion is not None
        )


class StoredNodes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The current rows of some nodes, as one consistent read."""

    nodes: tuple[NodeRecord, ...]
    attempts: tuple[AttemptRecord, ...]


class ChangedNodes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a part of an execution's history is about, as it stands at the time of the look.

    Attributes:
        execution: Its record, changed or not.
        after: Number of the last row of history that was looked at; the next look begins behind it.
        nodes: Those that the part names.
        attempts: All of these nodes.
        has_more: Whether history goes on behind it: what is told of an end is not yet all that led to it.
    """

    execution: ExecutionRecord
    after: int
    nodes: tuple[NodeRecord, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    has_more: bool = False


class NodePlace(NamedTuple):
    """Where a node stands in the list of those under the same parent.

    Attributes:
        started_at: When it became ready.
        node_id: Its unique id.
    """

    started_at: datetime
    node_id: str
