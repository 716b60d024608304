"""The bare machine in the hand of a test: events in, commands out as words, rows kept as bytes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from elevon.compiler.graphs import FailurePolicy, TaskSettings
from elevon.idl import literals
from elevon.idl.messages import LiteralMap
from elevon.propeller.machine import commands, invariants, recovery
from elevon.propeller.machine.backoffs import Backoff
from elevon.propeller.machine.events import (
    AbandonRequested,
    AbortRequested,
    Admitted,
    Begin,
    CallRaised,
    CallSucceeded,
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
from elevon.records.answers import Answer, CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.executions import ExecutionRecord
from elevon.records.failures import Failure
from elevon.records.identities import ExecutionId
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.simulation import plans, stories
from tests.simulation.plans import Flow, Items, Source, Step
from tests.simulation.stores import Store, settings_by_id

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
BACKOFF = Backoff(first=timedelta(seconds=2), longest=timedelta(seconds=8), limit=3)
FAULT = Failure("SYSTEM:Unexpected", "the service is down")


def task(
    name: str,
    *upstream: Source,
    retries: int = 0,
    timeout_s: float | None = None,
    queue_timeout_s: float | None = None,
) -> Step:
    """A task node that adds what its upstream nodes made."""
    settings = TaskSettings(
        task_type="t",
        retries=retries,
        timeout=None if timeout_s is None else timedelta(seconds=timeout_s),
        queue_timeout=None if queue_timeout_s is None else timedelta(seconds=queue_timeout_s),
    )
    return Step(id=name, sources={f"i{n}": each for n, each in enumerate(upstream)}, settings=settings)


def dynamic(
    name: str, *steps: Step, output: Source = 0, after: Source = 0, min_success_count: int = 0
) -> Step:
    """A task node that goes on as futures once it succeeds."""
    made = task(name, after)
    made.flow = Flow(steps=list(steps), output=output, on_failure=FailurePolicy.FAIL_IMMEDIATELY)
    made.min_success_count = min_success_count
    return made


def array(
    name: str,
    *items: Source,
    limit: int = 0,
    needed: int | None = None,
    all_run: bool = False,
    retries: int = 0,
) -> Step:
    """A node that runs a task for each of the items."""
    made = task(name, retries=retries)
    made.items = Items(sources=list(items), limit=limit, needed=needed, all_run=all_run)
    return made


def subworkflow(
    name: str,
    *steps: Step,
    x: Source = plans.INPUT,
    output: Source = 0,
    on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY,
) -> Step:
    """A node that runs a workflow of its own."""
    inner = Flow(steps=list(steps), output=output, on_failure=on_failure)
    return Step(id=name, sources={"x": x}, flow=inner)


def branch(name: str, source: Source, *arms: tuple[int, Step], otherwise: Step | str | None = None) -> Step:
    """A node that runs the first arm whose number the source exceeds."""
    return Step(id=name, sources={"c": source}, arms=list(arms), otherwise=otherwise)


class Machine:
    """One execution, with the time in the test's hand."""

    def __init__(
        self,
        *steps: Step,
        output: Source = 0,
        on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY,
        max_parallelism: int = 0,
        taken_over: tuple[NodeRecord, ...] = (),
    ) -> None:
        plan = Flow(steps=list(steps), output=output, on_failure=on_failure)
        self._graph = plans.graph_of(plan)
        self._futures = {name: (expansion, graph) for name, expansion, graph in plans.futures_of(plan)}
        execution = ExecutionRecord(
            id=ExecutionId("p", "d", "e"),
            workflow="w",
            closure_digest="",
            inputs=literals.literal_map({"x": literals.integer(7)}).SerializeToString(),
            max_parallelism=max_parallelism,
            created_at=NOON,
        )
        self.store = Store(execution, list(taken_over))
        self.store.tasks = set(settings_by_id(self._graph))
        for name, (_, graph) in self._futures.items():
            self.store.tasks |= set(settings_by_id(graph, f"{name}/"))
        self.now = NOON
        self.given: tuple[commands.Command, ...] = ()
        self.rebuild()

    def rebuild(self) -> None:
        """A new engine has the rows and nothing else."""
        graphs = {expansion.closure_digest: graph for expansion, graph in self._futures.values()}
        stored = self.store.load()
        known = {digest: graphs[digest] for digest in stored.expansion_digests}
        self.view = recovery.rebuild(stored, self._graph, BACKOFF, known)

    def restart(self) -> list[str]:
        """Crash, and begin again from the rows."""
        self.rebuild()
        return self.send(Begin())

    def send(self, event: Event) -> list[str]:
        """Let it happen and commit it; what the machine commands, timers left out."""
        done = step(self.view, event, self.now)
        self.store.commit(done.changes)
        invariants.check(self.view)
        self.given = done.commands
        return stories.of_commands(each for each in done.commands if not isinstance(each, commands.SetTimer))

    def begin(self) -> list[str]:
        return self.send(Begin())

    def admit(self, name: str, *, has_finalizer: bool = False) -> list[str]:
        return self.send(Admitted(name, "an executor", has_finalizer))

    def refuse(self, name: str) -> list[str]:
        return self.send(Refused(name, "there is no such executor"))

    def started(self, name: str, phase: AttemptPhase | None = AttemptPhase.RUNNING, **more: Any) -> list[str]:
        """Admit the node, and let its start return a status."""
        self.admit(name)
        return self.returned(name, phase, **more)

    def returned(self, name: str, phase: AttemptPhase | None, attempt: int = 0, **more: Any) -> list[str]:
        """The call in flight returns a status."""
        if phase is AttemptPhase.SUCCEEDED:
            more.setdefault("outputs", outputs(len(name)))
        if phase in (AttemptPhase.FAILED, AttemptPhase.RETRYABLE_FAILED):
            more.setdefault("failure", Failure("USER:Wrong", "the user's code is wrong"))
        answer = Answer(phase=phase, **more)
        return self.send(StatusReturned(name, attempt, self.call_of(name, attempt), answer))

    def expanded(self, name: str) -> list[str]:
        """Admit a dynamic node, and let its start succeed with its futures."""
        self.admit(name)
        return self.expands(name)

    def expands(self, name: str) -> list[str]:
        """The call in flight succeeds with futures."""
        expansion, graph = self._futures[name]
        self.view.expansions[expansion.closure_digest] = graph
        answer = Answer(phase=AttemptPhase.SUCCEEDED)
        return self.send(StatusReturned(name, 0, self.call_of(name), answer, expansion))

    def raised(self, name: str, attempt: int = 0, failure: Failure = FAULT, **more: Any) -> list[str]:
        """The call in flight raises."""
        return self.send(CallRaised(name, attempt, self.call_of(name, attempt), failure, **more))

    def done(self, name: str, attempt: int = 0) -> list[str]:
        """The kill or finalize in flight returns."""
        return self.send(CallSucceeded(name, attempt, self.call_of(name, attempt)))

    def wake(self, name: str, attempt: int = 0) -> list[str]:
        return self.send(Woken(name, attempt))

    def unpark(self, name: str, attempt: int = 0) -> list[str]:
        return self.send(Unparked(name, attempt))

    def reopen(self, task_type: str = "t") -> list[str]:
        return self.send(TypesReopened(frozenset({task_type})))

    def fail(self, name: str, attempt: int = 0) -> list[str]:
        return self.send(FailRequested(name, attempt, "Ada", "it is stuck"))

    def abandon(self, name: str, attempt: int = 0) -> list[str]:
        return self.send(AbandonRequested(name, attempt, "Ada", "the service is gone"))

    def abort(self) -> list[str]:
        return self.send(AbortRequested("Ada", "a whim"))

    def pass_time(self, name: str, timer: TimerKind = TimerKind.CALL, attempt: int = 0) -> list[str]:
        """Wait until the timer that the last event set for the attempt, and let it fire."""
        at = self.timer(name, timer, attempt)
        self.now = max(self.now, at)
        return self.send(TimerFired(name, attempt, timer, at))

    def timer(self, name: str, timer: TimerKind = TimerKind.CALL, attempt: int = 0) -> datetime:
        """When the timer that the last event set is due."""
        return next(
            each.at
            for each in self.given
            if isinstance(each, commands.SetTimer)
            and (each.node_id, each.attempt, each.timer) == (name, attempt, timer)
        )

    def call_of(self, name: str, attempt: int = 0) -> CallKind:
        """The call in flight."""
        call = self.view.live[name, attempt].call
        assert call is not None, f"no call of {name}#{attempt} is in flight"
        return call

    def attempt(self, name: str, attempt: int = 0) -> AttemptRecord:
        """The committed row."""
        return self.store.attempts[name, attempt]

    def node(self, name: str) -> NodeRecord:
        """The committed row."""
        return self.store.nodes[name]

    @property
    def phase(self) -> ExecutionPhase:
        return self.store.execution.phase

    @property
    def output(self) -> int:
        """What the execution made."""
        return integer(self.store.execution.outputs)

    def history(self, name: str, attempt: int | None = 0) -> list[str]:
        """Phases in the order in which they were recorded."""
        return [row.phase for row in self.store.history if (row.node_id, row.attempt) == (name, attempt)]


def outputs(value: int) -> bytes:
    return literals.literal_map({"o": literals.integer(value)}).SerializeToString()


def integer(serialized: bytes | None) -> int:
    assert serialized is not None
    return LiteralMap.FromString(serialized).literals["o"].scalar.primitive.integer


def integers(serialized: bytes | None) -> list[int | None]:
    """What an array made, None for elements that failed."""
    assert serialized is not None
    return [
        None if item.scalar.HasField("none_type") else item.scalar.primitive.integer
        for item in LiteralMap.FromString(serialized).literals["o"].collection.literals
    ]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


replace = msgspec.structs.replace
