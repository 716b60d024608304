"""Where the calls of an executor run: on the engine's loop, or on a loop of its own in a thread.

`processes.hosts` has the third kind, which runs them in a process. A host owns the life of one executor (`initialize`
before any call, `close` at the end), the time limit of each call, and the containment of whatever a call raises or
blocks. It must never know attempts: that calls for one attempt do not overlap is the engine's part, and the host helps
by returning only when a call has really ended.
"""

import abc
import asyncio
import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from elevon import errors
from elevon.plugin import bridges, crossings, serving
from elevon.plugin.contexts import SetupContext
from elevon.plugin.executors import DiscoveredTypes
from elevon.plugin.heartbeats import Heartbeat
from elevon.plugin.invocations import AttemptServices, Invocation
from elevon.plugin.metering import Metrics
from elevon.plugin.registry import Registration
from elevon.primitives import alarms
from elevon.records import failures
from elevon.records.answers import Reply

T = TypeVar("T")
INITIALIZE_TIME_LIMIT = timedelta(minutes=5)
STOP_GRACE = timedelta(seconds=5)
_log = logging.getLogger("elevon.plugin")


class ExecutorHost(abc.ABC):
    """Runs the calls of one executor.

    Attributes:
        failure: Why `initialize` failed; None while it has not.
    """

    def __init__(self) -> None:
        self.failure: failures.Failure | None = None
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether calls are accepted: `initialize` succeeded and `stop` was not called."""
        return self._is_ready

    @property
    def blocked_since(self) -> datetime | None:
        """Since when a call has kept the executor's loop from anything else; None if none does."""
        return None

    @abc.abstractmethod
    async def start(
        self, time_limit: timedelta = INITIALIZE_TIME_LIMIT, grace: timedelta = STOP_GRACE
    ) -> None:
        """Make the loop and initialize the executor; if that fails, `failure` says why and calls are refused.

        An `initialize` that goes on for longer than `grace` after its cancellation is left behind: unlike a call it
        has no attempt that would have to wait for its end.
        """

    @abc.abstractmethod
    async def carry_out(self, invocation: Invocation, services: AttemptServices) -> Reply:
        """Make one call of the executor for an attempt; whatever the executor does is the reply.

        Args:
            invocation: The call.
            services: What the engine does for the attempt, on this loop.

        Raises:
            UnavailableError: The executor is not ready, the time is up, or the host was stopped.
            UnexpectedExitError: The call posed as cancelled.
        """

    @abc.abstractmethod
    async def discover_types(self) -> DiscoveredTypes:
        """Ask the executor which types it serves besides those that it registers for.

        Raises:
            UnavailableError: The executor is not ready, the time is up, or the host was stopped.
            Exception: What it raised.
        """

    @abc.abstractmethod
    def watch(self) -> None:
        """Look whether the loop still answers; the engine calls it about once a second."""

    @abc.abstractmethod
    async def stop(self, grace: timedelta = STOP_GRACE) -> None:
        """End what runs, close the executor, end the loop; idempotent, each of the three within `grace`."""


