"""All that is stored of one execution and can be seen, in a form that can be sent.

A snapshot is what a view is made of: whoever gets one over a wire sees what somebody beside the store would see.
"""

from collections.abc import Mapping

import msgspec

from elevon.admin import views
from elevon.compiler import index
from elevon.idl.messages import CompiledWorkflowClosure
from elevon.records.leases import Lease
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One execution.

    Attributes:
        rows: Its current records.
        closure: What it runs (`CompiledWorkflowClosure`, serialized).
        expansions: What nodes go on as whose tasks returned futures, likewise, by the digests of their records.
        owner: Who drives it, or did so last; None for nobody.
        is_driven: Whether that one lives; False where nobody looked.
        history: Everything that happened, in order; empty if it was not asked for.
    """

    rows: StoredExecution
    closure: bytes
    expansions: Mapping[str, bytes] = {}
    owner: Lease | None = None
    is_driven: bool = False
    history: tuple[Transition, ...] = ()

    def view(self) -> views.ExecutionView:
        """What there is to see."""
        closure = CompiledWorkflowClosure.FromString(self.closure)
        expansions = {
            digest: index(CompiledWorkflowClosure.FromString(content))
            for digest, content in self.expansions.items()
        }
        return views.ExecutionView(
            record=self.rows.execution,
            closure=closure,
            nodes=views.tree(index(closure), self.rows, expansions),
            owner=self.owner,
            history=self.history,
        )
