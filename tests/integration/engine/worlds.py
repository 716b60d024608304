"""A home with real engines in this process, and an executor that answers what a test wants."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeAlias

import msgspec

from elevon import app
from elevon.admin.executions import NewExecution
from elevon.cli import programs
from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralMap, TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, TaskContext, TaskStatus
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.attempts import AttemptRecord
from elevon.records.changes import Change
from elevon.records.executions import ExecutionRecord
from elevon.records.identities import ExecutionId
from elevon.records.phases import AttemptPhase
from elevon.sdk import serialization

NOTHING: Mapping[str, Literal] = {}
SOON = timedelta(milliseconds=10)
PATIENCE_S = 45  # that only a hang spends
IMPATIENT = Backoff(first=timedelta(milliseconds=10), longest=timedelta(milliseconds=20), limit=3)


class State(msgspec.Struct, frozen=True):
    """What a scripted executor keeps."""

    value: int = 0
    text: str = ""
    ratio: float = 0.0


class Call(NamedTuple):
    """One call of an executor, as it saw it."""

    kind: str
    node_id: str
    attempt: int
    may_have_happened: bool = False
    state: Any = None


Step: TypeAlias = TaskStatus[Any] | Exception | Callable[[TaskContext[Any]], Awaitable[Any]] | None
DONE: TaskStatus[Any] = TaskStatus.succeeded({"o0": literals.integer(1)})
RUNNING: TaskStatus[Any] = TaskStatus.running(State(), check_after=SOON)


class Scripted(Executor[None, State]):
    """Answers each kind of call by a list of steps, the last one for ever, and remembers the calls."""

    id: ClassVar[str] = "scripted"
    task_types: ClassVar[tuple[str, ...]] = ("scripted",)
    properties: ClassVar[ExecutorProperties] = ExecutorProperties(isolation="engine", check_after=SOON)

    def __init__(self, **steps: Sequence[Step]) -> None:
        self._steps = {"start": [RUNNING], "check": [DONE], "kill": [None], "finalize": [None]}
        self._steps |= {kind: list(wanted) for kind, wanted in steps.items()}
        self.calls: list[Call] = []

    async def start_task(
        self, ctx: TaskContext[State], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[State]:
        return await self._answer("start", ctx)

    async def check_task_status(self, ctx: TaskContext[State]) -> TaskStatus[State]:
        return await self._answer("check", ctx)

    async def kill_task(self, ctx: TaskContext[State], reason: str) -> None:
        await self._answer("kill", ctx)

    async def finalize_task(self, ctx: TaskContext[State]) -> None:
        await self._answer("finalize", ctx)

    def kinds(self) -> list[str]:
        """What was called, in order."""
        return [call.kind for call in self.calls]

    async def _answer(self, kind: str, ctx: TaskContext[State]) -> Any:
        state = ctx.custom_state
        attempt = ctx.task_execution_id.attempt
        self.calls.append(Call(kind, attempt.node_id, attempt.attempt, ctx.start_may_have_happened, state))
        steps = self._steps[kind]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        if step is None or isinstance(step, TaskStatus):
            return step
        return await step(ctx)


class Other(Scripted):
    """Serves another type."""

    id: ClassVar[str] = "other"
    task_types: ClassVar[tuple[str, ...]] = ("other",)


class Tidy(Scripted):
    """Requires its finalizer."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, requires_finalizer=True
    )


class Narrow(Scripted):
    """Takes one attempt at once."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, max_concurrency=1
    )


class Hurried(Scripted):
    """Has half a second for each call."""

    properties: ClassVar[ExecutorProperties] = ExecutorProperties(
        isolation="engine", check_after=SOON, call_timeout=timedelta(milliseconds=500)
    )


class Flag:
    """Something that a test waits for, and a step that waits for ever."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def hang(self, _ctx: object) -> Any:
        """A call that never answers."""
        self._event.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this wait")

    async def reached(self) -> None:
        """Return when the call is under way."""
        async with asyncio.timeout(PATIENCE_S):
            await self._event.wait()


