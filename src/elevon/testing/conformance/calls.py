"""The calls of an executor as the kit watches them: what it was told, what it answered, and what it did wrong.

It wraps the methods of one executor and the context of each call, and owns what can be judged of a call alone: phases,
pairs, states that are mutated, time that is not given back. It must never change what a call gets or gives.
"""

import asyncio
import contextvars
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec

from elevon import errors
from elevon.plugin.executors import Executor
from elevon.plugin.statuses import TaskStatus
from elevon.records.attempts import AttemptRecord
from elevon.records.phases import AttemptPhase
from elevon.testing.conformance.faults import DONE, Action
from elevon.testing.conformance.promises import Promise
from elevon.testing.conformance.stories import Story, What

T = TypeVar("T")
BLOCKED_AFTER_S: Final = 0.2
"""A call that keeps its loop for so long, of real time, would be noticed by others there."""
CALL_LIMIT: Final = 100
CALL_WINDOW_S: Final = 5.0
"""So many calls within so much simulated time are a busy loop."""
WAKE_AFTER_S: Final = 1.0
METHODS: Final = ("start_task", "check_task_status", "kill_task", "finalize_task", "resolve_outputs")
_RAISES_BREAK: Final = {
    "start_task": Promise.ERRORS,
    "check_task_status": Promise.ERRORS,
    "kill_task": Promise.KILL,
    "finalize_task": Promise.FINALIZE,
    "resolve_outputs": Promise.OUTPUTS,
}
_DELIBERATE: Final = (
    errors.UserError,
    errors.RetryableError,
    errors.UnavailableError,
    errors.ConflictError,
    errors.MayHaveHappenedError,
    errors.CorruptStateError,
)
_RANK: Final = {
    AttemptPhase.WAITING_FOR_RESOURCES: 0,
    AttemptPhase.QUEUED: 1,
    AttemptPhase.INITIALIZING: 2,
    AttemptPhase.RUNNING: 3,
}


class Call(msgspec.Struct, kw_only=True):
    """One call that is under way.

    Attributes:
        method: What was called.
        attempt: Index of the attempt.
        name: The attempt's generated name.
        is_disturbed: Whether the kit let something go wrong that the call may have noticed.
        is_in_once: Whether `once` is at work.
        has_shrugged: Whether `once` has refused to go on: it may have happened.
        has_lost_item: Whether a cache has lost an item that the call asked for.
    """

    method: str
    attempt: int
    name: str
    is_disturbed: bool = False
    is_in_once: bool = False
    has_shrugged: bool = False
    has_lost_item: bool = False


CURRENT: contextvars.ContextVar[Call | None] = contextvars.ContextVar("elevon_checked_call", default=None)
"""The call that the running code belongs to."""


class Surroundings(Protocol):
    """What a watch needs of the simulated process that the executor runs in."""

    @property
    def story(self) -> Story:
        """Of the run."""
        ...

    def tell(self, what: What, text: str, *, attempt: int | None = None, name: str = "") -> int:
        """Add an entry to the story; returns its index."""
        ...

    async def reach(self, moment: str) -> Action | None:
        """Say that a moment has come; what goes wrong there, as far as the process did not see to it."""
        ...

    def committed(self, attempt: int) -> AttemptRecord | None:
        """The attempt as it was last committed; None for an engine that may have missed commits."""
        ...

    def monotonic(self) -> float:
        """Simulated seconds."""
        ...


class Record(msgspec.Struct):
    """What is remembered of one attempt, over all engines of a run.

    Attributes:
        window_s: Since when calls are counted.
        count: How many came since.
        has_shrugged: Whether `once` ever refused to go on.
        tokens: Pool and name of what it holds of resource pools.
    """

    window_s: float = 0.0
    count: int = 0
    has_shrugged: bool = False
    tokens: set[tuple[str, str]] = msgspec.field(default_factory=set[tuple[str, str]])


