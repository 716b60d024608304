"""What can be started by name: a compiled workflow with its code, registered once and run as often as one likes."""

from datetime import datetime

import msgspec


class LaunchPlanId(msgspec.Struct, frozen=True, gc=False, order=True):
    """`Identifier` of flyteidl, for a launch plan.

    Attributes:
        project: Namespace of a team; `default` on a laptop.
        domain: Stage; `development` on a laptop.
        name: That of its workflow.
        version: Which of those of that name.
    """

    project: str
    domain: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}:{self.version}"


class LaunchPlanRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One version of a workflow as it was registered; never changed.

    Attributes:
        version: Version of this record's layout.
        id: Its identity.
        closure_digest: Where the compiled closure (`CompiledWorkflowClosure`, serialized) is kept.
        code_digest: Where the user code is kept; empty for none.
        source_path: The file that the code was read from, as whoever registered it named it.
        default_inputs: Serialized `ParameterMap`: what it takes, with defaults.
        created_at: When it was registered.
    """

    version: int = 1
    id: LaunchPlanId
    closure_digest: str
    code_digest: str = ""
    source_path: str = ""
    default_inputs: bytes = b""
    created_at: datetime

    def is_same(self, other: "LaunchPlanRecord") -> bool:
        """Whether both say the same, whenever it was said and wherever the code was read."""
        return (
            msgspec.structs.replace(self, created_at=other.created_at, source_path=other.source_path) == other
        )
