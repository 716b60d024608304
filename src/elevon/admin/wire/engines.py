"""What the control plane needs of whatever drives executions, as a Protocol without code."""

from collections.abc import Iterable
from typing import Protocol

from elevon.admin.executions import NewExecution
from elevon.records.identities import AttemptId, ExecutionId


class Engines(Protocol):
    """The engine beside the control plane, and what is known of others on the same store."""

    async def task_types(self, wanted: Iterable[str]) -> frozenset[str] | None:
        """The types that it serves, those looked for that executors discover; None for all."""
        ...

    async def ensure_served(self, new: NewExecution) -> None:
        """Wait until all executors are there that an execution needs; `UnavailableError` if one can't be had."""
        ...

    def take_up(self, execution: ExecutionId) -> None:
        """Drive an execution from now on."""
        ...

    def resume(self, execution: ExecutionId) -> None:
        """The same, though it could not be driven before."""
        ...

    async def heed(self) -> None:
        """Look at once for what is asked of executions."""
        ...

    def is_alive(self, engine_id: str) -> bool:
        """Whether an engine lives, this one or another."""
        ...

    async def remove_files(self, execution: ExecutionId) -> None:
        """Remove all files of an execution; none at all is fine."""
        ...

    async def streams(self, attempt: AttemptId) -> tuple[str, ...]:
        """What an attempt may have written: `stdout`, `stderr`, and `containers/NAME/stdout` of others in its pod."""
        ...

    async def read_log(self, attempt: AttemptId, stream: str, offset: int, limit: int) -> bytes:
        """What an attempt has written to a stream, from a byte on; nothing if there is no more."""
        ...
