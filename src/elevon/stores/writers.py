"""The one thread that writes the state database, and its group commit.

What is handed in while a commit is under way shares the next one. Whoever waits is answered after the commit, all of
a group by one call into their event loop. A fault of one piece of work must not harm the others of its group, except
what was built on it; after a failed commit nothing of the group is there, and the next group is tried as if nothing had
happened.
"""

import asyncio
import itertools
import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from elevon import errors
from elevon.primitives import failpoints
from elevon.records.identities import ExecutionId
from elevon.stores import batches, connections, refusals
from elevon.stores.connections import Connection

T = TypeVar("T")
_GROUP_LIMIT: Final = 4096


class _Outcome(NamedTuple):
    result: Any = None
    error: Exception | None = None


# What fails for the group as a whole: to try its pieces one by one would only fail as often.
_GROUP_FAULTS: Final = (
    apsw.FullError, apsw.IOError, apsw.BusyError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.CorruptError,
)  # fmt: skip


class _Work:
    """One piece of work.

    Attributes:
        content: A batch, or a function of `writes`.
        future: Of whoever waits for it.
        follows: The batch of the same lease that was under way when this one was handed in.
        outcome: Known once it was carried out.
    """

    __slots__ = ("__weakref__", "content", "follows", "future", "outcome")

    def __init__(
        self,
        content: batches.Batch | Callable[[Connection], Any],
        future: asyncio.Future[Any],
        follows: "_Work | None" = None,
    ) -> None:
        self.content = content
        self.future = future
        self.follows = follows
        self.outcome: _Outcome | None = None

    @property
    def lost_ground(self) -> Exception | None:
        """Why the batch that this one builds on failed, if it did."""
        before = None if self.follows is None else self.follows.outcome
        return None if before is None else before.error


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
        self._latest: weakref.WeakValueDictionary[ExecutionId, _Work] = weakref.WeakValueDictionary()
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
        work = _Work(content, future, self._predecessor(content))
        if isinstance(content, batches.Batch):
            self._latest[content.lease.execution] = work
        self._queue.put(work)
        return future

    def _predecessor(self, content: batches.Batch | Callable[[Connection], Any]) -> _Work | None:
        """The batch under way that this one builds on; what is over has been answered, and needs no link."""
        if not isinstance(content, batches.Batch):
            return None
        before = self._latest.get(content.lease.execution)
        if before is None or before.outcome is not None or not isinstance(before.content, batches.Batch):
            return None
        return before if before.content.lease.fencing == content.lease.fencing else None

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
        """Do the work of a group, and note what became of each."""
        losses = [work.lost_ground for work in group]
        standing = [work for work, loss in zip(group, losses, strict=True) if loss is None]
        carried_out = iter(self._carry_out_standing(standing) if standing else ())
        outcomes = [next(carried_out) if loss is None else _Outcome(error=loss) for loss in losses]
        for work, outcome in zip(group, outcomes, strict=True):
            work.outcome = outcome
            work.follows = None
        return outcomes

    def _carry_out_standing(self, group: Sequence[_Work]) -> list[_Outcome]:
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
