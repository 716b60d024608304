"""Executors in processes of their own, as the engine's side has them.

It owns the calls: their limits, and that one which loses its process comes back as a fault of the system, with the
executor, the call and what happened in one sentence. It must never repeat a call itself: the machine does, under the
same promises as ever.
"""

import asyncio
import contextlib
import logging
import weakref
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from elevon import errors, ports
from elevon.plugin import hosts
from elevon.plugin.contexts import SetupContext
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.executors import DiscoveredTypes
from elevon.plugin.hosts import INITIALIZE_TIME_LIMIT, STOP_GRACE, ExecutorHost
from elevon.plugin.invocations import AttemptServices, Invocation
from elevon.plugin.processes.links import Pending
from elevon.plugin.processes.lives import HostEndedError, HostLife, is_done_within
from elevon.plugin.processes.protocol import Opening
from elevon.plugin.processes.successions import FIRST_DELAY_S, LONGEST_DELAY_S, HostProcess
from elevon.plugin.processes.suspects import DEATH_LIMIT
from elevon.plugin.registry import Registration
from elevon.records import failures
from elevon.records.answers import Raised, Reply
from elevon.records.failures import Failure
from elevon.records.identities import AttemptId

_AGAIN_AFTER: Final = timedelta(seconds=1)
_TRIES_IF_SHARED: Final = 3
_log = logging.getLogger("elevon.plugin")


