"""The asyncio shell around the machine, for one execution: step, commit, act, and again.

All events that have come are stepped together and are one transaction; the next ones are stepped while it commits.
No command is carried out before the commit of the step that gave it, and before all earlier commits. A driver whose
commit fails carries out nothing more: its memory is worthless, and the store, which lets nothing become durable that
was built on a lost batch, is right.

What there is to do is done in turns, which the loop calls: at once when a commit is over, and else once for all that
comes in one turn of the loop. A task that waits for news would take one more turn of the loop each time.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from elevon import errors
from elevon.compiler.graphs import Graph
from elevon.primitives import failpoints
from elevon.propeller import calls, masking
from elevon.propeller.attempts import Attempts
from elevon.propeller.executors import task_types_of
from elevon.propeller.machine import commands, recovery
from elevon.propeller.machine.drafts import Step
from elevon.propeller.machine.events import (
    AbandonRequested,
    AbortRequested,
    Begin,
    CallRaised,
    CallSucceeded,
    Event,
    FailRequested,
    StatusReturned,
    TimerFired,
    TypesReopened,
    Unparked,
)
from elevon.propeller.machine.steps import step
from elevon.propeller.machine.views import AttemptKey
from elevon.propeller.measures import Standing
from elevon.propeller.places import Places
from elevon.propeller.services import Services
from elevon.propeller.stalls import Stalls
from elevon.propeller.timers import Timers
from elevon.records.answers import CallKind
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease, Request, RequestKind
from elevon.records.snapshots import StoredExecution

Observer = Callable[[ExecutionId, Sequence[Change]], None]


class _Prepared(msgspec.Struct, frozen=True):
    """A command, and for a call whom it goes to, or the event that it ends with before anybody is reached.

    A call with neither is not made.
    """

    command: commands.Command
    callee: calls.Callee | CallRaised | None = None


class _Batch(msgspec.Struct, frozen=True):
    """Steps that are one transaction, and what is to be done once it is durable.

    Attributes:
        durable: Done with the commit; None if nothing changed.
        changes: What is committed.
        todo: Commands, in order.
        requests: What it obeys.
    """

    durable: asyncio.Future[None] | None
    changes: Sequence[Change]
    todo: Sequence[_Prepared]
    requests: Sequence[Request]

    @property
    def is_over(self) -> bool:
        """Whether the commit has succeeded or failed."""
        return self.durable is None or self.durable.done()


class _Run(msgspec.Struct):
    """The run of a driver.

    Attributes:
        over: Done at its end.
        context: What its turns, and with them all calls, run in.
        observe: Told of every batch after its commit.
        rest: Called at the end of a turn after which there are `stalls`.
        is_turn_due: Whether the loop is to take a turn already.
    """

    over: asyncio.Future[None]
    context: contextvars.Context
    observe: Observer
    rest: Callable[[], None]
    is_turn_due: bool = False


class Driver:
    """Drives one execution from its stored rows to its end, or until it is suspended.

    Args:
        lease: The right to write.
        stored: All its rows.
        graph: What it runs.
        services: Adapters and settings.
        places: Admission, shared by the engine's drivers.
        expansions: The graphs of the futures that its nodes go on as, by the digests of their closures.
    """

    def __init__(
        self,
        lease: Lease,
        stored: StoredExecution,
        graph: Graph,
        services: Services,
        places: Places,
        *,
        expansions: Mapping[str, Graph],
    ) -> None:
        self.lease = lease
        self._services = services
        self._places = places
        self._view = recovery.rebuild(stored, graph, services.backoff, expansions)
        self._inbox: deque[Event] = deque()
        self._run: _Run | None = None
        self._is_suspended = False
        self._now = services.clock.now()
        self.post(Begin())
        self._stalls = Stalls(self._view, places, services.executors)
        self._timers = Timers(self.post)
        self._attempts = Attempts(self._view, stored.onces, services, self._commit, self.post)
        self._calls: dict[asyncio.Task[None], AttemptKey] = {}
        self._requests: dict[Request, None] = {}
        self._obeyed: list[Request] = []
        self._fault: BaseException | None = None
        self._batches: deque[_Batch] = deque()
        self._occupy()

    @property
    def task_types(self) -> Iterator[str]:
        """The types of all tasks that it may have to start."""
        for graph in (self._view.graph, *self._view.expansions.values()):
            yield from task_types_of(graph)

    @property
    def execution(self) -> ExecutionRecord:
        """The execution as of the last step."""
        return self._view.execution

    def post(self, event: Event) -> None:
        """Take an event in; on the engine's loop."""
        self._inbox.append(masking.masked(event, self._services.redactor))
        self._take_turn_soon()

    def obey(self, request: Request) -> None:
        """Take in what somebody asks of it; what was taken in already is passed over."""
        if request not in self._requests and request not in self._obeyed:
            self._requests[request] = None
            self.post(_event_of(request))

    def take_obeyed(self) -> Sequence[Request]:
        """The requests whose consequences have become durable since the last look: they can be removed."""
        obeyed, self._obeyed = self._obeyed, []
        return obeyed

    def reopen(self, task_types: frozenset[str]) -> None:
        """Let what waits of these types for help ask again."""
        self.post(TypesReopened(task_types))

    def standings(self) -> Iterator[Standing]:
        """Where its attempts stand that have not ended."""
        for record in self._view.attempts.values():
            if not record.phase.is_terminal:
                yield Standing(record.executor_id, record.is_parked)

    def stalls(self) -> Sequence[AttemptRecord]:
        """The attempts that wait for an operator, if nothing of the execution goes on by itself; else none."""
        if self._inbox or self._batches or self._calls or self._is_suspended:
            return ()
        return self._stalls.found()

    def suspend(self) -> None:
        """Commit what has come in, and make no more calls; everything stays resumable."""
        self._is_suspended = True
        self._take_turn_soon()

    def fence(self) -> None:
        """End, because another engine has the lease; without it nothing can be committed any more."""
        name = self.lease.execution.name
        self._fault = errors.ConflictError(
            f"execution {name} was taken over by another engine, because this one had stopped for too long: "
            f"watch it with `elevon show {name}`"
        )
        self._take_turn_soon()

    async def run(self, observe: Observer, rest: Callable[[], None]) -> None:
        """Go on until the execution is terminal or suspended.

        Args:
            observe: Told of every batch after its commit.
            rest: Called when there are `stalls`, before news is waited for.

        Raises:
            ConflictError: Another engine has taken the execution over.
            UnavailableError: A commit failed.
        """
        over = asyncio.get_running_loop().create_future()
        self._run = _Run(over, contextvars.copy_context(), observe, rest)
        try:
            # An engine that was killed right after its last commit has left nothing to do but to let go.
            if not self._view.execution.phase.is_terminal:
                self._take_turn_soon()
                await over
        finally:
            await self._close()

    def _take_turn_soon(self) -> None:
        """Take a turn for all that comes until the loop gets round to it; before `run` it only comes in."""
        run = self._run
        if run is not None and not run.is_turn_due:
            run.is_turn_due = True
            # Not in the context of whoever brings the news: the calls that begin in the turn would inherit it.
            run.over.get_loop().call_soon(self._take_turn, context=run.context)

    def _take_turn(self) -> None:
        """Act on what has become durable, then step through what has come; nothing more once the run is over."""
        run = self._run
        if run is None or run.over.done():
            return
        run.is_turn_due = False
        if self._fault is not None:
            run.over.set_exception(self._fault)
            return
        try:
            is_ended = self._act_on_durable(run.observe)
            if self._inbox:
                self._begin_batch()
            is_over = is_ended or (self._is_suspended and not self._batches)
            if not is_over and self.stalls():
                run.rest()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            run.over.set_exception(error)
        else:
            if is_over:
                run.over.set_result(None)

    def _begin_batch(self) -> None:
        """Step through all that has come and hand the changes to the store.

        What the commands need is put together while the commit runs; what carries them out waits for it.
        """
        requests = tuple(self._requests)
        changes, todo = self._step_all()
        durable = self._commit(changes) if changes else None
        prepared = [self._prepare(command) for command in todo]
        self._batches.append(_Batch(durable, changes, prepared, requests))
        if durable is None:
            self._take_turn_soon()

    def _act_on_durable(self, observe: Observer) -> bool:
        """Carry out the commands of every batch that is durable, in order; whether the execution has ended."""
        is_ended = False
        while self._batches and self._batches[0].is_over:
            batch = self._batches.popleft()
            if batch.durable is not None:
                batch.durable.result()
                failpoints.hit("driver.after_commit")
                observe(self._view.execution.id, batch.changes)
            self._settle_requests(batch.requests)
            if not self._is_suspended:
                for prepared in batch.todo:
                    is_ended = self._act(prepared) or is_ended
        return is_ended

    def _settle_requests(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if request in self._requests:
                del self._requests[request]
                self._obeyed.append(request)

    def _step_all(self) -> tuple[list[Change], list[commands.Command]]:
        """Step through all that has come; admission is settled on the way, so that it is part of the same batch."""
        changes: list[Change] = []
        todo: list[commands.Command] = []
        self._now = max(self._now, self._services.clock.now())  # a clock that was set back stands still
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, TimerFired):
                self._now = max(self._now, event.at)  # so long has really passed, whatever the clock says
            made = self._step(event)
            self._stalls.notice(made.changes)
            changes.extend(made.changes)
            for command in made.commands:
                if isinstance(command, commands.Enqueue):
                    self._places.enqueue(self, command)
                elif isinstance(command, commands.Dequeue):
                    self._places.dequeue(self, command.node_id)
                else:
                    if isinstance(command, commands.Release):
                        self._places.release(self, command.node_id)
                    todo.append(command)
        return changes, todo

    def _step(self, event: Event) -> Step:
        """One step; a phase that it held back is counted."""
        if not isinstance(event, StatusReturned):
            return step(self._view, event, self._now)
        key = (event.node_id, event.attempt)
        before = self._view.attempts.get(key)
        made = step(self._view, event, self._now)
        after = self._view.attempts.get(key)
        if before is not None and after is not None and after.setback_count > before.setback_count:
            self._services.measures.count_setback(after.executor_id)
        return made

    def _commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        failpoints.hit("driver.before_commit")
        durable = self._services.store.commit(self.lease, changes)
        handed_at = self._services.clock.monotonic()
        end = functools.partial(self._end_commit, len(changes), handed_at)
        durable.add_done_callback(end, context=self._run.context if self._run else None)
        return durable

    def _end_commit(self, row_count: int, handed_at: float, durable: asyncio.Future[None]) -> None:
        """Count a commit that is over, and go on with what waits for it."""
        if not durable.cancelled() and durable.exception() is None:
            seconds = self._services.clock.monotonic() - handed_at
            self._services.measures.count_commit(row_count, seconds)
        self._take_turn()

    def _prepare(self, command: commands.Command) -> "_Prepared":
        """Find out whom a call goes to and with what; what is in the way is the call's event.

        An attempt that a later event of the same batch has ended is not called any more: it was abandoned.
        """
        if not isinstance(command, commands.Call):
            return _Prepared(command)
        if (command.node_id, command.attempt) not in self._view.attempts:
            return _Prepared(command)
        try:
            return _Prepared(command, self._attempts.callee(command, self._now))
        except errors.UserError as error:
            return _Prepared(command, calls.refused(command, error))

    def _act(self, prepared: "_Prepared") -> bool:
        """Carry a command out; whether it is the last one."""
        match prepared.command:
            case commands.Call() as command:
                callee = self._held_back(command) or prepared.callee
                if isinstance(callee, calls.Callee):
                    self._spawn(self._call(command, callee), (command.node_id, command.attempt))
                elif callee is not None:
                    self.post(callee)
            case commands.Cancel() as cancel:
                self._cancel_calls((cancel.node_id, cancel.attempt))
            case commands.SetTimer() as timer:
                self._timers.set(timer, self._now)
            case commands.Release() as release:
                self._timers.cancel(release.node_id, release.attempt)
                self._attempts.release(release.node_id, release.attempt)
            case commands.End():
                return True
            case command:
                raise errors.BugError(
                    f"{type(command).__name__} came too late: admission is part of the step"
                )
        return False

    def _held_back(self, command: commands.Call) -> CallRaised | None:
        """What a start comes to whose type was drained after the attempt had its place.

        One that may have happened is made all the same, to find out.
        """
        record = self._view.attempts.get((command.node_id, command.attempt))
        if command.call is not CallKind.START or command.start_may_have_happened or record is None:
            return None
        drained = self._places.drained(record.task_type)
        return calls.parked(command, drained) if drained else None

    def _occupy(self) -> None:
        """Take the places of attempts that were under way before this engine, ahead of any that want to begin."""
        for (node_id, _), record in self._view.attempts.items():
            if record.started_at is not None and not record.phase.is_terminal:
                with contextlib.suppress(errors.UnavailableError):
                    registration = self._services.executors.of_type(record.task_type)
                    cpu_slots = self._attempts.settings(node_id).cpu_slots
                    self._places.occupy(self, node_id, registration, cpu_slots)

    async def _call(self, command: commands.Call, callee: calls.Callee) -> None:
        failpoints.hit(f"driver.before_{command.call}")
        event = await self._measured(command, callee)
        failpoints.hit(f"driver.after_{command.call}")
        if isinstance(event, CallSucceeded) and event.call is CallKind.FINALIZE:
            self._attempts.forget_intents(event.node_id, event.attempt)
        self.post(event)

    async def _measured(self, command: commands.Call, callee: calls.Callee) -> Event:
        """Make a call, and measure it however it ends."""
        clock, measures = self._services.clock, self._services.measures
        executor_id = callee.invocation.record.executor_id
        begun_at = clock.monotonic()
        measures.begin_call(executor_id, command.call)
        event = None
        try:
            event = await calls.carry_out(command, callee)
            return event
        finally:
            measures.end_call(executor_id, command.call, clock.monotonic() - begun_at, event)

    def _spawn(self, work: Coroutine[Any, Any, None], key: AttemptKey) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._calls[task] = key
        task.add_done_callback(self._settle)

    def _cancel_calls(self, key: AttemptKey) -> None:
        for task, owner in self._calls.items():
            if owner == key:
                task.cancel()

    def _settle(self, task: asyncio.Task[None]) -> None:
        """Whatever a call raises is an event; what escapes all the same is a bug, and ends the driver with it."""
        self._calls.pop(task, None)
        if self._stalls and not self._calls:
            self._take_turn_soon()  # an answer that changes nothing, once nobody else is awaited, may be the last
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._take_turn_soon()

    async def _close(self) -> None:
        """Leave nothing behind in this process: no calls, timers or places."""
        self._timers.close()
        self._places.drop(self)
        left: list[asyncio.Future[None]] = list(self._calls)
        if not self._view.execution.phase.is_terminal:
            for task in left:
                task.cancel()
        left += [batch.durable for batch in self._batches if batch.durable is not None]
        await asyncio.gather(*left, return_exceptions=True)
        await self._attempts.close()


def _event_of(request: Request) -> Event:
    """What a request means to the machine."""
    match request.kind:
        case RequestKind.ABORT:
            return AbortRequested(request.by, request.reason)
        case RequestKind.FAIL:
            return FailRequested(request.node_id, request.attempt, request.by, request.reason)
        case RequestKind.ABANDON:
            return AbandonRequested(request.node_id, request.attempt, request.by, request.reason)
        case RequestKind.UNPARK:
            return Unparked(request.node_id, request.attempt, request.by, request.reason)