class LocalHost(ExecutorHost):
    """Runs them in this process."""

    def __init__(self, registration: Registration, setup: SetupContext[Any]) -> None:
        super().__init__()
        self._local = registration.implementation
        self._executor = self._local.executor
        self._setup = setup
        self._grace = STOP_GRACE  # how long a cancelled call may take to end

    async def start(
        self, time_limit: timedelta = INITIALIZE_TIME_LIMIT, grace: timedelta = STOP_GRACE
    ) -> None:
        self._grace = grace
        try:
            await self._open()
            self._served = self._serve()
            await self._initialize(time_limit)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's set-up raises is kept as the reason
            self.failure = failures.from_exception(error)
            _log.debug("what initializing executor %r raised", self._executor.id, exc_info=error)
        else:
            self._is_ready = True

    async def carry_out(self, invocation: Invocation, services: AttemptServices) -> Reply:
        bridged = self._bridged_services(services)
        return await self.call(lambda: self._served.carry_out(invocation, bridged))

    async def call(
        self, make: Callable[[], Coroutine[Any, Any, T]], *, time_limit: timedelta | None = None
    ) -> T:
        """Run a coroutine where the executor runs and return when it has ended, whichever way.

        Args:
            make: Makes the coroutine.
            time_limit: Instead of the executor's `call_timeout`.

        Raises:
            UnavailableError: The executor is not ready, the time is up, or the host was stopped.
            Exception: What the coroutine raised.
        """
        if not self._is_ready:
            reason = f"could not be initialized: {self.failure.message}" if self.failure else "is not running"
            raise errors.UnavailableError(f"executor {self._executor.id!r} {reason}")
        return await self._run(
            make, self._executor.properties.call_timeout if time_limit is None else time_limit
        )

    async def discover_types(self) -> DiscoveredTypes:
        return await self.call(self._executor.discover_types)

    async def stop(self, grace: timedelta = STOP_GRACE) -> None:
        self._grace = grace
        if self._is_ready:
            self._is_ready = False
            await self._end_calls(grace)
            try:
                async with asyncio.timeout(grace.total_seconds()):
                    await self._run(self._served.close, 2 * grace)
            except Exception:  # noqa: BLE001 - nothing that it raises may keep the engine from ending
                _log.exception("executor %r could not be closed", self._executor.id)
        await self._shut(grace)

    async def _initialize(self, time_limit: timedelta) -> None:
        limit = asyncio.timeout((time_limit + self._grace).total_seconds())
        try:
            async with limit:
                await self._run(self._served.initialize, time_limit)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._timed_out(time_limit) from error

    def _serve(self) -> serving.ServedExecutor:
        local = self._local
        return serving.ServedExecutor(local.executor, local.codec, local.decode_spec, self._bridged_setup())

    def _bridged_setup(self) -> SetupContext[Any]:
        return self._setup

    def _bridged_services(self, services: AttemptServices) -> AttemptServices:
        return services

    def _timed_out(self, time_limit: timedelta) -> errors.UnavailableError:
        count_timeout(self._setup.metrics)
        return errors.UnavailableError(
            f"executor {self._executor.id!r} did not answer within {time_limit.total_seconds():g} s and was cancelled"
        )

    @abc.abstractmethod
    async def _open(self) -> None: ...

    @abc.abstractmethod
    async def _run(self, make: Callable[[], Coroutine[Any, Any, T]], time_limit: timedelta) -> T: ...

    @abc.abstractmethod
    async def _end_calls(self, grace: timedelta) -> None: ...

    @abc.abstractmethod
    async def _shut(self, grace: timedelta) -> None: ...


class EngineHost(LocalHost):
    """Runs calls inline; for executors that are trusted never to block."""

    def __init__(self, registration: Registration, setup: SetupContext[Any]) -> None:
        super().__init__(registration, setup)
        self._alarms = alarms.Alarms()

    def watch(self) -> None:
        """A blocked loop of the engine could not look at itself."""

    async def _open(self) -> None:
        """The engine's loop is open."""

    async def _run(self, make: Callable[[], Coroutine[Any, Any, T]], time_limit: timedelta) -> T:
        task = asyncio.current_task()
        limit = alarms.Limit(self._alarms, time_limit.total_seconds())
        try:
            with limit:
                return await crossings.contained(make)
        except TimeoutError as error:
            if not limit.is_reached:
                raise
            raise self._timed_out(time_limit) from error
        except asyncio.CancelledError as error:
            if task is not None and task.cancelling():
                raise
            raise crossings.UnexpectedExitError(
                "it raised CancelledError, and nobody had cancelled it"
            ) from error

    async def _end_calls(self, grace: timedelta) -> None:
        """Calls run in tasks of the engine, which ends them itself."""

    async def _shut(self, grace: timedelta) -> None:
        """The engine's loop goes on."""