class _NotInitializedError(errors.UnavailableError):
    """`initialize` failed in the process.

    Attributes:
        failure: What it raised there.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ProcessHost(ExecutorHost):
    """Runs the calls of one executor in a host process.

    Args:
        registration: The executor.
        setup: What it would be initialized with here.
        process: Where it runs.
        state_limit_bytes: Largest encoded custom state.
    """

    def __init__(
        self,
        registration: Registration,
        setup: SetupContext[Any],
        process: HostProcess,
        state_limit_bytes: int,
    ) -> None:
        super().__init__()
        self._id = registration.id
        self._registration = registration
        self._setup = setup
        self._process = process
        self._state_limit_bytes = state_limit_bytes
        self._grace = STOP_GRACE
        self._time_limit = INITIALIZE_TIME_LIMIT
        self._life: HostLife | None = None
        self._attempts: weakref.WeakValueDictionary[AttemptId, AttemptServices] = (
            weakref.WeakValueDictionary()
        )
        self._trouble = ""
        self._news = asyncio.Condition()
        self._keeper: asyncio.Task[None] | None = None
        self._is_entered = False

    @property
    def blocked_since(self) -> datetime | None:
        """Since when the loop of its process has not answered."""
        return None if self._life is None else self._life.blocked_since

    async def start(
        self, time_limit: timedelta = INITIALIZE_TIME_LIMIT, grace: timedelta = STOP_GRACE
    ) -> None:
        self._time_limit, self._grace = time_limit, grace
        self._process.enter()
        self._is_entered = True
        try:
            self._check_importable()
            self._life = await self._open_first()
        except _NotInitializedError as error:
            self.failure = error.failure
        except errors.ElevonError as error:
            self.failure = failures.from_exception(error)
        else:
            self._is_ready = True
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def carry_out(self, invocation: Invocation, services: AttemptServices) -> Reply:
        async with self._process.suspects.turn(invocation.id):
            life = await self._present()
            if life is None:
                return self._refused()
            key = life.begin_call(invocation.id, services)
            self._attempts[invocation.id] = services
            try:
                pending = life.begin("carry_out", self._id, invocation)
                reply = await self._answer(life, pending, invocation.id)
            except HostEndedError as error:
                return self._lost(invocation, error)
            except errors.ElevonError:
                self._process.suspects.acquit(invocation.id)
                raise
            finally:
                life.end_call(key)
            self._process.suspects.acquit(invocation.id)
            return reply

    async def discover_types(self) -> DiscoveredTypes:
        life = await self._present()
        if life is None:
            raise errors.UnavailableError(self._why_not())
        return await self._answer(life, life.begin("discover_types", self._id))

    def watch(self) -> None:
        life = self._life
        if life is None or not life.in_flight:
            return
        life.beat()
        if life.heartbeat.is_to_be_told():
            _log.warning(
                "%s has blocked its loop since %s: await there, or use asyncio.to_thread",
                self._process.settings,
                life.blocked_since,
            )

    async def stop(self, grace: timedelta = STOP_GRACE) -> None:
        if not self._is_entered:
            return
        self._is_entered = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._is_ready:
            self._is_ready = False
            await self._tell_all()
            await self._close(grace)
        await self._process.leave()

    async def _present(self) -> HostLife | None:
        """The process with the executor in it, waited for no longer than a call may take; None if there is none."""
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(self._registration.properties.call_timeout.total_seconds()),
                self._news,
            ):
                while self._is_ready:
                    if self._life is not None and not self._life.is_over:
                        return self._life
                    await self._news.wait()
        return None

    async def _answer(self, life: HostLife, pending: Pending, attempt: AttemptId | None = None) -> Any:
        """What a request comes to; a process that neither answers nor cancels is ended.

        Args:
            life: The process.
            pending: The request.
            attempt: Whose call it is, if it is one.

        Raises:
            HostEndedError: The process has ended.
            UnavailableError: The time was up.
        """
        limit = self._registration.properties.call_timeout
        try:
            if not await is_done_within(pending.answer, (limit + self._grace).total_seconds()):
                hosts.count_timeout(self._setup.metrics)
                await self._end_stuck(life, f"did not answer within {limit.total_seconds():g} s", attempt)
                await asyncio.wait([pending.answer])
        except asyncio.CancelledError:
            pending.cancel()
            if not await is_done_within(pending.answer, self._grace.total_seconds()):
                await self._end_stuck(life, "had a call cancelled", attempt)
            pending.drop_answer()
            raise
        return pending.answer.result()

    async def _end_stuck(self, life: HostLife, what: str, attempt: AttemptId | None = None) -> None:
        """End a process in which a call goes on that must not; if only that call hangs, nobody else is suspected."""
        if attempt is not None and await life.is_answering():
            life.guilty = attempt
        await life.kill_where_it_stands(
            f"executor {self._id!r} {what} and did not end the call {self._grace.total_seconds():g} s after it was "
            "cancelled, so its host was ended"
        )

    def _lost(self, invocation: Invocation, error: HostEndedError) -> Raised:
        """The reply of a call that has lost its process."""
        what = f"executor {self._id!r} lost its host during {invocation.call}: {error}"
        count = self._process.suspects.death_count(invocation.id)
        if count >= DEATH_LIMIT:
            self._process.suspects.acquit(invocation.id)
            failure = Failure(
                code="SYSTEM:HostEnded",
                message=f"the executor host died {count} times during this call: {what}",
                is_recoverable=False,
            )
            return Raised(failure=failure, retry=errors.Retry.NEVER)
        failure = failures.from_exception(errors.UnavailableError(what))
        return Raised(failure=failure, after=self._process.delay, is_counted=False)

    def _refused(self) -> Raised:
        """The reply of a call that could not be made, and has waited."""
        failure = failures.from_exception(errors.UnavailableError(self._why_not()))
        return Raised(failure=failure, after=_AGAIN_AFTER, is_counted=False, was_called=False)

    def _why_not(self) -> str:
        if self.failure is not None:
            return f"executor {self._id!r} could not be initialized: {self.failure.message}"
        if not self._is_ready:
            return f"executor {self._id!r} is not running"
        return (
            f"executor {self._id!r} has no host at the moment: {self._trouble or 'it is being started again'}"
        )

    async def _keep(self) -> None:
        """Have a process with the executor in it, as long as it is not stopped."""
        while self._life is not None:
            self._trouble = await asyncio.shield(self._life.ended)
            self._life = None
            _log.warning("executor %r lost its host: %s", self._id, self._trouble)
            self._setup.metrics.counter("host_ends", "host processes that ended and were begun anew").add()
            fault_count = 0
            while self._life is None:
                try:
                    self._life = await self._open()
                except errors.ElevonError as error:
                    fault_count += 1
                    self._trouble = str(error)
                    _log.warning("executor %r could not be initialized again: %s", self._id, self._trouble)
                    delay_s = min(FIRST_DELAY_S * 2**fault_count, LONGEST_DELAY_S)
                    await self._setup.clock.sleep(delay_s)
            await self._tell_all()
            # The process before may have had news of any of them in its memory, or was to hear of some.
            for services in list(self._attempts.values()):
                services.wake()

    async def _tell_all(self) -> None:
        """Let calls look that wait for a process."""
        async with self._news:
            self._news.notify_all()

    async def _open_first(self) -> HostLife:
        """The same as `_open`; what ended a shared process meanwhile may have been somebody else."""
        for _ in range(_TRIES_IF_SHARED - 1 if self._process.settings.is_shared else 0):
            with contextlib.suppress(HostEndedError):
                return await self._open()
        return await self._open()

    async def _open(self) -> HostLife:
        """A process in which the executor is initialized.

        Raises:
            HostEndedError: The process ended before it was.
            UnavailableError: The process could not be started, or `initialize` failed; says why.
        """
        async with self._process.opening() as life:
            life.share(self._id, self._setup)
            failure = await self._initialize(life)
        if failure is not None:
            raise _NotInitializedError(failure)
        return life

    async def _initialize(self, life: HostLife) -> Failure | None:
        opening = Opening(
            id=self._id,
            path=self._registration.path,
            settings=self._registration.settings,
            state_limit_bytes=self._state_limit_bytes,
            state_dir=self._setup.state_dir,
            pools=self._setup.pools.names,
            time_limit=self._time_limit,
            grace=self._grace,
        )
        pending = life.begin("open", opening)
        try:
            limit_s = (self._time_limit + 2 * self._grace).total_seconds()
            if not await is_done_within(pending.answer, limit_s):
                await self._end_stuck(
                    life, f"did not initialize within {self._time_limit.total_seconds():g} s"
                )
                await asyncio.wait([pending.answer])
        except asyncio.CancelledError:
            pending.cancel()
            pending.drop_answer()
            raise
        return pending.answer.result()

    async def _close(self, grace: timedelta) -> None:
        life = self._life
        if life is None or life.is_over:
            return
        pending = life.begin("close", self._id, grace)
        if not await is_done_within(pending.answer, (3 * grace).total_seconds()):
            _log.warning("executor %r could not be closed, and its host was ended", self._id)
        pending.drop_answer()

    def _check_importable(self) -> None:
        module, _, name = self._registration.path.partition(":")
        if module == "__main__" or "<locals>" in name:
            raise errors.UserError(
                f"executor {self._id!r} is {self._registration.path}, which its host process can't import: define the "
                "class at the top of a module of its own"
            )


class ProcessHosting:
    """Makes the hosts of one engine, those of this process too.

    Args:
        owner: Starts processes.
        clock: Of the engine.
        logs_dir: Where the output of hosts goes.
        state_limit_bytes: Largest encoded custom state.
    """

    def __init__(
        self, owner: ports.ProcessOwner, clock: ports.Clock, logs_dir: Path, state_limit_bytes: int
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._logs_dir = logs_dir
        self._state_limit_bytes = state_limit_bytes
        self._processes: dict[HostSettings, HostProcess] = {}

    def host_of(self, registration: Registration, setup: SetupContext[Any]) -> ExecutorHost:
        """The host that an executor's `isolation` asks for, not started."""
        settings = registration.host
        if settings is None:
            return hosts.host_of(registration, setup)
        if settings not in self._processes:
            folder = "shared" if settings.is_shared else "own"
            path = self._logs_dir / folder / f"{settings.name}.log"
            self._processes[settings] = HostProcess(settings, self._owner, self._clock, path)
        return ProcessHost(registration, setup, self._processes[settings], self._state_limit_bytes)
