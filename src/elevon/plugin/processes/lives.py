"""One host process from its start to its end, as the engine sees it.

It owns the pipe, what the process may ask of the engine, its log file, and the sentence that says why it ended. It must
never start another one: `hosts` does, and knows when.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from elevon import errors, ports
from elevon.plugin.contexts import SetupContext
from elevon.plugin.descriptions import HostSettings
from elevon.plugin.handouts import HandedOutSecrets
from elevon.plugin.heartbeats import Heartbeat
from elevon.plugin.invocations import AttemptServices
from elevon.plugin.processes import protocol, services, surroundings
from elevon.plugin.processes.interfaces import Interface, interface_of
from elevon.plugin.processes.links import Link, Pending
from elevon.plugin.processes.protocol import EngineNotes, Greeting, HostCalls, LogLine
from elevon.primitives import frames, log_contexts
from elevon.primitives.clocks import SystemClock
from elevon.primitives.redaction import Redactor
from elevon.records.identities import AttemptId

LOG_LIMIT_BYTES: Final = 16 << 20
_TAIL_BYTES: Final = 4096
_TAIL_LINES: Final = 10
_OVERLAP_BYTES: Final = 4096  # a secret may have been written in two pieces
_DUMP_LOOKS: Final = 200
_DUMP_POLL_S: Final = 0.01
_GREETING_S: Final = 60.0
_BEAT_S: Final = 1.0
_FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<name>\S+)')
_log = logging.getLogger("elevon.plugin")


class HostEndedError(errors.UnavailableError):
    """A host process has ended, and what was asked of it has no answer."""


class HostLife:
    """One process.

    Attributes:
        link: To it.
        ended: Says why, once it has ended.
        heartbeat: Of its loop.
        in_flight: Attempts of which a call is under way there, with what the engine does for each.
        guilty: The attempt whose call was the reason to end it, where that is known.
    """

    def __init__(
        self,
        host: HostSettings,
        owner: ports.ProcessOwner,
        clock: ports.Clock,
        log_path: Path,
        on_end: Callable[["HostLife"], None],
    ) -> None:
        """Start it.

        Args:
            host: Which it is.
            owner: Starts it.
            clock: Of the engine.
            log_path: Where its output goes.
            on_end: Called when it has ended, before anybody else hears of it.

        Raises:
            UnavailableError: The system can start no process, or its log can't be written.
        """
        self._host = host
        self._log_path = log_path
        self._on_end = on_end
        self._shared: dict[str, Mapping[str, services.Service]] = {}
        self._redactor = Redactor()
        self._masked_to = 0
        self._known: weakref.WeakValueDictionary[AttemptId, AttemptServices] = weakref.WeakValueDictionary()
        self._verdict = ""
        self.in_flight: dict[str, tuple[AttemptId, AttemptServices]] = {}
        self.guilty: AttemptId | None = None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.heartbeat = Heartbeat(clock)
        self._asked = interface_of(HostCalls)
        try:
            with contextlib.ExitStack() as stack:
                self._start(owner, stack)
        except OSError as error:
            raise errors.UnavailableError(f"{host} can't be started: {error}") from error
        self.link = Link(self._pipes.send, self._find)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be asked of it any more."""
        return self.ended.done() or bool(self._verdict)

    @property
    def blocked_since(self) -> datetime | None:
        """Since when its loop has not answered; None while it does."""
        return self.heartbeat.blocked_since

    def begin(self, method: str, *arguments: Any) -> Pending:
        """Ask it something of `HostCalls`."""
        return self.link.begin("host", "", self._asked[method], arguments)

    async def greet(self) -> None:
        """Say what comes before all else.

        Raises:
            HostEndedError: It ended, or had to be ended, before it could answer.
        """
        level = min(logging.getLogger().getEffectiveLevel(), logging.getLogger("elevon").getEffectiveLevel())
        greeting = Greeting(import_path=surroundings.import_path(self._host), log_level=level)
        answer = self.begin("greet", greeting).answer
        if not await is_done_within(answer, _GREETING_S):
            self.kill(
                f"{self._host} was not there within {_GREETING_S:g} s and was ended: see what hangs at its start"
            )
        await answer

    def share(self, executor_id: str, setup: SetupContext[Any]) -> None:
        """Let it ask for what an executor may use."""
        secrets = HandedOutSecrets(setup.secrets, self._redactor)
        setup = msgspec.structs.replace(setup, secrets=secrets)
        self._shared[executor_id] = services.shared(setup, self.wake)

    def begin_call(self, attempt: AttemptId, given: AttemptServices) -> str:
        """Let it ask for what the engine does for an attempt, during a call; returns the key of the call."""
        key = str(attempt)
        self.in_flight[key] = (attempt, given)
        self._known[attempt] = given
        return key

    def end_call(self, key: str) -> None:
        """The call is over."""
        self.in_flight.pop(key, None)

    def wake(self, attempt: AttemptId) -> None:
        """See `EngineNotes.wake`; nothing happens if the attempt is over."""
        known = self._known.get(attempt)
        if known is not None:
            known.wake()

    def log(self, line: LogLine) -> None:
        """See `EngineNotes.log`."""
        logger = logging.getLogger(line.logger)
        if not logger.isEnabledFor(line.level):
            return
        with contextlib.ExitStack() as stack:
            if line.context is not None:
                stack.enter_context(log_contexts.Entered(line.context))
            logger.log(line.level, "%s (in %s)", line.text, self._host)

    def beat(self) -> None:
        """Send a heartbeat, unless one is under way."""
        if not self.is_over and self.heartbeat.begin():
            self.begin("beat").answer.add_done_callback(self._receive_beat)

    async def is_answering(self) -> bool:
        """Whether its loop goes round."""
        answer = self.begin("beat").answer
        answer.add_done_callback(_drop)
        return await is_done_within(answer, _BEAT_S) and not self.is_over

    def kill(self, reason: str) -> None:
        """End it at once; the reason is the sentence that its calls end with."""
        if not self.is_over:
            self._verdict = reason
            self._process.kill()

    async def kill_where_it_stands(self, reason: str) -> None:
        """End it, and say where its code stood."""
        if not self.is_over:
            place = await self._place()
            self.kill(f"{reason}, at {place}" if place else reason)

    async def stop(self) -> None:
        """End it, and return when nothing of it is left; its calls have ended before."""
        self._verdict = self._verdict or f"{self._host} was stopped"
        if not self.ended.done():
            self._process.kill()
        await self._process.wait_gone(
            SystemClock()
        )  # a process ends in real time, whichever clock the engine has

    def resident_bytes(self) -> int:
        """Its memory."""
        return self._process.leader_resident_bytes()

    def tend_log(self) -> None:
        """Hold its log to its limit, where what is too much is dropped, and mask the secrets that it was given."""
        self._mask_log()
        with contextlib.suppress(OSError):
            if self._log_path.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(self._log_path, 0)
                self._log_start = self._masked_to = 0

    def _mask_log(self) -> None:
        """Mask what was written since the last time, in place, because the process goes on writing."""
        if not self._redactor.is_armed:
            return
        with contextlib.suppress(OSError), self._log_path.open("r+b") as file:
            start = max(self._log_start, self._masked_to - _OVERLAP_BYTES)
            file.seek(start)
            content = file.read()
            masked = self._redactor.blotted(content)
            if masked != content:
                file.seek(start)
                file.write(masked)
            self._masked_to = start + len(content)

    def _start(self, owner: ports.ProcessOwner, stack: contextlib.ExitStack) -> None:
        """Start the process; the stack closes what only the process needs."""

        def closed_later(*descriptors: int) -> tuple[int, ...]:
            for descriptor in descriptors:
                stack.callback(os.close, descriptor)
            return descriptors

        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        output, stdin = closed_later(
            os.open(self._log_path, flags, 0o600), os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        )
        self._log_start = os.fstat(output).st_size
        with contextlib.ExitStack() as ours:
            host_read_fd, write_fd = os.pipe()
            closed_later(host_read_fd)
            ours.callback(os.close, write_fd)
            read_fd, host_write_fd = os.pipe()
            closed_later(host_write_fd)
            ours.callback(os.close, read_fd)
            python = surroundings.python_of(self._host)
            program = ("-P", "-m", "elevon.plugin.processes.child")
            command = ports.ProcessCommand(
                args=(python, *program, str(protocol.VERSION), str(host_read_fd), str(host_write_fd)),
                environment=surroundings.environment(self._host),
                streams=(stdin, output, output),
                passed_fds=(host_read_fd, host_write_fd),
                holds_lock=True,
            )
            self._process = owner.spawn(command, self._bury)
            ours.pop_all()
        loop = asyncio.get_running_loop()
        self._pipes = frames.LoopFrames(loop, read_fd, write_fd, self._take, self._break)

    def _find(self, service: str, key: str) -> tuple[Any, Interface]:
        if service == services.ENGINE:
            return self, interface_of(EngineNotes)
        if service == services.ATTEMPT:
            if key not in self.in_flight:
                raise errors.BugError(
                    f"no call for {key} is under way: keep nothing of a context beyond the call"
                )
            return self.in_flight[key][1], interface_of(AttemptServices)
        found = self._shared.get(key, {}).get(service)
        if found is None:
            raise errors.BugError(f"executor {key!r} is not given {service!r}")
        return found

    def _take(self, payloads: list[bytes]) -> None:
        try:
            self.link.take(payloads)
        except msgspec.MsgspecError as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        self.kill(
            f"{self._host} was ended because something in it wrote to descriptors that are not its own ({error})"
        )

    def _receive_beat(self, answer: asyncio.Future[None]) -> None:
        self.heartbeat.end()
        _drop(answer)

    def _bury(self, process: ports.OwnedProcess) -> None:
        self._pipes.drain()
        self._pipes.close()
        self._mask_log()
        self._verdict = self._verdict or f"{self._host} {process.ending}{self._last_words()}"
        self.heartbeat.end()
        self._on_end(self)
        self.link.fail(HostEndedError(self._verdict))
        self.ended.set_result(self._verdict)

    def _last_words(self) -> str:
        """What it said last on stderr, and where all of it is."""
        lines = self._written(self._log_start).rstrip().splitlines()[-_TAIL_LINES:]
        return f": {lines[-1].strip()}; see {self._log_path}" if lines else ""

    def _written(self, start: int) -> str:
        """The end of what was written to its log from some place on."""
        try:
            with self._log_path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(start, end - _TAIL_BYTES))
                return file.read(_TAIL_BYTES).decode(errors="replace")
        except OSError:
            return ""

    async def _place(self) -> str:
        """Where the code of its main thread stands, which it writes to its log even if it can do nothing else."""
        start = self._log_path.stat().st_size
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGUSR1)
        for _ in range(_DUMP_LOOKS):
            if await is_done_within(self.ended, _DUMP_POLL_S):
                break
            match = _FRAME.search(self._written(start))
            if match is not None:
                return f"{match['name']} ({match['file']}:{match['line']})"
        return ""


async def is_done_within(answer: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for something no longer than that; it goes on either way."""
    done, _ = await asyncio.wait([answer], timeout=seconds)
    return bool(done)


def _drop(answer: asyncio.Future[None]) -> None:
    """Nobody reads the answer."""
    if not answer.cancelled():
        answer.exception()