class ThreadHost(LocalHost):
    """Runs calls on a loop of their own, so that one which blocks hurts only its own executor."""

    def __init__(self, registration: Registration, setup: SetupContext[Any]) -> None:
        super().__init__(registration, setup)
        self._calls: set[crossings.RemoteCall[Any]] = set()
        self._thread: _LoopThread | None = None
        self._heartbeat = Heartbeat(setup.clock)

    @property
    def blocked_since(self) -> datetime | None:
        """When the heartbeat was sent that the loop owes, if it has owed it for too long."""
        return self._heartbeat.blocked_since

    def watch(self) -> None:
        """Send a heartbeat while calls are under way, and name the call that keeps one from being answered."""
        thread = self._thread
        if thread is None:
            return
        if self._calls and self._heartbeat.begin():
            thread.executor.post(lambda: thread.engine.post(self._heartbeat.end))
        elif self._heartbeat.is_to_be_told():
            _log.warning(
                "executor %r has blocked its loop since %s, at %s: await there, or use asyncio.to_thread",
                self._executor.id,
                self.blocked_since,
                thread.place(),
            )

    def _running(self) -> "_LoopThread":
        if self._thread is None:
            raise errors.UnavailableError(f"executor {self._executor.id!r} is not running")
        return self._thread

    def _bridged_setup(self) -> SetupContext[Any]:
        setup, bridge = self._setup, self._running().bridge
        return msgspec.structs.replace(
            setup,
            blobs=bridge.blobs(setup.blobs),
            pools=bridge.pools(setup.pools),
            cluster=bridge.cluster(setup.cluster),
            control_plane=bridge.control_plane(setup.control_plane),
        )

    def _bridged_services(self, services: AttemptServices) -> AttemptServices:
        return self._running().bridge.services(services)

    async def _open(self) -> None:
        made = _LoopThread(f"elevon-{self._executor.id}")
        self._thread = made  # before anything is awaited: whatever cancels this, `stop` ends the thread
        await made.until_open()

    async def _run(self, make: Callable[[], Coroutine[Any, Any, T]], time_limit: timedelta) -> T:
        thread = self._running()
        call = crossings.RemoteCall(thread.executor, thread.engine, make)
        self._calls.add(call)
        try:
            await asyncio.wait([call.answer], timeout=time_limit.total_seconds())
            if not call.answer.done():
                call.cancel()
                await asyncio.wait([call.answer])
                if call.answer.cancelled():
                    raise self._timed_out(time_limit)
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait([call.answer], timeout=self._grace.total_seconds())
            call.drop_answer()
            raise
        finally:
            self._calls.discard(call)
        return call.answer.result()

    async def _end_calls(self, grace: timedelta) -> None:
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait([call.answer for call in self._calls], timeout=grace.total_seconds())

    async def _shut(self, grace: timedelta) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        for call in self._calls:
            call.abandon(errors.UnavailableError(f"executor {self._executor.id!r} was stopped during a call"))
        if not await thread.stop(grace):
            _log.warning(
                "executor %r blocks its loop at %s and was left behind in its thread, which ends with the process",
                self._executor.id,
                thread.place(),
            )


class _LoopThread:
    """A thread with an event loop, and the crossings both ways. A daemon: a blocked one can't hold the process.

    Attributes:
        engine: Leads to the loop that started it.
        executor: Leads to its own loop.
        bridge: Both.
    """

    def __init__(self, name: str) -> None:
        self.engine = crossings.Crossing(asyncio.get_running_loop())
        self.executor: crossings.Crossing
        self.bridge: bridges.Bridge
        self._opened: asyncio.Future[None] = self.engine.loop.create_future()
        self._ended: asyncio.Future[None] = self.engine.loop.create_future()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    async def until_open(self) -> None:
        """Return when its loop runs.

        Raises:
            UnavailableError: It never will, because the system gives it nothing to make a loop of.
        """
        await asyncio.wait([self._opened, self._ended], return_when=asyncio.FIRST_COMPLETED)
        if not self._opened.done():
            raise errors.UnavailableError(f"the thread {self._thread.name} could not open an event loop")

    async def stop(self, grace: timedelta) -> bool:
        """End it; False if it did not within the time."""
        with contextlib.suppress(errors.UnavailableError):
            await self.until_open()
            self.executor.post(self._stopping.set)
        ended, _ = await asyncio.wait([self._ended], timeout=grace.total_seconds())
        if ended:
            self._thread.join()
        return bool(ended)

    def place(self) -> str:
        """Where its code stands now: function, file and line."""
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the one way to see another thread
        frame = frames.get(self._thread.ident or 0)
        if frame is None:
            return "its end"
        innermost = traceback.extract_stack(frame)[-1]
        return f"{innermost.name} ({innermost.filename}:{innermost.lineno})"

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        finally:
            self.engine.post(lambda: self._ended.set_result(None))

    async def _serve(self) -> None:
        self.executor = crossings.Crossing(asyncio.get_running_loop())
        self.bridge = bridges.Bridge(self.engine, self.executor)
        self.engine.post(lambda: self._opened.set_result(None))
        await self._stopping.wait()


def count_timeout(metrics: Metrics) -> None:
    """Count a call that was out of time."""
    metrics.counter("call_timeouts", "calls that were out of time and cancelled").add()


def host_of(registration: Registration, setup: SetupContext[Any]) -> ExecutorHost:
    """The host in this process that the executor's `isolation` asks for, not started.

    Raises:
        BugError: It asks for a process of its own, which only whoever owns processes can give.
    """
    if registration.isolation == "process":
        raise errors.BugError(
            f"executor {registration.id!r} asks for a process, and nobody here has processes"
        )
    kind = ThreadHost if registration.isolation == "thread" else EngineHost
    return kind(registration, setup)
