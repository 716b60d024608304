"""All rows of one execution together, as a store hands them out."""

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
