"""What an executor is given when it runs on another loop than the engine's.

Values pass as they are; coroutines of the engine cross to its loop, and an author's coroutine that is handed in
crosses back. Both sides see plain contexts, so that an executor can't tell where it runs.
"""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from elevon import ports
from elevon.plugin import crossings
from elevon.plugin.contexts import AS_DESCRIBED, Json, Launch, TaskContext, TaskLauncher

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R", bound=Json)


class Bridge:
    """The two directions between the engine's loop and one executor's."""

    def __init__(self, engine: crossings.Crossing, executor: crossings.Crossing) -> None:
        self._engine = engine
        self._executor = executor

    async def to_engine(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """From the executor's loop: run a coroutine of the engine."""
        return await crossings.cross(self._engine, self._executor, make)

    async def to_executor(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """From the engine's loop: run a coroutine of the executor."""
        return await crossings.cross(self._executor, self._engine, make)

    def context(self, ctx: TaskContext[S]) -> TaskContext[S]:
        """The context as the executor's loop may use it."""
        return cast("TaskContext[S]", _BridgedContext(self, ctx))

    def blobs(self, blobs: ports.BlobStore) -> ports.BlobStore:
        """The blob store as the executor's loop may use it."""
        return _BridgedBlobs(self, blobs)


class _BridgedContext:
    """A `TaskContext`: what is not a coroutine is the engine's own."""

    def __init__(self, bridge: Bridge, ctx: TaskContext[Any]) -> None:
        self._bridge = bridge
        self._ctx = ctx
        self.launcher: TaskLauncher = _BridgedLauncher(bridge, ctx.launcher)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    async def once(
        self,
        key: str,
        submit: Callable[[str], Awaitable[R]],
        find: Callable[[str], Awaitable[R | None]] | None = None,
    ) -> R:
        return await self._bridge.to_engine(
            lambda: self._ctx.once(key, self._there(submit), None if find is None else self._there(find))
        )

    def _there(self, function: Callable[[str], Awaitable[T]]) -> Callable[[str], Awaitable[T]]:
        """An author's function, for the engine to call."""

        async def run(token: str) -> T:
            return await function(token)

        return lambda token: self._bridge.to_executor(lambda: run(token))

    async def write_inputs(self) -> Path:
        return await self._bridge.to_engine(self._ctx.write_inputs)


class _BridgedLauncher:
    """A `TaskLauncher`."""

    def __init__(self, bridge: Bridge, launcher: TaskLauncher) -> None:
        self._bridge = bridge
        self._launcher = launcher

    async def start(self, launch: Launch = AS_DESCRIBED, grace: timedelta = timedelta(0)) -> ports.JobStatus:
        return await self._bridge.to_engine(lambda: self._launcher.start(launch, grace))

    async def poll(self, launch: Launch = AS_DESCRIBED) -> ports.JobStatus:
        return await self._bridge.to_engine(lambda: self._launcher.poll(launch))

    async def kill(self) -> None:
        await self._bridge.to_engine(self._launcher.kill)


class _BridgedBlobs:
    """A `BlobStore`."""

    def __init__(self, bridge: Bridge, blobs: ports.BlobStore) -> None:
        self._bridge = bridge
        self._blobs = blobs

    async def put(self, uri: str, content: bytes) -> None:
        await self._bridge.to_engine(lambda: self._blobs.put(uri, content))

    async def get(self, uri: str) -> bytes:
        return await self._bridge.to_engine(lambda: self._blobs.get(uri))

    async def delete_prefix(self, uri: str) -> None:
        await self._bridge.to_engine(lambda: self._blobs.delete_prefix(uri))
