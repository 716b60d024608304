"""Where the rows of executions are kept: the truth."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from elevon.records.changes import Change
from elevon.records.drains import Drain
from elevon.records.executions import ExecutionHeading, ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.launch_plans import LaunchPlanId, LaunchPlanRecord
from elevon.records.leases import Lease, Request
from elevon.records.nodes import NodeRecord
from elevon.records.phases import ExecutionPhase
from elevon.records.snapshots import ChangedNodes, NodePlace, StoredExecution, StoredNodes
from elevon.records.tokens import Allocation, PoolLimits, Token
from elevon.records.transitions import Transition


class StateStore(Protocol):
    """Durable rows of executions. One contract suite (`tests/contract`) says what every adapter does.

    Every method that writes returns after the write is durable, and raises `UnavailableError` if it is not
    (disk full, locked, closed); after such an error nothing of that write is visible.
    """

    async def open(self) -> None:
        """Make it usable: create or migrate the schema; `CorruptStateError` for a damaged or newer one."""
        ...

    async def close(self) -> None:
        """Finish what was handed in, then release everything; idempotent."""
        ...

    async def create_execution(
        self, record: ExecutionRecord, artifacts: Mapping[str, bytes], nodes: Sequence[NodeRecord] = ()
    ) -> None:
        """Write a new execution with the artifacts it refers to, in one transaction.

        Args:
            record: The execution.
            artifacts: Contents by their digests.
            nodes: Nodes that it takes over from another execution (phase RECOVERED, with outputs).

        Raises:
            ConflictError: An execution of that id exists.
        """
        ...

    def commit(self, lease: Lease, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Write the changes of an execution in one transaction; upserts, except for appended transitions.

        The batch is handed in by the call and durable when the future is done. Batches of one lease become durable in
        the order of the calls; concurrent batches share one commit. A batch that was handed in before an earlier one
        of its lease was answered fails with it, so that nothing is built on what was lost. Cancelling the future
        does not take the batch back.

        Raises:
            ConflictError: The lease's fencing number is no longer the newest, or the execution was deleted.
        """
        ...

    async def load_execution(self, execution: ExecutionId) -> StoredExecution:
        """All current rows; `NotFoundError` if there is none, `CorruptStateError` for rows of a newer elevon."""
        ...

    async def load_nodes(self, execution: ExecutionId, node_ids: Sequence[str]) -> StoredNodes:
        """The current rows of some nodes, by id; `NotFoundError` if there is no such execution."""
        ...

    async def load_changes(self, execution: ExecutionId, after: int, limit: int) -> ChangedNodes:
        """How all stands now that history tells of in its next `limit` rows behind `after`; one consistent look.

        It reads no more than these rows and what they are about; `NotFoundError` if there is no such execution.
        """
        ...

    async def list_nodes(
        self, execution: ExecutionId, parent: str, limit: int, behind: NodePlace | None = None
    ) -> Sequence[NodeRecord]:
        """Those that run under one node, or at the top for an empty id, by their start and then by id; so many.

        With `behind` only those that come behind that place, whether or not there is a node at it. `NotFoundError` if
        there is no such execution.
        """
        ...

    async def get_execution(self, execution: ExecutionId) -> ExecutionRecord:
        """Its current record; `NotFoundError` if there is none."""
        ...

    async def get_executions(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionRecord | None]:
        """Their current records in one look, in the order of the ids; None for each that there is not."""
        ...

    async def list_executions(
        self,
        phases: frozenset[ExecutionPhase] = frozenset(),
        limit: int = 0,
        behind: ExecutionId | None = None,
    ) -> Sequence[ExecutionRecord]:
        """Newest first; only those in one of the phases, if any are given; at most `limit`, if not 0.

        With `behind` only those that come behind that one in the list of all; `NotFoundError` if it is not there.
        """
        ...

    async def find_executions(self, project: str, domain: str, beginning: str) -> Sequence[ExecutionId]:
        """Those whose name begins so, newest first."""
        ...

    async def list_unowned(self, now: datetime) -> Sequence[ExecutionHeading]:
        """The unfinished ones that no live owner has, oldest first."""
        ...

    async def list_transitions(
        self, execution: ExecutionId, after: int = 0, node_id: str | None = None
    ) -> Sequence[tuple[int, Transition]]:
        """History in order, each row with its sequence number, from behind `after`; of one node, if given."""
        ...

    async def delete_execution(self, execution: ExecutionId) -> None:
        """Remove its rows, and artifacts that nothing else refers to; `NotFoundError`, `ConflictError` while leased."""
        ...

    async def put_artifact(self, execution: ExecutionId, digest: str, content: bytes) -> None:
        """Keep content under its digest for an execution; repeating it is free.

        Raises:
            NotFoundError: There is no such execution.
        """
        ...

    async def get_artifact(self, digest: str) -> bytes:
        """The content; `NotFoundError` if there is none."""
        ...

    async def put_launch_plan(self, record: LaunchPlanRecord, artifacts: Mapping[str, bytes]) -> None:
        """Keep it, with the artifacts that it refers to; repeating it is free.

        Raises:
            ConflictError: There is one of that id that says something else.
        """
        ...

    async def get_launch_plan(self, plan: LaunchPlanId) -> LaunchPlanRecord:
        """The one of that id, or the newest of its name if its version is empty; `NotFoundError` if there is none."""
        ...

    async def prune_launch_plans(self, before: datetime) -> Sequence[LaunchPlanId]:
        """Remove those that were registered before an instant and that nothing refers to; returns which, in order.

        An execution that runs the same closure refers to one, and so does its name if it is the newest of that name.
        Artifacts that nothing else refers to go with them.
        """
        ...

    async def acquire_lease(
        self, execution: ExecutionId, owner: str, expires_at: datetime, now: datetime
    ) -> Lease | None:
        """Take the execution over with a higher fencing number; None while another live owner has it.

        An owner is alive until its lease expires, or until the adapter can prove that it is dead. Fencing numbers
        grow over all executions of a store. An owner that takes what it holds fences its former self.
        """
        ...

    async def renew_leases(self, owner: str, expires_at: datetime) -> Sequence[Lease]:
        """Extend all leases of an owner; returns those that it still holds."""
        ...

    async def release_lease(self, lease: Lease) -> None:
        """Give it back; a lease that was taken over is left alone."""
        ...

    async def get_lease(self, execution: ExecutionId) -> Lease | None:
        """Who owns it now, live or not."""
        ...

    async def put_request(self, request: Request) -> None:
        """Ask something of the owner; repeating it is free. `NotFoundError` if there is no such execution.

        The first request of a kind for an attempt (or for the execution itself) stands until it is removed.
        """
        ...

    async def list_requests(self, owner: str) -> Sequence[Request]:
        """Requests for the executions that this owner holds now, in order of kind, node and attempt for each."""
        ...

    async def remove_request(self, request: Request) -> None:
        """Drop what has been obeyed durably, so that the same can be asked again; what is gone already is fine."""
        ...

    async def put_drain(self, drain: Drain) -> None:
        """Have no more attempts of a type started; replaces what was asked of that type before."""
        ...

    async def remove_drain(self, task_type: str) -> bool:
        """Have a type started again; False if it was not drained."""
        ...

    async def list_drains(self) -> Sequence[Drain]:
        """The types of which nothing is started, in order."""
        ...

    async def allocate_token(self, token: Token, limits: PoolLimits) -> Allocation:
        """Grant a token, or put it at the end of its pool's queue; repeating it asks again from the same place.

        Who asked first is served first. Who could not be served anyway, because its namespace is at its limit, holds
        up nobody; nor does who will not ask again for now, because no live engine drives its execution or because it
        is parked. A token goes when it is released, with the commit of its owner's end, or with its execution.

        Raises:
            NotFoundError: There is no such execution.
            ConflictError: The owner has ended, or was never begun.
        """
        ...

    async def release_token(self, pool: str, name: str) -> None:
        """Give a token back, or its place in the queue; one that is not there is fine."""
        ...

    async def list_tokens(self, pool: str = "") -> Sequence[Token]:
        """Tokens held and waited for, of one pool or of all, by pool and in order of the first asking."""
        ...
