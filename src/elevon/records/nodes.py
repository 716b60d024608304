"""The current record of one node of an execution."""

from datetime import datetime
from typing import Final

import msgspec

from elevon.records.failures import Failure
from elevon.records.phases import NodePhase

OUTPUTS_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""What a row may hold of outputs."""


class Expansion(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a node goes on as whose task returned futures instead of outputs.

    Attributes:
        closure_digest: Where the compiled closure (`CompiledWorkflowClosure`, serialized) is kept.
        min_success_count: So many of its nodes must succeed; 0 for all.
    """

    closure_digest: str
    min_success_count: int = 0


class NodeRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What is known of a node that has started.

    Attributes:
        version: Version of this record's layout.
        node_id: Unique in the execution, parents included: `n0`, `n1/n0`.
        spec_node_id: Its id in the template that holds it.
        parent: Unique id of the node that it runs under; empty at the top.
        name: What it runs, for people. It is there once the execution has futures, whose template nobody has who
            follows the changes; else it is empty.
        phase: Where it stands.
        attempt: Index of the current attempt.
        outputs: Serialized `LiteralMap`, once there are any.
        failure: Why it failed.
        taken: For a branch node: spec id of the node that was chosen.
        expansion: What it goes on as, if its task returned futures.
        element_count: For an array node: how many elements it has, its nodes of the ids `ID/0`, `ID/1`, ...
        started_at: When it became ready.
        ended_at: When it became terminal.
    """

    version: int = 1
    node_id: str
    spec_node_id: str
    parent: str = ""
    name: str = ""
    phase: NodePhase
    attempt: int = 0
    outputs: bytes | None = None
    failure: Failure | None = None
    taken: str = ""
    expansion: Expansion | None = None
    element_count: int = 0
    started_at: datetime
    ended_at: datetime | None = None
