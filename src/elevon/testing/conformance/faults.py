"""Faults, and the moments of a run at which they strike.

A run is a row of moments: each commit, each call of the executor and of its service, each turn of the loop. A fault
names a moment by its name and by how often that name has come before, so that a plan means the same in every
repetition.
"""

import collections
import enum
from typing import Final

import msgspec

TURN: Final = "turn"
COMMIT: Final = "commit"
COMMITTED: Final = "commit done"
BEGIN: Final = "begin"
SERVICE: Final = "service."
LAUNCHER: Final = "launcher."
ALLOCATE: Final = "pool.allocate"
CACHE: Final = "cache.get"
SYNC: Final = "cache.sync"
DONE: Final = " done"


class Action(enum.StrEnum):
    """What a fault does."""

    KILL = "kill -9 of the engine"
    ABORT = "abort of the execution"
    STALL = "stall of the engine, while another one takes over"
    DROP = "loss of what the call returned"
    WAKE = "look before its time"
    LOSE = "loss of the service's answer"
    REFUSE = "failure of the service before it did anything"
    OUTAGE = "outage of the service"
    SLOW = "slow answer of the service"
    HANG = "answer of the service that never comes"
    REPEAT = "request that reaches the service twice"
    WITHHOLD = "refusal by the resource pool"
    EVICT = "eviction of an item from a cache"
    POISON = "failure of a cache's refresh"
    FORGET = "loss of the thing by the service"


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing that goes wrong.

    Attributes:
        moment: Name of the moment.
        number: Which of the moments of that name, from 1.
        action: What happens then.
    """

    moment: str
    number: int
    action: Action

    def __str__(self) -> str:
        place = (
            f"after {self.moment.removesuffix(DONE)}" if self.moment.endswith(DONE) else f"at {self.moment}"
        )
        return f"{self.action} {place} {self.number}"


class Plan(msgspec.Struct, frozen=True):
    """Everything that makes one run differ from another.

    Attributes:
        faults: What goes wrong.
        pause_s: How long no engine runs after a kill.
        old_version: The version of the state that the second engine finds, as if an earlier release had written it;
            None for the state as it is.
    """

    faults: tuple[Fault, ...] = ()
    pause_s: float = 0.0
    old_version: int | None = None

    @property
    def has_restart(self) -> bool:
        """Whether another engine goes on at some time."""
        return any(fault.action in (Action.KILL, Action.STALL) for fault in self.faults)

    @property
    def aborts(self) -> bool:
        """Whether the execution is aborted."""
        return any(fault.action is Action.ABORT for fault in self.faults)

    @property
    def forgets(self) -> bool:
        """Whether the service loses something for good."""
        return any(fault.action is Action.FORGET for fault in self.faults)


class Faults:
    """The faults of a plan that have not struck yet, and how often each moment has come.

    Attributes:
        counts: By the name of the moment.
    """

    def __init__(self, plan: Plan) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self._armed = {(fault.moment, fault.number): fault.action for fault in plan.faults}

    def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; returns what goes wrong at it."""
        self.counts[moment] += 1
        return self._armed.get((moment, self.counts[moment])) if self._armed else None
