"""A model of the engine's shell on virtual time, and the adversary that ends it at any moment.

The shell does what the real one does: step at once, commit in order some time later, carry out the commands of a step
after its commit. A crash throws away everything but the store and the world.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from elevon import errors
from elevon.compiler.graphs import Graph
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import arrays, attempts, commands, invariants, recovery
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.machine.drafts import Step
from elevon.propeller.machine.events import (
    AbandonRequested,
    AbortRequested,
    Admitted,
    AttemptEvent,
    Begin,
    CallRaised,
    Event,
    FailRequested,
    Refused,
    StatusReturned,
    TimerFired,
    TimerKind,
    TypesReopened,
    Unparked,
    Woken,
)
from elevon.propeller.machine.steps import step
from elevon.propeller.machine.views import View
from elevon.records import failures
from elevon.records.answers import CallKind
from elevon.records.failures import Failure
from tests.simulation import essences, plans, stories
from tests.simulation.places import Places
from tests.simulation.stores import Store
from tests.simulation.worlds import HAS_FINALIZER, BrokenPromise, Key, Weather, World

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
PATIENCE = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=20), limit=4)
STEP_LIMIT = 20_000


class Crash(Exception):
    """The engine ends here and now."""


class Happening(msgspec.Struct, order=True):
    """Something that is due; ties are broken at random."""

    at: datetime
    tie: float
    life: int
    run: Callable[[], None] = msgspec.field(default=lambda: None)

    def __lt__(self, other: "Happening") -> bool:
        return (self.at, self.tie) < (other.at, other.tie)


class Graphs(msgspec.Struct, frozen=True):
    """What runs: the workflow, and by digest what tasks return as futures."""

    workflow: Graph
    expansions: dict[str, Graph]


class InFlight(msgspec.Struct):
    """A call that an executor has not answered."""

    call: commands.Call
    effect: Callable[[], Event]
    is_done: bool = False


class Engine:
    """One execution, from its creation to its end, through any number of lives."""

    def __init__(self, seed: int, graphs: Graphs, store: Store, world: World, weather: Weather) -> None:
        self._rng = random.Random(f"engine {seed}")
        self._graphs = graphs
        self._store = store
        self._world = world
        self._weather = weather
        self._happenings: list[Happening] = []
        self._life = 0
        self._pending: list[Step] = []
        self._in_flight: dict[Key, InFlight] = {}
        self._is_commit_due = False
        self._crash_odds = self._rng.choice((0, 0.005, 0.02, 0.1)) if weather.crashes else 0
        self._acts_early = self._rng.random() < 0.5
        self._is_ended = False
        self._is_desperate = False
        self._missing: set[str] = set()
        self._drained: set[str] = set()
        self._operator_odds = self._rng.choice((0, 0.004, 0.04)) if weather.operators else 0
        self._limits = {
            name: self._rng.choice((1, 2, 100)) if weather.limits else 100 for name in plans.TASK_TYPES
        }
        self.now = BEGINNING
        self.story: list[str] = []
        self.step_count = 0
        self.crash_count = 0
        self.coverage: Counter[tuple[str, str]] = Counter()
        self.is_abort_asked = False
        self._begins_after = 0.5 if weather.aborts else -1.0
        self._boot()
        self._begins_after = -1.0

    def run(self) -> None:
        """Live until the execution has ended and nothing is left.

        Raises:
            BrokenPromise: The engine broke the contract, or is stuck.
        """
        if self._weather.aborts and self._rng.random() < 0.2:
            self._ask_for_abort(0 if self._rng.random() < 0.2 else self._rng.expovariate(1 / 60))
        while True:
            if not self._happenings:
                if self._is_ended and not self._pending:
                    break
                self._rescue()
                continue
            happening = heapq.heappop(self._happenings)
            self.now = max(self.now, happening.at)
            if happening.life not in (self._life, -1):
                continue
            try:
                happening.run()
            except Crash as crash:
                self._crash(str(crash))
            else:
                if self._rng.random() < self._crash_odds / 4:
                    self._crash("out of the blue")
            self._meddle()
        self._check_end()

    def _check_end(self) -> None:
        if not self._store.execution.phase.is_terminal:
            raise BrokenPromise(f"the engine stopped in {self._store.execution.phase}")
        if self._places.held or self._places.waiting:
            raise BrokenPromise(f"places are held after the end: {self._places.held} {self._places.waiting}")

    def _boot(self) -> None:
        """Build everything from the store, as a new process does."""
        self._life += 1
        self._pending = []
        self._is_commit_due = False
        self._is_ended = self._store.execution.phase.is_terminal
        is_unlucky = self._weather.missing_types and not self._is_desperate and self._rng.random() < 0.3
        self._missing = {self._rng.choice(plans.TASK_TYPES)} if is_unlucky else set()
        self.view = self._rebuilt()
        self._places = Places(dict(self._limits))
        if self._is_ended:
            return
        for record in self._store.attempts.values():
            if record.started_at is not None and not record.phase.is_terminal:
                self._places.held[record.node_id] = record.task_type
        heapq.heappush(
            self._happenings, Happening(self.now, self._begins_after, self._life, lambda: self._step(Begin()))
        )
        if self.is_abort_asked:
            self._ask_for_abort(0)

    def _crash(self, how: str) -> None:
        self.crash_count += 1
        self._tell(f"CRASH {how}")
        for flying in self._in_flight.values():
            if not flying.is_done and self._rng.random() < 0.5:
                flying.effect()
        self._in_flight.clear()
        self.now += timedelta(seconds=self._rng.choice((0, 1, 100)))
        self._boot()

    def _ask_for_abort(self, after_s: float) -> None:
        def ask() -> None:
            self.is_abort_asked = True
            self._step(AbortRequested("somebody", "a whim"))

        self._at(after_s, ask)

    def _rescue(self) -> None:
        """Nothing is due: fine only if all that is left waits for an operator or for an executor that is missing."""
        waiting = [record for record in self.view.attempts.values() if record.is_parked]
        if not waiting:
            raise BrokenPromise("nothing is due, and nothing waits for anybody")
        if self._drained:
            self._lift_drain(self._rng.choice(sorted(self._drained)))
            return
        if self._is_desperate and not self._missing and self._world.is_mended:
            raise BrokenPromise(f"{waiting[0].node_id} is parked for nothing: {waiting[0].reason}")
        self._is_desperate = True
        self._world.is_mended = True
        if self._missing or self._rng.random() < 0.5:
            self._missing = set()
            if self._rng.random() < 0.5:
                self._crash("to bring the executors back")
                return
        for record in waiting:
            self.post(Unparked(record.node_id, record.attempt))

    def _meddle(self) -> None:
        if self._weather.wakes and self._rng.random() < 0.1:
            self._disturb()
        if self._rng.random() < self._operator_odds:
            self._operate()
        if self._weather.drains and self._rng.random() < 0.01:
            self._toggle_drain()

    def _disturb(self) -> None:
        """Something that may come at any time, also too late."""
        keys = [*self.view.live, *self.view.attempts, *self._store.attempts]
        if not keys:
            return
        node_id, attempt = self._rng.choice(keys)
        kind = self._rng.random()
        if kind < 0.7:
            self.post(Woken(node_id, attempt))
        elif kind < 0.85:
            self.post(Unparked(node_id, attempt))
        else:
            self.post(TimerFired(node_id, attempt, self._rng.choice(list(TimerKind)), self.now))

    def _operate(self) -> None:
        """An operator meddles with an attempt, by preference with one of the few that wait for their finalizer."""
        over = [key for key in self.view.live if self.view.attempts[key].phase.is_terminal]
        keys = over if over and self._rng.random() < 0.7 else [*self.view.live, *self._store.attempts]
        if keys:
            node_id, attempt = self._rng.choice(keys)
            kind = self._rng.choice((FailRequested, AbandonRequested))
            self.post(kind(node_id, attempt, "an operator", "it is stuck"))

    def _toggle_drain(self) -> None:
        """An operator drains a type, or lets it go on."""
        task_type = self._rng.choice(plans.TASK_TYPES)
        if task_type in self._drained:
            self._lift_drain(task_type)
            return
        self._drained.add(task_type)
        for node_id in self._places.refuse(task_type):
            self._refuse(node_id, task_type)

    def _lift_drain(self, task_type: str) -> None:
        self._drained.discard(task_type)
        self.post(TypesReopened(frozenset({task_type})), after_s=2)  # behind all that was refused before

    def _refuse(self, node_id: str, task_type: str) -> None:
        self.post(Refused(node_id, f"{task_type} is not started now"), self._rng.choice((0, 1)))

    def _at(self, after_s: float, run: Callable[[], None], *, survives: bool = False) -> None:
        at = self.now + timedelta(seconds=after_s)
        heapq.heappush(
            self._happenings, Happening(at, self._rng.random(), -1 if survives else self._life, run)
        )

    def post(self, event: Event, after_s: float = 0) -> None:
        """Let an event reach the machine."""
        self._at(after_s, lambda: self._step(event))

    def _tell(self, line: str) -> None:
        self.story.append(f"{(self.now - BEGINNING).total_seconds():9.2f}  {line}")

    def _step(self, event: Event) -> None:
        self.step_count += 1
        if self.step_count > STEP_LIMIT:
            raise BrokenPromise(f"{STEP_LIMIT} steps were not enough")
        self._note(event)
        done = step(self.view, event, self.now)
        self._tell(f"{stories.of_event(event)} -> {', '.join(stories.of_commands(done.commands))}")
        invariants.check(self.view)
        self._pending.append(done)
        if self._acts_early:
            self._place(done)
        if not self._is_commit_due:
            self._is_commit_due = True
            self._at(self._rng.choice((0, 0.001, 0.5)), self._commit)

    def _note(self, event: Event) -> None:
        if not isinstance(event, AttemptEvent):
            return
        key = (event.node_id, event.attempt)
        record = self.view.attempts.get(key)
        if record is not None and key in self.view.live and (record.phase, type(event)) in attempts.TABLE:
            self.coverage[record.phase, type(event).__name__] += 1

    def _commit(self) -> None:
        self._is_commit_due = False
        if self._rng.random() < self._crash_odds:
            if self._rng.random() < 0.5:
                for done in self._pending[: self._rng.randint(0, len(self._pending))]:
                    self._store.commit(done.changes)
            raise Crash("around a commit, nothing carried out")
        batch, self._pending = self._pending, []
        for done in batch:
            self._store.commit(done.changes)
        if self._rng.random() < 0.2:
            self._compare()
        stop_at = -1
        todo = [command for done in batch for command in done.commands]
        if self._rng.random() < self._crash_odds:
            stop_at = self._rng.randint(0, len(todo))
        for number, command in enumerate(todo):
            if number == stop_at:
                raise Crash(f"after {number} of {len(todo)} commands")
            if not (isinstance(command, commands.Call) and _is_cancelled(command, todo[number:])):
                self._carry_out(command)

    def _place(self, done: Step) -> None:
        for command in done.commands:
            if isinstance(command, commands.Enqueue | commands.Dequeue | commands.Release):
                self._move_place(command)

    def _move_place(self, command: commands.Command) -> None:
        match command:
            case commands.Enqueue(node_id, task_type):
                if task_type in self._missing | self._drained:
                    self._refuse(node_id, task_type)
                    return
                self._places.waiting.append((node_id, task_type))
            case commands.Dequeue(node_id):
                self._places.waiting = [each for each in self._places.waiting if each[0] != node_id]
            case commands.Release(node_id):
                self._places.held.pop(node_id, None)
            case _:
                return
        for node_id in self._places.admissible():
            task_type = self._places.held[node_id]
            self.post(
                Admitted(node_id, f"the {task_type} one", HAS_FINALIZER[task_type]),
                self._rng.choice((0, 0, 2)),
            )

    def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.Call():
                self._call(command)
            case commands.SetTimer(node_id, attempt, timer, at):
                wait = max(0.0, (at - self.now).total_seconds())
                self.post(TimerFired(node_id, attempt, timer, at), wait)
            case commands.Cancel(node_id, attempt):
                self._cancel((node_id, attempt))
            case commands.End():
                self._is_ended = True
            case _:
                if not self._acts_early:
                    self._move_place(command)

    def _call(self, call: commands.Call) -> None:
        """Make a call: its effect comes some time later, its answer later still."""
        key = (call.node_id, call.attempt)
        name = f"{call.node_id}#{call.attempt}"
        if key in self._in_flight:
            raise BrokenPromise(f"calls of {name} overlap: {self._in_flight[key].call.call} and {call.call}")
        row = self._store.attempt(key)
        if row is None:
            raise BrokenPromise(f"{call.call} of {name} is made before anything of it was committed")
        self._check_call(call, row.phase.is_terminal, row.unanswered_start_count)
        if key in self._store.abandoned:
            raise BrokenPromise(f"{call.call} of {name} is made after it was abandoned")
        if call.call is not CallKind.FINALIZE and call.node_id not in self._places.held:
            raise BrokenPromise(f"{call.call} of {name} is made without a place")
        limit = self.view.execution.max_parallelism
        under_way = sum(
            1 for each in self._store.attempts.values() if each.started_at and not each.phase.is_terminal
        )
        if limit and under_way > limit:
            raise BrokenPromise(f"{under_way} attempts are under way, and {limit} are allowed")
        event = self._unreachable(call, row.task_type)
        if event is not None:
            self._in_flight[key] = InFlight(call, lambda: event, is_done=True)
            self._at(0, lambda: self._answer(key, event))
            return
        inputs = LiteralMap()
        if call.call is CallKind.START:
            inputs = arrays.inputs_of(self.view, self.view.place(call.node_id))
        flying = InFlight(call, lambda: self._world.carry_out(call, row, inputs, self.now))
        self._in_flight[key] = flying

        def take_effect() -> None:
            if self._in_flight.get(key) is not flying:
                return
            flying.is_done = True
            event = flying.effect()
            self._at(self._rng.choice((0, 0.01, 5)), lambda: self._answer(key, event))

        self._at(self._rng.choice((0, 0.01, 2)), take_effect)

    def _answer(self, key: Key, event: Event) -> None:
        if key in self._in_flight:
            del self._in_flight[key]
            if isinstance(event, StatusReturned) and event.expansion is not None:
                digest = event.expansion.closure_digest
                self.view.expansions[digest] = self._graphs.expansions[digest]
            self._step(event)

    def _cancel(self, key: Key) -> None:
        """A call of an abandoned attempt ends at once, or goes on and answers when nobody listens any more."""
        if self._rng.random() < 0.5:
            self._in_flight.pop(key, None)

    def _check_call(self, call: commands.Call, is_over: bool, unanswered_start_count: int) -> None:
        name = f"{call.node_id}#{call.attempt}"
        if (call.call is CallKind.FINALIZE) is not is_over:
            raise BrokenPromise(f"{call.call} of {name}, of which is committed: terminal is {is_over}")
        node = self._store.node(call.node_id)
        if call.call is CallKind.START:
            if node is None or node.phase.is_terminal:
                raise BrokenPromise(f"{name} is started, and its node is {node and node.phase}")
            if not unanswered_start_count:
                raise BrokenPromise(f"{name} is started without a committed intent")

    def _unreachable(self, call: commands.Call, task_type: str) -> CallRaised | None:
        """What the shell itself answers: there is no such executor, or the inputs can't be put together."""
        is_held = call.call is CallKind.START and task_type in self._drained
        if task_type in self._missing or (is_held and not call.start_may_have_happened):
            failure = Failure("SYSTEM:Missing", f"{task_type} is missing")
            return CallRaised(
                call.node_id, call.attempt, call.call, failure, is_parking=True, was_called=False
            )
        if call.call is CallKind.START:
            try:
                arrays.inputs_of(self.view, self.view.place(call.node_id))
            except errors.UserError as error:
                failure = failures.from_exception(error)
                return CallRaised(
                    call.node_id, call.attempt, call.call, failure, is_final=True, was_called=False
                )
        return None

    def _rebuilt(self) -> View:
        """The view as a new engine makes it: with the futures that rows name, and no others."""
        stored = self._store.load()
        known = {digest: self._graphs.expansions[digest] for digest in stored.expansion_digests}
        return recovery.rebuild(stored, self._graphs.workflow, PATIENCE, known)

    def _compare(self) -> None:
        """With everything committed, what is rebuilt from rows must be what memory has."""
        if not self._pending:
            essences.compare(self.view, self._rebuilt())


def _is_cancelled(call: commands.Call, behind: list[commands.Command]) -> bool:
    """Whether a call is cancelled before it had a chance to begin."""
    return commands.Cancel(call.node_id, call.attempt) in behind
