"""Time limits of which hardly one is ever reached, at a fraction of what a timer of the loop costs.

Limits of one length end in the order in which they began. So one timer for each length is enough, set for the oldest;
it is left alone while limits come and go, and looks for the next one when it fires. It must never know what is limited.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from elevon import errors


class Alarm:
    """One alarm that was set, and its place in the line of those of its length."""

    __slots__ = ("_is_cancelled", "_line", "_ring", "at")

    def __init__(self, line: "_Line", at: float, ring: Callable[[], object]) -> None:
        self._line = line
        self._ring = ring
        self._is_cancelled = False
        self.at = at

    def cancel(self) -> None:
        """Let it not ring; fine if it has."""
        self._is_cancelled = True
        self._line.pop(self, None)

    def ring(self) -> None:
        """Call back, unless it was cancelled in the last moment."""
        if not self._is_cancelled:
            self._ring()


# Those that have not rung, the oldest first. Not a plain dict, where finding the first key walks over all that were
# deleted before it.
_Line = OrderedDict[Alarm, None]


class Alarms:
    """Calls back after a time, unless that is cancelled; for a few different lengths, all in one loop."""

    def __init__(self) -> None:
        self._lines: dict[float, _Line] = {}  # each with a timer that is set

    def set(self, after_s: float, ring: Callable[[], object]) -> Alarm:
        """Have something called after so many seconds."""
        loop = asyncio.get_running_loop()
        line = self._lines.get(after_s)
        is_first = line is None
        if line is None:
            line = self._lines[after_s] = _Line()
        alarm = Alarm(line, loop.time() + after_s, ring)
        line[alarm] = None
        if is_first:
            loop.call_at(alarm.at, self._fire, loop, after_s)
        return alarm

    def _fire(self, loop: asyncio.AbstractEventLoop, after_s: float) -> None:
        line, now = self._lines[after_s], loop.time()
        while line:
            oldest = next(iter(line))
            if oldest.at > now:
                loop.call_at(oldest.at, self._fire, loop, after_s)
                return
            del line[oldest]
            loop.call_soon(
                oldest.ring
            )  # what it raises is the loop's to tell, and keeps no other from ringing
        del self._lines[after_s]


class Limit:
    """`asyncio.timeout` on an alarm: cancels the task that enters it after a time, and raises `TimeoutError` for that.

    Args:
        alarms: Of the task's loop.
        after_s: In seconds.

    Attributes:
        is_reached: Whether the time was up.
    """

    __slots__ = ("_after_s", "_alarm", "_alarms", "_cancelling_count", "_task", "is_reached")

    def __init__(self, alarms: Alarms, after_s: float) -> None:
        self._alarms = alarms
        self._after_s = after_s
        self.is_reached = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise errors.BugError("only a task can have a limit: what is called back has no end to wait for")
        self._task: asyncio.Task[Any] = task
        self._cancelling_count = task.cancelling()
        self._alarm = self._alarms.set(self._after_s, self._reach)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        if not self.is_reached:
            return
        # Whoever else has cancelled the task meanwhile is not to be told of a time-out.
        is_last = self._task.uncancel() <= self._cancelling_count
        if is_last and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _reach(self) -> None:
        self.is_reached = True
        self._task.cancel()
