"""Drains: task types of which nothing new is started, and how much of them is still there.

A drain concerns all engines of a home. It owns the counting of what is left, by which an operator sees that a type has
run dry.
"""

from collections.abc import Collection, Sequence

import msgspec

from elevon import errors
from elevon.ports import Clock, StateStore
from elevon.primitives import suggestions
from elevon.records.attempts import AttemptRecord
from elevon.records.drains import Drain
from elevon.records.identities import AttemptId
from elevon.records.phases import UNFINISHED, AttemptPhase, Finalization


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of some task types that are not over.

    Attributes:
        in_flight: Those that were started, and those that wait for their finalizer.
        waiting: Those that an executor has not accepted for want of resources.
        parked: Those that wait for an operator or another release, with the reason of each.
    """

    in_flight: tuple[AttemptId, ...] = ()
    waiting: tuple[AttemptId, ...] = ()
    parked: tuple[tuple[AttemptId, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the types is left."""
        return not (self.in_flight or self.waiting or self.parked)


class Drains:
    """Which task types begin nothing new.

    Args:
        store: Where drains and executions are; open.
        clock: The source of time.
    """

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def drain(self, task_type: str, *, by: str, reason: str) -> Drain:
        """Have no attempt of a type started until it is resumed; what runs goes on. Replaces an earlier drain."""
        drain = Drain(task_type=task_type, by=by, reason=reason, at=self._clock.now())
        await self._store.put_drain(drain)
        return drain

    async def resume(self, task_type: str) -> None:
        """Have attempts of a type started again.

        Raises:
            UserError: It is not drained; names what is.
        """
        if not await self._store.remove_drain(task_type):
            drained = [drain.task_type for drain in await self._store.list_drains()]
            raise errors.UserError(
                f"the task type {task_type!r} is not drained: "
                + (suggestions.hint(task_type, drained) if drained else "no type is")
            )

    async def list_drains(self) -> Sequence[Drain]:
        """Those that hold, by task type."""
        return await self._store.list_drains()

    async def census(self, task_types: Collection[str]) -> Census:
        """What is left of some types in all unfinished executions; reads every one of them.

        An attempt that waits in line for a place at its executor has no row yet and is not counted.
        """
        in_flight: list[AttemptId] = []
        waiting: list[AttemptId] = []
        parked: list[tuple[AttemptId, str]] = []
        for execution in await self._store.list_executions(UNFINISHED):
            stored = await self._store.load_execution(execution.id)
            for record in stored.attempts:
                if record.task_type not in task_types or _is_over(record):
                    continue
                attempt = AttemptId(execution.id, record.node_id, record.attempt)
                if record.is_parked:
                    parked.append((attempt, record.reason))
                elif record.phase is AttemptPhase.WAITING_FOR_RESOURCES:
                    waiting.append(attempt)
                else:
                    in_flight.append(attempt)
        return Census(in_flight=tuple(in_flight), waiting=tuple(waiting), parked=tuple(parked))


def _is_over(record: AttemptRecord) -> bool:
    return record.phase.is_terminal and record.finalization is not Finalization.PENDING
