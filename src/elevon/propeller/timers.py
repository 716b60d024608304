"""The timers of one execution: at most one of a kind for each attempt, all gone with the attempt."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from elevon.propeller.machine.commands import SetTimer
from elevon.propeller.machine.events import Event, TimerFired, TimerKind


class Timers:
    """Turns `SetTimer` into `TimerFired`.

    Args:
        post: Takes the events.
    """

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._handles: dict[tuple[str, int], dict[TimerKind, asyncio.TimerHandle]] = {}

    def set(self, timer: SetTimer, now: datetime) -> None:
        """Set it; an earlier one of the same kind for the same attempt is cancelled.

        Args:
            timer: What to set.
            now: The machine's time, which never goes back, even where the clock was set back.
        """
        handles = self._handles.setdefault((timer.node_id, timer.attempt), {})
        previous = handles.get(timer.timer)
        if previous is not None:
            previous.cancel()
        wait = (timer.at - now).total_seconds()
        fired = TimerFired(timer.node_id, timer.attempt, timer.timer, timer.at)
        handles[timer.timer] = asyncio.get_running_loop().call_later(max(0.0, wait), self._post, fired)

    def cancel(self, node_id: str, attempt: int) -> None:
        """Cancel all timers of an attempt."""
        for handle in self._handles.pop((node_id, attempt), {}).values():
            handle.cancel()

    def close(self) -> None:
        """Cancel all timers."""
        for node_id, attempt in list(self._handles):
            self.cancel(node_id, attempt)
