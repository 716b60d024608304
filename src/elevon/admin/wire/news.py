"""Who waits for news of an execution, so that an answer can be held back until there is some.

An engine in this process tells of every batch that it has committed, and which of them ended an execution. Of what
other engines drive nobody tells: a wait is over after a while anyway, and whoever waited looks.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterable, Sequence

from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId


class Waiting:
    """One who waits for news of an execution.

    Attributes:
        news: Set by every news, until whoever waits clears it.
        end: Set by the last news, and when nobody should wait any more.
    """

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.end = asyncio.Event()


class News:
    """Wakes those who wait; on one loop."""

    def __init__(self) -> None:
        self._waiting: dict[ExecutionId, set[Waiting]] = {}
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nobody should wait any more."""
        return self._is_closed

    def notice(self, execution: ExecutionId, changes: Sequence[Change]) -> None:
        """Something of an execution has become durable."""
        waiting = self._waiting.get(execution)
        if waiting:
            is_end = any(isinstance(one, ExecutionRecord) and one.phase.is_terminal for one in changes)
            _wake(waiting, is_end=is_end)

    def close(self) -> None:
        """Wake everybody, and let nobody wait from now on."""
        self._is_closed = True
        for waiting in self._waiting.values():
            _wake(waiting, is_end=True)

    @contextlib.contextmanager
    def of(self, execution: ExecutionId) -> Generator[Waiting]:
        """What is set by the news of an execution from now on."""
        waiting = Waiting()
        self._waiting.setdefault(execution, set()).add(waiting)
        try:
            yield waiting
        finally:
            others = self._waiting[execution]
            others.discard(waiting)
            if not others:
                del self._waiting[execution]


def _wake(waiting: Iterable[Waiting], *, is_end: bool) -> None:
    for one in waiting:
        one.news.set()
        if is_end:
            one.end.set()
