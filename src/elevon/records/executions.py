"""The current record of one execution, and what is known of it without reading that."""

from datetime import datetime

import msgspec

from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase


class ExecutionRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What is known of an execution; changes with its phase only, never with each node.

    Attributes:
        version: Version of this record's layout.
        id: Its identity.
        workflow: Name of the workflow, for people; the closure is the truth.
        closure_digest: Where the compiled closure (`CompiledWorkflowClosure`, serialized) is kept.
        code_digest: Where the user code that it started with is kept; empty for none.
        source_path: The file that the code was read from, for warnings and for `recover`.
        inputs: Serialized `LiteralMap`.
        outputs: Serialized `LiteralMap`, once succeeded.
        phase: Where it stands.
        failure: Why it failed or was aborted.
        max_parallelism: Limit on attempts under way at once; 0 for none.
        launch_plan_version: Version of the launch plan by which it was started; empty if there was none.
        recovered_from: Name of the execution whose succeeded nodes it reuses.
        created_at: When it was created.
        started_at: When the engine first took it up.
        ended_at: When it became terminal.
        aborted_by: Who asked for the abort.
    """

    version: int = 1
    id: ExecutionId
    workflow: str
    closure_digest: str
    code_digest: str = ""
    source_path: str = ""
    inputs: bytes = b""
    outputs: bytes | None = None
    phase: ExecutionPhase = ExecutionPhase.QUEUED
    failure: Failure | None = None
    max_parallelism: int = 0
    launch_plan_version: str = ""
    recovered_from: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    aborted_by: str = ""


class ExecutionHeading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a store knows of an execution although its record may be unreadable.

    Attributes:
        id: Its identity.
        phase: Where it stands.
        created_at: When it was created.
    """

    id: ExecutionId
    phase: ExecutionPhase
    created_at: datetime
