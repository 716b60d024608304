"""A control plane in memory, for scenarios and tests: executions that are there, run for a while, and end.

It owns a ledger of them, by which the kit judges whether those that were to be ended were. What an execution runs it
does not know: it is told how long that takes.
"""

from collections.abc import Mapping, MutableSequence, Sequence
from datetime import timedelta

from elevon import ports
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase
from elevon.records.standings import ExecutionStanding
from elevon.testing.services import Thing


class FakeControlPlane:
    """A `ports.ControlPlane` with some executions, which begin when it is given its clock.

    Args:
        takes: How long each takes, by its name; None for ever.
        ends_as: How those end that nobody terminates.
        project: Of all of them.
        domain: Likewise.

    Attributes:
        things: The executions, in the order of their names; a kill is to end those that still run.
        repeatable: Names of the calls that a network may deliver twice, as repeating them does no harm.
        calls: The ids that each `get_many` asked for.
    """

    def __init__(
        self,
        takes: Mapping[str, timedelta | None],
        *,
        ends_as: ExecutionPhase = ExecutionPhase.SUCCEEDED,
        project: str = "default",
        domain: str = "development",
    ) -> None:
        self.things: MutableSequence[Thing] = []
        self.repeatable = frozenset({"get_many", "terminate"})
        self.calls: MutableSequence[Sequence[ExecutionId]] = []
        self._takes = dict(takes)
        self._ends_as = ends_as
        self._place = (project, domain)
        self._clock: ports.Clock | None = None

    @property
    def clock(self) -> ports.Clock:
        """The kit's, or a test's; it is set before the first call."""
        assert self._clock is not None, "set clock first"  # noqa: S101 - a test's own oversight
        return self._clock

    @clock.setter
    def clock(self, clock: ports.Clock) -> None:
        self._clock = clock
        for name, takes in sorted(self._takes.items()):
            self.begin(name, takes)

    def begin(self, name: str, takes: timedelta | None) -> None:
        """Let an execution begin; it has the place of an earlier one of that name.

        Args:
            name: Its name.
            takes: How long it takes; None for ever.
        """
        now = self.clock.now()
        ends_at = None if takes is None else now + takes
        self.things = [thing for thing in self.things if thing.id != name]
        self.things.append(Thing(id=name, token=name, created_at=now, ends_at=ends_at))

    async def get_many(self, executions: Sequence[ExecutionId]) -> Sequence[ExecutionStanding | None]:
        """See `ports.ControlPlane`."""
        self.calls.append(executions)
        known = {
            ExecutionId(*self._place, thing.id): thing for thing in self.things if not thing.is_forgotten
        }
        return [self._standing(one, known[one]) if one in known else None for one in executions]

    async def terminate(self, execution: ExecutionId, by: str, cause: str) -> None:
        """See `ports.ControlPlane`; what is terminated ends at once."""
        del by, cause
        now = self.clock.now()
        for thing in self.things:
            if ExecutionId(*self._place, thing.id) == execution and thing.is_running(now):
                thing.deleted_at = now

    def forget(self) -> Thing | None:
        """Delete the last execution that runs; returns it, or None if there is none."""
        now = self.clock.now()
        lost = next((thing for thing in reversed(self.things) if thing.is_running(now)), None)
        if lost is not None:
            lost.is_forgotten = True
        return lost

    def _standing(self, execution: ExecutionId, thing: Thing) -> ExecutionStanding:
        phase = ExecutionPhase.ABORTED if thing.deleted_at is not None else self._ends_as
        return ExecutionStanding(
            id=execution,
            workflow="awaited",
            phase=ExecutionPhase.RUNNING if thing.is_running(self.clock.now()) else phase,
            link=f"https://control-plane.example/executions/{execution.name}",
        )
