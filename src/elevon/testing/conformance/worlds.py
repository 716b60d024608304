"""The world of one run: what outlives its engines, be they killed or fenced off.

It owns the time, the store, the service and the story. How engines come and go is the affair of `rounds`; what is right
or wrong is the judges'.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import ports
from elevon.plugin.executors import Executor
from elevon.propeller.measures import Measures
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.leases import Request, RequestKind
from elevon.stores.memory import MemoryStateStore
from elevon.testing.conformance.calls import CURRENT, Call, Record
from elevon.testing.conformance.faults import Faults, Plan
from elevon.testing.conformance.launchers import SimulatedLauncher
from elevon.testing.conformance.memories import Memory, Survival
from elevon.testing.conformance.modules import Modules
from elevon.testing.conformance.promises import Promise
from elevon.testing.conformance.stories import Entry, Story, What
from elevon.testing.scenarios import EXECUTION, Scenario, Subject
from elevon.testing.services import Thing

_COMPLAINT_LIMIT: Final = 5
_HOPELESS: Final = frozenset({Promise.WAKING, Promise.BLOCKING})


class Creation(msgspec.Struct, frozen=True):
    """Something that the service made in a run.

    Attributes:
        thing: What it made.
        place: Index of the entry that tells of it.
        call: The executor's call that it was made in; None for none, as from a cache's loop.
        is_in_once: Whether `once` was at work.
    """

    thing: Thing
    place: int
    call: Call | None
    is_in_once: bool


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs of a check have in common.

    Attributes:
        scenario: What is checked.
        modules: The author's.
        subject: The execution.
        directory: For files.
        measures: Where the engines count and measure; nobody looks at it.
    """

    scenario: Scenario
    modules: Modules
    subject: Subject
    directory: Path
    measures: Measures


class World:
    """The world of one run: an execution of the scenario's task, and everything around it.

    Args:
        setting: What all runs of a check have in common.
        plan: What goes wrong.
        clock: Of the run.
        survival: What of the executor survives the end of an engine.

    Attributes:
        story: What happened.
        execution: As it was last committed.
        states: Every custom state that was committed, with its version.
        committed: The attempts as they were last committed, by index.
        attempts: What the executor reported of each.
        given: What the service had before the executor called it.
        creations: What the service made.
        launchers: Of all engines.
        is_standing: Whether the run ended because nothing was left that could happen.
        is_endless: Whether the run was ended because it went on and on.
    """

    def __init__(self, setting: Setting, plan: Plan, clock: ports.Clock, survival: Survival) -> None:
        self.scenario = setting.scenario
        self.subject = setting.subject
        self.directory = setting.directory
        self.measures = setting.measures
        self.plan = plan
        self.clock = clock
        self.time_limit_s = setting.scenario.time_limit.total_seconds()
        self.story = Story()
        self.faults = Faults(plan)
        self.living: set[str] = set()
        self.store = MemoryStateStore(self.clock, self.living.__contains__)
        self.service: Any = setting.scenario.service()
        if self.service is not None:
            self.service.clock = self.clock
        self.given: tuple[Thing, ...] = tuple(self.things)
        self.memory = Memory(setting.modules, survival, self.service)
        self.execution: ExecutionRecord = setting.subject.record
        self.states: set[tuple[int, bytes]] = set()
        self.committed: dict[int, AttemptRecord] = {}
        self.attempts: dict[int, Record] = {}
        self.creations: list[Creation] = []
        self.launchers: list[SimulatedLauncher] = []
        self.is_standing = False
        self.is_endless = False
        self._engines = itertools.count(1)
        self._is_prepared = False
        self._is_abort_asked = False

    @property
    def things(self) -> list[Thing]:
        """All that the service ever made; empty where it keeps no ledger."""
        return getattr(self.service, "things", [])

    @property
    def is_hopeless(self) -> bool:
        """Whether more of the run would only show more of the same."""
        complaints = self.story.complaints
        if not complaints:
            return False
        return len(complaints) > _COMPLAINT_LIMIT or any(each.promise in _HOPELESS for each in complaints)

    async def prepare(self) -> None:
        """Create the execution, before the first engine."""
        if not self._is_prepared:
            self._is_prepared = True
            await self.store.open()
            await self.store.create_execution(self.subject.record, self.subject.artifacts)

    async def abort(self) -> None:
        """Ask for the end of the execution, as an operator does."""
        if not self._is_abort_asked:
            self._is_abort_asked = True
            self.tell(What.FAULT, "somebody asks for the abort of the execution")
            await self.store.put_request(
                Request(
                    execution=EXECUTION,
                    kind=RequestKind.ABORT,
                    by="the plan",
                    reason="aborted, as the plan wants it",
                    at=self.clock.now(),
                )
            )

    def tell(
        self, what: What, text: str, *, engine: int = 0, attempt: int | None = None, name: str = ""
    ) -> int:
        """Add an entry to the story; returns its index."""
        entry = Entry(
            at_s=self.clock.monotonic(), engine=engine, what=what, attempt=attempt, name=name, text=text
        )
        return self.story.tell(entry)

    def note_things(self, place: int) -> Sequence[Creation]:
        """Take in what the service has made since the last look; returns it."""
        call = CURRENT.get()
        is_in_once = call is not None and call.is_in_once
        made = [
            Creation(thing, place, call, is_in_once)
            for thing in self.things[len(self.given) + len(self.creations) :]
        ]
        self.creations += made
        return made

    def runs_anything(self, attempt: int) -> bool:
        """Whether something that the attempt began at the service still runs."""
        now = self.clock.now()
        return any(
            each.thing.is_running(now)
            for each in self.creations
            if each.call is not None and each.call.attempt == attempt
        )

    def next_engine(self) -> int:
        """The number of a new engine."""
        return next(self._engines)

    def configuration_of(self, executor: Executor[Any, Any]) -> Mapping[str, Mapping[str, Any]]:
        """The settings of the executor, by its id."""
        return {executor.id: self.scenario.config} if self.scenario.config else {}
