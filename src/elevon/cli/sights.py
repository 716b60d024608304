"""What commands see of executions, wherever these are: in a home, or at a server."""

import contextlib
from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Protocol

import msgspec

from elevon import errors
from elevon.admin.attempts import Order, OrderStanding
from elevon.admin.executions import Pruned
from elevon.admin.rosters import Drained, ExecutorDetails, ExecutorList
from elevon.admin.views import ExecutionView
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import RequestKind
from elevon.records.phases import ExecutionPhase


@contextlib.contextmanager
def looked_for(place: str) -> Generator[None]:
    """Where an execution is looked for: a name that is not there is often one of another home."""
    try:
        yield
    except errors.NotFoundError as error:
        raise errors.NotFoundError(f"{error} (looked for {place})") from error


class Sight(msgspec.Struct, frozen=True):
    """What there is to see of an execution.

    Attributes:
        view: Itself.
        is_driven: Whether a live engine has it.
    """

    view: ExecutionView
    is_driven: bool


class Site(Protocol):
    """Executions, as commands reach them."""

    async def list_executions(
        self, phases: frozenset[ExecutionPhase], limit: int
    ) -> Sequence[ExecutionRecord]:
        """Newest first; only those in one of the phases, if any are given; at most `limit`, if not 0."""
        ...

    async def see(self, text: str, *, is_history_wanted: bool = True) -> Sight:
        """The execution of that name, or the only one whose name begins so; `NotFoundError` names what is near."""
        ...

    async def find(self, text: str) -> ExecutionRecord:
        """The record of the execution of that name, likewise."""
        ...

    async def order(self, kind: RequestKind, order: Order) -> AttemptId:
        """Ask something of an attempt; which one it is."""
        ...

    async def standing(self, attempt: AttemptId) -> OrderStanding:
        """What has come of what was asked of an attempt."""
        ...

    async def delete(self, execution: ExecutionId) -> None:
        """Remove one that has ended, with its files."""
        ...

    async def prune(self, older_than: timedelta) -> Pruned:
        """Remove all that ended longer ago than that, likewise."""
        ...

    async def abort(self, text: str, by: str, reason: str) -> ExecutionId:
        """Ask for the end of an execution, likewise named."""
        ...

    async def settled(self, execution: ExecutionId) -> ExecutionRecord:
        """Its record, once it has ended or nobody drives it."""
        ...

    async def streams(self, attempt: AttemptId) -> Sequence[str]:
        """What an attempt may have written: `stdout`, `stderr`, and `containers/NAME/stdout` of others in its pod."""
        ...

    async def read_log(self, attempt: AttemptId, stream: str, offset: int) -> bytes:
        """What an attempt has written to a stream, from a byte on, a piece of it; nothing for the end."""
        ...


class ExecutorSite(Protocol):
    """Executors, as commands reach them."""

    async def list_executors(self) -> ExecutorList:
        """All of them, with what is drained."""
        ...

    async def show(self, name: str) -> ExecutorDetails:
        """The one of an id or of a task type; `NotFoundError` says why there is none, or names what is near."""
        ...

    async def drain(self, task_type: str, by: str, reason: str) -> Drained:
        """Have nothing of a type started."""
        ...

    async def resume(self, task_type: str) -> None:
        """Have attempts of a type started again."""
        ...
