"""The one thread that writes the state database, and its group commit.

What is handed in while a commit is under way shares the next one. Whoever waits is answered after the commit, all of
a group by one call into their event loop. A fault of one piece of work must not harm the others of its group; after a
failed commit nothing of the group is there, and the next group is tried as if nothing had happened.
"""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from elevon import errors
from elevon.primitives import failpoints
from elevon.stores import batches, connections, refusals
from elevon.stores.connections import Connection

T = TypeVar("T")
_GROUP_LIMIT: Final = 4096

# What fails for the group as a whole: to try its pieces one by one would only fail as often.
_GROUP_FAULTS: Final = (
    apsw.FullError, apsw.IOError, apsw.BusyError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.CorruptError,
)  # fmt: skip


class _Work(NamedTuple):
    content: batches.Batch | Callable[[Connection], Any]
    future: asyncio.Future[Any]


class _Outcome(NamedTuple):
    result: Any = None
    error: Exception | None = None


class GroupWriter:
    """Carries out work on one connection, in the order in which it is handed in.

    Args:
        connection: Used by this writer alone from now on, and closed by it.
        path: The file, for errors.
        after_group: Called in the writer's thread, after each group was answered.
    """

    def __init__(self, connection: Connection, path: Path, after_group: Callable[[], None]) -> None:
        batches.set_up(connection)
        self._connection = connection
        self._path = path
        self._after_group = after_group
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="elevon-store-writer", daemon=True)
        self._thread.start()

    def submit(self, content: batches.Batch | Callable[[Connection], T]) -> asyncio.Future[T]:
        """Hand in a batch, or a function of `writes`; done when it is durable.

        Cancelling the future does not take the work back.
        """
        if self._is_closed:
            raise refusals.closed(str(self._path))
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(content, future))
        return future

    def close(self) -> None:
        """Carry out what was handed in, then end; blocks until then."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        is_ending = False
        while not is_ending:
            group, is_ending = self._next_group()
            if group:
                outcomes = self._carry_out(group)
                _answer(group, outcomes)
                self._after_group()
        self._connection.close()

    def _next_group(self) -> tuple[list[_Work], bool]:
        group: list[_Work] = []
        work = self._queue.get()
        while work is not None:
            group.append(work)
            if len(group) == _GROUP_LIMIT:
                return group, False
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _carry_out(self, group: Sequence[_Work]) -> list[_Outcome]:
        try:
            return self._transact(group)
        except Exception as error:  # noqa: BLE001 - whoever waits for this work is told
            self._connection.roll_back()
            if len(group) > 1 and not isinstance(error, _GROUP_FAULTS):
                return [self._carry_out([work])[0] for work in group]
            return [_Outcome(error=connections.translated(error, self._path)) for _ in group]

    def _transact(self, group: Sequence[_Work]) -> list[_Outcome]:
        if all(isinstance(work.content, batches.Batch) for work in group):
            # One statement, and so a transaction of its own: `batches` says why that matters.
            failpoints.hit("store.before_commit")
            outcomes = self._write_batches(group)
        else:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = self._write_mixed(group)
            failpoints.hit("store.before_commit")
            self._connection.execute("COMMIT")
        failpoints.hit("store.after_commit")
        return outcomes

    def _write_mixed(self, group: Sequence[_Work]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        for is_batch, works in itertools.groupby(group, lambda work: isinstance(work.content, batches.Batch)):
            run = list(works)
            outcomes.extend(self._write_batches(run) if is_batch else map(self._call, run))
        return outcomes

    def _write_batches(self, run: Sequence[_Work]) -> list[_Outcome]:
        content = [work.content for work in run if isinstance(work.content, batches.Batch)]
        written = batches.write(self._connection, content)
        return [
            _Outcome() if is_valid else _Outcome(error=refusals.fenced(batch.lease))
            for batch, is_valid in zip(content, written, strict=True)
        ]

    def _call(self, work: _Work) -> _Outcome:
        assert not isinstance(work.content, batches.Batch)  # noqa: S101 - groupby saw to it
        try:
            return _Outcome(work.content(self._connection))
        except errors.ElevonError as refusal:  # raised before anything was changed: see writes
            return _Outcome(error=refusal)


def _answer(group: Sequence[_Work], outcomes: Sequence[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = {}
    for work, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(work.future.get_loop(), []).append((work.future, outcome))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # the loop was closed: nobody waits there any more
            continue


def _resolve(answers: Sequence[tuple[asyncio.Future[Any], _Outcome]]) -> None:
    for future, outcome in answers:
        if future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.result)
