"""The asyncio shell around the machine, for one execution: step, commit, act, and again.

Events that come while a commit runs are stepped after it, together, so that what belongs together is one
transaction. No command is carried out before the commit of the step that gave it, and a driver whose commit fails
carries out nothing more: its memory is worthless, and the store is right.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from elevon import errors, ports
from elevon.compiler.graphs import Graph
from elevon.primitives import failpoints
from elevon.propeller import calls
from elevon.propeller.attempts import Attempts
from elevon.propeller.machine import commands, recovery
from elevon.propeller.machine.events import AbortRequested, Begin, CallRaised, Event
from elevon.propeller.machine.steps import step
from elevon.propeller.places import Places
from elevon.propeller.services import Services
from elevon.propeller.timers import Timers
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.leases import Lease

Observer = Callable[[ExecutionId, Sequence[Change]], None]


class Driver:
    """Drives one execution from its stored rows to its end, or until it is suspended.

    Args:
        lease: The right to write.
        stored: All its rows.
        graph: What it runs.
        services: Adapters and settings.
        places: Admission, shared by the engine's drivers.
    """

    def __init__(
        self, lease: Lease, stored: ports.StoredExecution, graph: Graph, services: Services, places: Places
    ) -> None:
        self.lease = lease
        self._services = services
        self._places = places
        self._view = recovery.rebuild(stored, graph, services.backoff)
        self._inbox: deque[Event] = deque()
        self._has_news = asyncio.Event()
        self._is_suspended = False
        self._now = services.clock.now()
        self.post(Begin())
        self._timers = Timers(services.clock, self.post)
        self._attempts = Attempts(self._view, stored.onces, services, self._commit, self.post)
        self._calls: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    @property
    def execution(self) -> ExecutionRecord:
        """The execution as of the last step."""
        return self._view.execution

    def post(self, event: Event) -> None:
        """Take an event in; on the engine's loop."""
        self._inbox.append(event)
        self._has_news.set()

    def abort(self, by: str, reason: str) -> None:
        """Take in that somebody wants it ended; once is enough."""
        if not any(isinstance(event, AbortRequested) for event in self._inbox):
            self.post(AbortRequested(by, reason))

    def suspend(self) -> None:
        """Commit what has come in, and make no more calls; everything stays resumable."""
        self._is_suspended = True
        self._has_news.set()

    def fence(self) -> None:
        """End, because another engine has the lease; without it nothing can be committed any more."""
        name = self.lease.execution.name
        self._fault = errors.ConflictError(
            f"execution {name} was taken over by another engine, because this one had stopped for too long: "
            f"watch it with `elevon show {name}`"
        )
        self._has_news.set()

    async def run(self, observe: Observer) -> None:
        """Go on until the execution is terminal or suspended.

        Args:
            observe: Told of every batch after its commit.

        Raises:
            ConflictError: Another engine has taken the execution over.
            UnavailableError: A commit failed.
        """
        try:
            is_ended = False
            while not is_ended and not self._is_suspended:
                await self._has_news.wait()
                self._has_news.clear()
                if self._fault is not None:
                    raise self._fault
                changes, todo = self._step_all()
                if changes:
                    await self._commit(changes)
                    observe(self._view.execution.id, changes)
                if not self._is_suspended:
                    is_ended = self._act_all(todo)
        finally:
            await self._close()

    def _step_all(self) -> tuple[list[Change], list[commands.Command]]:
        """Step through all that has come; admission is settled on the way, so that it is part of the same batch."""
        changes: list[Change] = []
        todo: list[commands.Command] = []
        self._now = max(self._now, self._services.clock.now())  # a clock that was set back stands still
        while self._inbox:
            made = step(self._view, self._inbox.popleft(), self._now)
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

    async def _commit(self, changes: Sequence[Change]) -> None:
        failpoints.hit("driver.before_commit")
        await self._services.store.commit(self.lease, changes)
        failpoints.hit("driver.after_commit")

    def _act_all(self, todo: list[commands.Command]) -> bool:
        """Carry commands out, in order; whether the execution has ended."""
        is_ended = False
        for command in todo:
            match command:
                case commands.Call():
                    self._begin_call(command)
                case commands.SetTimer():
                    self._timers.set(command)
                case commands.Release():
                    self._timers.cancel(command.node_id, command.attempt)
                    self._attempts.release(command.node_id, command.attempt)
                case commands.End():
                    is_ended = True
                case _:
                    raise errors.BugError(
                        f"{type(command).__name__} came too late: admission is part of the step"
                    )
        return is_ended or self._view.execution.phase.is_terminal

    def _begin_call(self, command: commands.Call) -> None:
        """Make an executor's call in a task of its own; its event comes back through the inbox."""
        try:
            callee = self._attempts.callee(command)
        except errors.UserError as error:
            self.post(calls.raised(command, error, was_called=False))
            return
        if isinstance(callee, CallRaised):
            self.post(callee)
            return
        record = self._attempts.record(command.node_id, command.attempt)
        if not record.phase.is_terminal:
            slots = self._attempts.settings(command.node_id).cpu_slots
            self._places.occupy(self, command.node_id, callee.registration, slots)
        self._spawn(self._call(command, callee))

    async def _call(self, command: commands.Call, callee: calls.Callee) -> None:
        failpoints.hit(f"driver.before_{command.call}")
        event = await calls.carry_out(command, callee)
        failpoints.hit(f"driver.after_{command.call}")
        self.post(event)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[None]) -> None:
        """Whatever a call raises is an event; what escapes all the same is a bug, and ends the driver with it."""
        self._calls.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._has_news.set()

    async def _close(self) -> None:
        """Leave nothing behind in this process: no calls, timers or places."""
        self._timers.close()
        self._places.drop(self)
        self._attempts.close()
        left = list(self._calls)
        if not self._view.execution.phase.is_terminal:
            for task in left:
                task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
