"""How a query is ended so that nothing of it is left.

Hive's server ends a query by one cancel, whatever it does for it at that moment. Spark's (seen in 4.3) interrupts the
thread that runs the statement, cancels the jobs that it has now, and says that it is cancelled. That thread may be
planning, which no interrupt stops; when it has planned, it has threads of Spark's own prepare the first jobs, and only
then finds itself interrupted. Such a job begins after the cancel, and runs to its end. A second cancel of the same
operation does nothing; but to close it cancels its jobs once more, and that is the last time that anybody can.

So it has to come after the last job has begun. The log of the operation tells when its thread has gone; what others
prepare on its account by then takes a time that goes with the time in which it was planned.
"""

from datetime import datetime
from typing import Final

import msgspec

from elevon import ports
from elevon.plugin.transports import TransportError
from elevon.tasktypes.hive.backends.hiveserver2.clients import Connections
from elevon.tasktypes.hive.backends.hiveserver2.connections import ServerKind
from elevon.tasktypes.hive.backends.hiveserver2.handles import Handle, QueryHandle

_OF_ITSELF: Final = ("FINISHED_STATE", "ERROR_STATE")  # then nothing was stopped in the middle
_UNDER_WAY: Final = ("INITIALIZED_STATE", "PENDING_STATE", "RUNNING_STATE")
_FIRST_LOOK_S: Final = 0.05
_LONGEST_LOOK_S: Final = 1.0
_SHARE: Final = 0.8  # of the time of a call: the rest is for the last answer

# What Spark logs of an operation {0}, in its thread. Nobody can have written its name into the query.
_SUBMITTED: Final = "with {0}"
_RUN: Final = "Running query with {0}"
_GONE: Final = (
    "Ignore exception in terminal state with {0}",
    "{0} in terminal state before it started running",
)
_EXECUTED: Final = "Asked to cleanup jobs for query execution"

# A join of eight tables and a union of forty were prepared in up to 1.7 times the time in which they were planned.
_PREPARATION: Final = 4.0
_SHORTEST_S: Final = 2.0
_LONGEST_S: Final = 60.0
_LONGEST_OF_WAITING_S: Final = (
    10.0  # where the thread waited for jobs: most of the time since its begin it did not plan
)
_UNNOTICED_S: Final = (
    5.0  # a thread that has executed and logs no interrupt by then has noticed none, and gone
)
_PATIENCE_S: Final = 120.0  # with one of which nothing is logged


class _Ending(msgspec.Struct):
    """How far a query has been ended by this engine; another one begins anew, which does no harm.

    Attributes:
        cancelled_at: When, on the clock that only goes forward.
        close_at: When to close the operation; None as long as its thread is there.
    """

    cancelled_at: float
    close_at: float | None = None


class Endings:
    """Ends queries of one server.

    Args:
        calls: To the server.
        clock: The time.
        call_s: Time of each call of `end`, in seconds; what takes longer is gone on with by the next.
    """

    def __init__(self, calls: Connections, clock: ports.Clock, call_s: float) -> None:
        self._calls = calls
        self._clock = clock
        self._call_s = call_s
        self._endings: dict[str, _Ending] = {}

    async def end(self, query: QueryHandle, kind: ServerKind) -> None:
        """Have a query ended; when this returns, nothing of it runs, or will.

        Raises:
            TransportError: It may still run: call this again.
        """
        until = self._clock.monotonic() + self._call_s * _SHARE
        operation = Handle.from_text(query.operation)
        ending = self._endings.setdefault(query.operation, _Ending(self._clock.monotonic()))
        try:
            await self._calls.call(lambda connection: connection.cancel(operation))
            state = await self._left(operation, until)
            if kind is ServerKind.SPARK and state not in _OF_ITSELF:
                if ending.close_at is None:
                    ending.close_at = await self._thread_gone(operation, ending, query.begun_at, until)
                await self._pause(ending.close_at, until, "prepare its first jobs")
                await self._calls.call(lambda connection: connection.close_operation(operation))
        except TransportError as error:
            if not error.is_missing:
                raise
        self._endings.pop(query.operation, None)

    async def _left(self, operation: Handle, until: float) -> str:
        """The state in which the cancel has left it."""
        pause_s = _FIRST_LOOK_S
        while True:
            state = (await self._calls.call(lambda connection: connection.state(operation))).name
            if state not in _UNDER_WAY:
                return state
            pause_s = await self._paused(pause_s, until, "run it")

    async def _thread_gone(
        self, operation: Handle, ending: _Ending, begun_at: datetime, until: float
    ) -> float:
        """Wait until the thread of the statement has gone; when nobody prepares jobs for it any more."""
        pause_s = _FIRST_LOOK_S
        while True:
            log = await self._log(operation)
            now = self._clock.monotonic()
            waited_s = now - ending.cancelled_at
            if log is None or waited_s > _PATIENCE_S or _is_gone(log, operation.name):
                break
            if _EXECUTED in log and waited_s > _UNNOTICED_S:
                return now + _SHORTEST_S
            pause_s = await self._paused(pause_s, until, "plan it")
        age_s = (self._clock.now() - begun_at).total_seconds()
        has_waited = log is not None and waited_s < _SHORTEST_S / 2
        longest_s = _LONGEST_OF_WAITING_S if has_waited else _LONGEST_S
        return now + min(max(_PREPARATION * age_s, _SHORTEST_S), longest_s)

    async def _log(self, operation: Handle) -> str | None:
        """What is logged of it; None if the server keeps no logs."""
        try:
            return await self._calls.call(lambda connection: connection.log(operation))
        except TransportError as error:
            if error.status is None or error.is_missing:
                raise
            return None

    async def _paused(self, pause_s: float, until: float, what: str) -> float:
        """Wait before another look; the pause after that."""
        await self._pause(self._clock.monotonic() + pause_s, until, what)
        return min(2 * pause_s, _LONGEST_LOOK_S)

    async def _pause(self, at: float, until: float, what: str) -> None:
        """Wait until an instant.

        Raises:
            TransportError: It is too far away for this call.
        """
        now = self._clock.monotonic()
        if at > until:
            await self._clock.sleep(max(until - now, 0.0))
            raise TransportError(
                f"the server has cancelled the query, but may still {what}: it is ended again"
            )
        await self._clock.sleep(max(at - now, 0.0))


def _is_gone(log: str, name: str) -> bool:
    """Whether the thread of a cancelled statement has found itself interrupted, or will never come."""
    if any(words.format(name) in log for words in _GONE):
        return True
    return _SUBMITTED.format(name) in log and _RUN.format(name) not in log
