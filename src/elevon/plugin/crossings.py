"""From one event loop to another, a batch at a time.

Waking a loop from another thread costs a system call, so all that is posted before the loop gets round to it
shares one wake-up. This module owns that, and calls with results and cancellation on top of it. It must never know
executors.
"""

import asyncio
import collections
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from elevon import errors

T = TypeVar("T")


class Crossing:
    """Carries calls to one loop, in order, from any thread.

    Attributes:
        wakeup_count: How often the loop was woken; not more than there were posts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.wakeup_count = 0
        self._posted: collections.deque[Callable[[], object]] = collections.deque()
        self._is_woken = False

    def post(self, callback: Callable[[], object]) -> None:
        """Have it called on the loop; nothing happens if the loop is closed.

        The order of the steps is what makes it safe without a lock: the callback is in the queue before the flag is
        read, and the flag is lowered before the queue is emptied.
        """
        self._posted.append(callback)
        if not self._is_woken:
            self._is_woken = True
            self.wakeup_count += 1
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                if not self.loop.is_closed():
                    raise

    def _deliver(self) -> None:
        self._is_woken = False
        while self._posted:
            self._posted.popleft()()


class RemoteCall(Generic[T]):
    """One coroutine that runs on another loop, as seen from the loop that asked for it.

    Everything named `_begin`, `_task` and `_report` belongs to the other loop; the rest to the asking one.
    """

    def __init__(self, there: Crossing, back: Crossing, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._there = there
        self._back = back
        self._make = make
        self._task: asyncio.Task[T] | None = None
        self._is_cancelled = False
        self.answer: asyncio.Future[T] = back.loop.create_future()
        there.post(self._begin)

    def cancel(self) -> None:
        """Ask the coroutine to end; `answer` tells when it has."""
        self._there.post(self._cancel)

    def abandon(self, error: BaseException) -> None:
        """Answer with an error now, whatever becomes of the coroutine."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def drop_answer(self) -> None:
        """Nobody will read the answer: asyncio need not complain about it."""
        if self.answer.done() and not self.answer.cancelled():
            self.answer.exception()

    def _begin(self) -> None:
        if self._is_cancelled:
            self._back.post(self._answer_cancelled)
            return
        self._task = self._there.loop.create_task(contained(self._make))
        self._task.add_done_callback(self._report)

    def _cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()

    def _report(self, task: asyncio.Task[T]) -> None:
        self._back.post(lambda: self._settle(task))

    def _settle(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._answer_cancelled()
        elif (error := task.exception()) is not None:
            self.abandon(error)
        elif not self.answer.done():
            self.answer.set_result(task.result())

    def _answer_cancelled(self) -> None:
        if self._is_cancelled:
            self.answer.cancel()
        else:
            self.abandon(UnexpectedExitError("it raised CancelledError, and nobody had cancelled it"))


class UnexpectedExitError(errors.ElevonError):
    """What runs in a loop raised what would end the engine, or posed as cancelled."""


async def contained(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine such that nothing which it raises can end the loop.

    Raises:
        UnexpectedExitError: It raised what is no `Exception`, and so would pass everybody who contains a failure:
            `SystemExit`, or the panic of an extension module. A cancellation is none.
    """
    try:
        return await make()
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise UnexpectedExitError(
            f"it raised {type(error).__name__}({error}), which would end the engine"
        ) from error


async def cross(there: Crossing, back: Crossing, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on the loop `there` and wait for it on this one.

    A cancellation is passed on, and waits until the coroutine has ended; a second one waits no longer.
    """
    call = RemoteCall(there, back, make)
    try:
        await asyncio.wait([call.answer])
    except asyncio.CancelledError:
        call.cancel()
        await asyncio.wait([call.answer])
        call.drop_answer()
        raise
    return call.answer.result()