class World:
    """One home.

    Args:
        path: Its directory.
    """

    def __init__(self, path: Path) -> None:
        self.home = app.Home(path)

    @contextlib.asynccontextmanager
    async def engine(self, *executors: Executor[Any, Any], **settings: Any) -> AsyncGenerator[app.Embedded]:
        """An engine of this home; several may live at once."""
        wanted = {"workers": 1, "backoff": IMPATIENT, **settings}
        async with app.embedded(self.home, app.Settings(executors=executors, **wanted)) as embedded:
            yield embedded

    async def create(
        self, embedded: app.Embedded, workflow: Any, name: str = "x1", **more: Any
    ) -> ExecutionId:
        """A new execution of a workflow without Python tasks."""
        new = msgspec.structs.replace(compiled(workflow), name=name, **more)
        return (await embedded.admin.create_execution(new)).id

    async def run(self, workflow: Any, *executors: Executor[Any, Any], **settings: Any) -> ExecutionRecord:
        """Create one, drive it to its end, and say how it ended."""
        async with self.engine(*executors, **settings) as embedded:
            execution = await self.create(embedded, workflow)
            await drive(embedded, execution)
            return await embedded.admin.get(execution)

    async def resume(
        self, *executors: Executor[Any, Any], name: str = "x1", **settings: Any
    ) -> ExecutionRecord:
        """Go on with it in a new engine."""
        async with self.engine(*executors, **settings) as embedded:
            execution = identity(name)
            await drive(embedded, execution)
            return await embedded.admin.get(execution)

    async def crash(
        self,
        workflow: Any,
        executor: Executor[Any, Any],
        moment: Awaitable[None],
        given: Mapping[str, Literal] = NOTHING,
        **settings: Any,
    ) -> None:
        """Run until a moment, at which the engine loses all calls that are under way."""
        async with self.engine(executor, **settings) as embedded:
            execution = await self.create(embedded, workflow, given=given)
            async with driving(embedded, execution):
                await moment


@functools.cache
def compiled(workflow: Any) -> NewExecution:
    """What an execution of the workflow needs."""
    serialized = serialization.serialize(workflow, project="default", domain="development", version="1")
    return NewExecution(
        closure=programs.compile_serialized(serialized, None), parameters=serialized.parameters
    )


def identity(name: str = "x1") -> ExecutionId:
    """The id of an execution."""
    return ExecutionId("default", "development", name)


async def drive(embedded: app.Embedded, *executions: ExecutionId) -> None:
    """Drive executions to their end, which is near."""
    async with asyncio.timeout(PATIENCE_S):
        await embedded.engine.drive(*executions)


@contextlib.asynccontextmanager
async def driving(embedded: app.Embedded, *executions: ExecutionId) -> AsyncGenerator[asyncio.Task[None]]:
    """Drive beside the test; what is not over at the end is dropped with all its calls."""
    task = asyncio.create_task(drive(embedded, *executions))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def attempt(embedded: app.Embedded, node_id: str = "n0", number: int = 0) -> AttemptRecord:
    """One attempt, as it is durable; fails if there is none."""
    view = await embedded.admin.view(identity())
    (node,) = [node for node in view.walk() if node.id == node_id]
    return node.attempts[number]


async def is_parked(embedded: app.Embedded, node_id: str = "n0") -> bool:
    """Whether the newest attempt of a node waits for help."""
    view = await embedded.admin.view(identity())
    (node,) = [node for node in view.walk() if node.id == node_id]
    return bool(node.attempts) and node.attempts[-1].is_parked


async def until(embedded: app.Embedded, condition: Callable[[app.Embedded], Awaitable[bool]]) -> None:
    """Return when what this engine has committed shows the condition."""
    news = asyncio.Event()
    embedded.engine.observe(lambda *_: news.set())
    async with asyncio.timeout(PATIENCE_S):
        while not await condition(embedded):
            await news.wait()
            news.clear()


def outputs_of(record: ExecutionRecord) -> Mapping[str, int]:
    """Whole numbers by name."""
    found = LiteralMap.FromString(record.outputs or b"").literals
    return {name: literal.scalar.primitive.integer for name, literal in found.items()}


def tell_that_it_runs(_execution: ExecutionId, changes: Sequence[Change]) -> None:
    """Print `running` when an attempt runs; for an engine in a process of its own, which observes with it."""
    if any(isinstance(one, AttemptRecord) and one.phase is AttemptPhase.RUNNING for one in changes):
        print("running", flush=True)
