"""Where executions are, as executors reach them."""

from collections.abc import Sequence
from typing import Protocol

from elevon.records.identities import ExecutionId
from elevon.records.standings import ExecutionStanding


class ControlPlane(Protocol):
    """Executions, as executors reach them: where each stands, and the end of one.

    It is what executors need of a control plane and no more, so that one elsewhere fits: a page of `get_many` is one
    list call of Flyte's admin, and `terminate` its call of that name.
    """

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        """Where they stand, in the order of the ids, in one call; None for each that there is not.

        Args:
            executions: At most some hundred, as many as a page of the control plane holds.

        Raises:
            UnavailableError: It does not answer now.
        """
        ...

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        """Ask for its end; whoever drives it obeys, now or when it is next driven.

        Repeating it is free, and so is asking for the end of what has ended, or of what is not there.

        Args:
            execution: Which.
            by: Who asks, for people; a control plane that knows its callers by itself passes over it.
            cause: Why, in words.

        Raises:
            UnavailableError: It does not answer now.
        """
        ...