class Watch:
    """Watches one executor.

    Args:
        around: The simulated process.
        records: Of the run's attempts, by index.
    """

    def __init__(self, around: Surroundings, records: dict[int, Record]) -> None:
        self._around = around
        self._records = records

    def wrap(self, executor: Executor[Any, Any]) -> None:
        """Put the watch between the executor and whoever calls it; a second watch takes the place of the first."""
        for method in METHODS:
            original = getattr(type(executor), method).__get__(executor)
            setattr(executor, method, self._watched(method, original))

    def _watched(
        self, method: str, original: Callable[..., Coroutine[Any, Any, Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def watched(ctx: Any, *args: Any) -> Any:
            if isinstance(ctx, WatchedContext):  # it calls itself, in the call under way
                return await original(ctx, *args)
            return await self._carry_out(method, original, ctx, args)

        return watched

    async def _carry_out(
        self, method: str, original: Callable[..., Coroutine[Any, Any, Any]], ctx: Any, args: tuple[Any, ...]
    ) -> Any:
        around = self._around
        call = Call(method=method, attempt=ctx.attempt, name=ctx.task_execution_id.generated_name)
        self._tell(call, What.CALLED, f"{method} called{_circumstances(method, ctx)}")
        self._count(call)
        await around.reach(method)
        watched = WatchedContext(ctx, call)
        token = CURRENT.set(call)
        try:
            answer = await _timed(original(watched, *args), lambda took_s: self._blocked(call, took_s))
        except Exception as error:
            self._raised(call, error)
            raise
        finally:
            CURRENT.reset(token)
        self._returned(call, answer, watched)
        action = await around.reach(f"{method}{DONE}")
        if action is Action.DROP:
            call.is_disturbed = True
            raise ConnectionError(f"what {method} returned was lost, as the plan wants it")
        if action is Action.WAKE:
            around.tell(What.FAULT, f"somebody wakes the attempt in {WAKE_AFTER_S:g} s", attempt=call.attempt)
            asyncio.get_running_loop().call_later(WAKE_AFTER_S, ctx.wake)
        return answer

    def _record(self, call: Call) -> Record:
        return self._records.setdefault(call.attempt, Record())

    def _tell(self, call: Call, what: What, text: str) -> int:
        return self._around.tell(what, text, attempt=call.attempt, name=call.method)

    def _count(self, call: Call) -> None:
        record, now = self._record(call), self._around.monotonic()
        if now - record.window_s > CALL_WINDOW_S:
            record.window_s, record.count = now, 0
        record.count += 1
        if record.count == CALL_LIMIT:
            self._around.story.complain(
                Promise.WAKING,
                f"{call.method} was the {CALL_LIMIT}th call within {CALL_WINDOW_S:g} s: return a check_after that is "
                "worth waiting for, and call ctx.wake only when there is news",
            )

    def _blocked(self, call: Call, took_s: float) -> None:
        self._around.story.complain(
            Promise.BLOCKING,
            f"{call.method} kept its event loop from everything else for more than {BLOCKED_AFTER_S:g} s: await "
            "there, or use asyncio.to_thread",
        )

    def _raised(self, call: Call, error: Exception) -> None:
        self._tell(call, What.RAISED, f"{call.method} raised {type(error).__name__}: {error}")
        if isinstance(error, errors.MayHaveHappenedError):
            return
        if call.has_lost_item and not isinstance(error, _DELIBERATE):
            self._around.story.complain(
                Promise.CACHES,
                f"{call.method} raised {type(error).__name__}({error}) because a cache had evicted an item: bring it "
                "back from the state by get_or_create",
            )
        elif not call.is_disturbed and not isinstance(error, _DELIBERATE):
            self._around.story.complain(
                _RAISES_BREAK[call.method],
                f"{call.method} raised {type(error).__name__}({error}) although nothing failed outside of it",
            )

    def _returned(self, call: Call, answer: Any, watched: "WatchedContext") -> None:
        self._record(call).has_shrugged |= call.has_shrugged
        if not isinstance(answer, TaskStatus):
            self._tell(call, What.RETURNED, f"{call.method} returned")
            self._judge_mutations(call, watched, None)
        else:
            self._answered(call, cast("TaskStatus[Any]", answer), watched)

    def _answered(self, call: Call, answer: TaskStatus[Any], watched: "WatchedContext") -> None:
        version = f", version {answer.details.phase_version}" if answer.details.phase_version else ""
        self._tell(call, What.RETURNED, f"{call.method} returned {answer.phase or 'unknown'}{version}")
        self._judge_mutations(call, watched, answer.state)
        self._judge_phase(call, answer)
        if answer.outputs is not None and answer.phase is not AttemptPhase.SUCCEEDED:
            self._around.story.complain(
                Promise.OUTPUTS,
                f"{call.method} returned outputs with {answer.phase}: outputs come with the success alone",
            )

    def _judge_mutations(self, call: Call, watched: "WatchedContext", returned: Any) -> None:
        for state in watched.mutated():
            if state is not returned:
                self._around.story.complain(
                    Promise.CHECK,
                    f"{call.method} changed the state that it was given, which has no effect: return a new state",
                )
                return

    def _judge_phase(self, call: Call, answer: TaskStatus[Any]) -> None:
        committed = self._around.committed(call.attempt)
        if committed is None or answer.phase is None or not {answer.phase, committed.phase} <= _RANK.keys():
            return
        details = answer.details
        rank, before = _RANK[answer.phase], _RANK[committed.phase]
        if rank < before:
            self._around.story.complain(
                Promise.PHASES,
                f"{call.method} went back from {committed.phase} to {answer.phase}: keep the later phase, and say by "
                "reason or custom_info what the service does",
            )
        elif rank == before and details.phase_version < committed.phase_version:
            self._around.story.complain(
                Promise.PHASES,
                f"{call.method} went back from version {committed.phase_version} of {answer.phase} to "
                f"{details.phase_version}: within a phase, report the version of the last report or a higher one",
            )
        elif (
            rank == before
            and details.phase_version == committed.phase_version
            and _says_more(answer, committed)
        ):
            self._around.story.complain(
                Promise.PHASES,
                f"{call.method} reported other log links or another custom info with the same pair of phase and "
                "version, which records nothing: raise phase_version",
            )


class WatchedContext:
    """A `TaskContext` that remembers which states it gave away, and whether `once` is at work."""

    def __init__(self, ctx: Any, call: Call) -> None:
        self._ctx = ctx
        self._call = call
        self._given: list[tuple[Any, bytes]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    @property
    def custom_state(self) -> Any:
        return self._remembered(self._ctx.custom_state)

    @property
    def state(self) -> Any:
        return self._remembered(self._ctx.state)

    async def once(self, key: str, submit: Any, find: Any = None) -> Any:
        self._call.is_in_once = True
        try:
            return await self._ctx.once(key, submit, find)
        except errors.MayHaveHappenedError:
            self._call.has_shrugged = True
            raise
        finally:
            self._call.is_in_once = False

    def mutated(self) -> list[Any]:
        """The states that are no longer what they were when they were given away."""
        return [state for state, raw in self._given if _snapshot(state) != raw]

    def _remembered(self, state: Any) -> Any:
        if state is not None:
            self._given.append((state, _snapshot(state)))
        return state


def _snapshot(state: Any) -> bytes:
    """What a state holds, as far as it can be told."""
    if hasattr(state, "model_dump_json"):
        return state.model_dump_json().encode()
    try:
        return msgspec.json.encode(state, order="deterministic")
    except (TypeError, ValueError):
        return b""


def _says_more(answer: TaskStatus[Any], committed: AttemptRecord) -> bool:
    """Whether a status carries what the event of its pair did not."""
    links, info = answer.details.log_links, answer.details.custom_info
    is_first = committed.reported is None
    return not is_first and (
        (bool(links) and links != committed.log_links)
        or (info is not None and msgspec.json.encode(info) != committed.custom_info)
    )


def _circumstances(method: str, ctx: Any) -> str:
    if method == "start_task" and ctx.start_may_have_happened:
        return ", and an earlier start may have happened"
    try:
        is_stateless = ctx.custom_state is None
    except errors.CorruptStateError:
        return ", with a state that it can't read"
    return ", without a state" if method == "kill_task" and is_stateless else ""


@types.coroutine
def _timed(coroutine: Coroutine[Any, Any, T], complain: Callable[[float], None]) -> Generator[Any, Any, T]:
    """Await a coroutine, and say which of its steps took long."""
    resume: Callable[[Any], Any] = coroutine.send
    value: Any = None
    while True:
        began = perf_counter()
        try:
            awaited = resume(value)
        except StopIteration as end:
            return end.value
        finally:
            took_s = perf_counter() - began
            if took_s > BLOCKED_AFTER_S:
                complain(took_s)
        try:
            value = yield awaited
            resume = coroutine.send
        except BaseException as error:  # noqa: BLE001 - a cancellation is the coroutine's own affair
            value, resume = error, coroutine.throw
