"""Where an execution stands, as far as others need to know who wait for it."""

import msgspec

from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase


class ExecutionStanding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a control plane tells of one execution.

    It is no record: it is never stored, and says little enough that any control plane can tell it of thousands at once.

    Attributes:
        id: Its identity.
        workflow: Name of the workflow that it runs.
        phase: Where it stands.
        message: Why it failed or was aborted; empty if it did not, or is not known to have.
        link: A URI under which a person finds more; empty for none.
    """

    id: ExecutionId
    workflow: str
    phase: ExecutionPhase
    message: str = ""
    link: str = ""
