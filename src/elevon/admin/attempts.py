"""Attempts, as an operator handles them: failed, abandoned, called again.

It owns which of them means something for an attempt as it stands, says what does instead, and writes the request that
whoever drives the execution obeys.
"""

from collections.abc import Callable, Iterator

import msgspec

from elevon import errors
from elevon.ports import Clock, StateStore
from elevon.primitives import suggestions
from elevon.records.attempts import AttemptRecord
from elevon.records.identities import AttemptId, ExecutionId
from elevon.records.leases import Request, RequestKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, Finalization
from elevon.records.snapshots import StoredExecution
from elevon.records.transitions import Transition


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempt is meant, and who wants it why.

    Attributes:
        execution: Whose it is.
        node_id: Its node's unique id.
        attempt: Its index; None for the newest.
        by: Who asks.
        reason: Why, in words.
    """

    execution: ExecutionId
    node_id: str
    attempt: int | None = None
    by: str
    reason: str


class OrderStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an order.

    Attributes:
        record: The attempt, as it is.
        is_obeyed: Whether nothing is asked of it any more.
        is_driven: Whether a live engine has its execution; otherwise the next one obeys.
    """

    record: AttemptRecord
    is_obeyed: bool
    is_driven: bool


class Attempts:
    """What operators can do with attempts.

    Args:
        store: Where executions are; open.
        clock: The source of time.
    """

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def fail(self, order: Order) -> AttemptId:
        """Ask for its end as failed, without another attempt: it is killed first.

        Raises:
            NotFoundError: There is no such node or attempt; names what is near.
            UserError: It has ended already.
        """
        return await self.ask(RequestKind.FAIL, order)

    async def abandon(self, order: Order) -> AttemptId:
        """Ask to give up on its kill or its finalizer: nothing of it is called any more.

        Raises:
            NotFoundError: There is no such node or attempt; names what is near.
            UserError: It is not being killed, and does not wait for its finalizer.
        """
        return await self.ask(RequestKind.ABANDON, order)

    async def unpark(self, order: Order) -> AttemptId:
        """Ask to call the executor of a parked attempt again.

        Raises:
            NotFoundError: There is no such node or attempt; names what is near.
            UserError: It is not parked.
        """
        return await self.ask(RequestKind.UNPARK, order)

    async def ask(self, kind: RequestKind, order: Order) -> AttemptId:
        """Ask one of these, by its kind.

        Raises:
            NotFoundError: There is no such node or attempt; names what is near.
            UserError: It means nothing for the attempt as it stands; says why.
        """
        execution = await self._store.get_execution(order.execution)
        if execution.phase.is_terminal:
            raise errors.UserError(
                f"execution {order.execution.name} has ended already, it is {execution.phase}"
            )
        record = await self.find(order.execution, order.node_id, order.attempt)
        found = AttemptId(order.execution, record.node_id, record.attempt)
        for problem in _PROBLEMS[kind](record):
            raise errors.UserError(
                f"attempt {found.attempt} of node {found.node_id} in execution {order.execution.name} {problem}"
            )
        await self._store.put_request(
            Request(
                execution=order.execution,
                kind=kind,
                node_id=found.node_id,
                attempt=found.attempt,
                by=order.by,
                reason=order.reason,
                at=self._clock.now(),
            )
        )
        return found

    async def standing(self, attempt: AttemptId, is_alive: Callable[[str], bool]) -> OrderStanding:
        """What has come of an order.

        Args:
            attempt: Of which something was asked.
            is_alive: Whether an engine lives.
        """
        lease = await self._store.get_lease(attempt.execution)
        is_driven = lease is not None and is_alive(lease.owner)
        if is_driven:
            is_obeyed = await self.is_obeyed(attempt)
        else:
            is_obeyed = (await self._store.get_execution(attempt.execution)).phase.is_terminal
        record = await self.find(attempt.execution, attempt.node_id, attempt.attempt)
        return OrderStanding(record=record, is_obeyed=is_obeyed, is_driven=is_driven)

    async def is_obeyed(self, attempt: AttemptId) -> bool:
        """Whether nothing is asked any more of an attempt, as far as an engine holds its execution."""
        lease = await self._store.get_lease(attempt.execution)
        asked = await self._store.list_requests(lease.owner) if lease else ()
        wanted = (attempt.execution, attempt.node_id, attempt.attempt)
        return all((one.execution, one.node_id, one.attempt) != wanted for one in asked)

    async def find(self, execution: ExecutionId, node_id: str, attempt: int | None = None) -> AttemptRecord:
        """The record of an attempt, the newest one by default.

        Raises:
            NotFoundError: There is no such execution, node or attempt; names what is near.
        """
        stored = await self._store.load_nodes(execution, [node_id])
        own = {record.attempt: record for record in stored.attempts}
        if not own:
            raise errors.NotFoundError(_no_attempts(await self._store.load_execution(execution), node_id))
        wanted = max(own) if attempt is None else attempt
        if wanted not in own:
            known = ", ".join(f"attempt {index}" for index in sorted(own))
            raise errors.NotFoundError(
                f"node {node_id} of execution {execution.name} has no attempt {wanted}: there is {known}"
            )
        return own[wanted]

    async def history(self, record: AttemptRecord, execution: ExecutionId) -> tuple[Transition, ...]:
        """Everything that happened to an attempt, in order."""
        rows = await self._store.list_transitions(execution, node_id=record.node_id)
        return tuple(row for _, row in rows if row.attempt == record.attempt)


def _no_attempts(stored: StoredExecution, node_id: str) -> str:
    name = stored.execution.id.name
    nodes: dict[str, NodeRecord] = {record.node_id: record for record in stored.nodes}
    if node_id in nodes:
        return f"node {node_id} of execution {name} has no attempts, it is {nodes[node_id].phase}"
    begun = suggestions.hint(node_id, sorted({record.node_id for record in stored.attempts}))
    return f"no node {node_id!r} of execution {name} has begun an attempt: {begun}"


def _unfailable(record: AttemptRecord) -> Iterator[str]:
    if record.phase.is_terminal:
        yield f"has ended already, it is {record.phase}"


def _unabandonable(record: AttemptRecord) -> Iterator[str]:
    if record.phase.is_terminal and record.finalization is not Finalization.PENDING:
        yield f"has nothing left to abandon, it is {record.phase}"
    elif not record.phase.is_terminal and record.phase is not AttemptPhase.KILLING:
        yield (
            f"is {record.phase}: only a kill or a finalizer can be abandoned; elevon attempt fail has it killed"
        )


def _unparkable(record: AttemptRecord) -> Iterator[str]:
    if not record.is_parked:
        yield f"is not parked, it is {record.phase}"


_PROBLEMS = {
    RequestKind.FAIL: _unfailable,
    RequestKind.ABANDON: _unabandonable,
    RequestKind.UNPARK: _unparkable,
}
"""Why a request means nothing for an attempt as it stands, as the end of a sentence."""
