"""Who waits for news of an execution, so that an answer can be held back until there is some.

An engine in this process tells of every batch that it has committed. Of what other engines drive nobody tells: a wait
is over after a while anyway, and whoever waited looks.
"""

import asyncio
import contextlib
from collections.abc import Generator, Sequence

from elevon.records.changes import Change
from elevon.records.identities import ExecutionId


class News:
    """Wakes those who wait; on one loop."""

    def __init__(self) -> None:
        self._waiting: dict[ExecutionId, set[asyncio.Event]] = {}
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nobody should wait any more."""
        return self._is_closed

    def notice(self, execution: ExecutionId, _changes: Sequence[Change]) -> None:
        """Something of an execution has become durable."""
        for event in self._waiting.get(execution, ()):
            event.set()

    def close(self) -> None:
        """Wake everybody, and let nobody wait from now on."""
        self._is_closed = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    @contextlib.contextmanager
    def of(self, execution: ExecutionId) -> Generator[asyncio.Event]:
        """An event that is set by every news of an execution from now on."""
        event = asyncio.Event()
        self._waiting.setdefault(execution, set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[execution]
            events.discard(event)
            if not events:
                del self._waiting[execution]
