"""A service in memory, executors over it, and an executor at work in simulated time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from elevon.blobs.local_files import LocalBlobStore
from elevon.idl import literals
from elevon.idl.messages import TaskTemplate
from elevon.plugin import SetupContext, TaskStatus
from elevon.plugin.webapi import ResourceState, Submission, WebApiConfig, WebApiExecutor
from elevon.testing.clocks import SimulatedClock
from elevon.testing.contexts import FakeTaskContext

RESYNC_S = 10.0
CONFIG = WebApiConfig(resync_s=RESYNC_S, call_s=5.0, failed_limit=2, missing_limit=2, page_size=3)


class Meta(msgspec.Struct, frozen=True):
    """What names a thing."""

    number: int


class Shelf:
    """A service in memory.

    Attributes:
        things: What each thing says of itself, by number.
        keys: The things, by the tokens that they were made under.
        calls: What was called, in order.
        failures: What the next calls raise, by call.
        is_lossy: Whether creates lose their answers.
    """

    def __init__(self) -> None:
        self.things: dict[int, str] = {}
        self.keys: dict[str, int] = {}
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.is_lossy = False
        self.pages: list[list[int]] = []

    def call(self, name: str) -> None:
        self.calls.append(name)
        if self.failures.get(name):
            raise self.failures[name].pop(0)


class ShelfExecutor(WebApiExecutor[None, Meta, str]):
    """Over a shelf; a word of a thing is its phase."""

    id = "shelf"
    task_types = ("shelf",)

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf()

    async def create(self, submission: Submission[None], token: str) -> Meta:
        self.shelf.call("create")
        number = self.shelf.keys.setdefault(token, len(self.shelf.things))
        self.shelf.things.setdefault(number, "queued")
        if self.shelf.is_lossy:
            raise ConnectionResetError("the answer was lost")
        return Meta(number)

    async def get_many(self, metas: Sequence[Meta]) -> Sequence[str | None]:
        self.shelf.pages.append([meta.number for meta in metas])
        self.shelf.call("get")
        return [self.shelf.things.get(meta.number) for meta in metas]

    async def find(self, token: str) -> Meta | None:
        self.shelf.call("find")
        number = self.shelf.keys.get(token)
        return None if number is None else Meta(number)

    async def delete(self, meta: Meta) -> None:
        self.shelf.call("delete")
        self.shelf.things.pop(meta.number, None)

    def status(self, resource: str) -> TaskStatus[Any]:
        match resource:
            case "queued":
                return TaskStatus.queued()
            case "running":
                return TaskStatus.running()
            case "done":
                return TaskStatus.succeeded({"o0": literals.integer(1)})
            case _:
                raise ValueError(f"nobody knows what {resource!r} means")


class BlindExecutor(ShelfExecutor):
    """Over a service that can't tell what was made under a token."""

    find = WebApiExecutor[None, Meta, str].find


class RepeatingExecutor(BlindExecutor):
    """Over one where a token makes one thing, however often it is sent."""

    creates_idempotently = True


class World:
    """An executor that is at work, and the attempts that it has.

    Args:
        executor: Which.
        directory: For files.
        clock: Whose time it goes by.
    """

    def __init__(self, executor: ShelfExecutor, directory: Path, clock: SimulatedClock) -> None:
        self.executor = executor
        self.shelf = executor.shelf
        self.clock = clock
        self._directory = directory
        self.setup = SetupContext(config=CONFIG, clock=clock, blobs=LocalBlobStore(), state_dir=directory)

    async def __aenter__(self) -> Self:
        await self.executor.initialize(self.setup)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.executor.close()

    def attempt(self, number: int = 0) -> FakeTaskContext[ResourceState[Meta]]:
        return FakeTaskContext(self.executor, self._directory, attempt=number, setup=self.setup)

    async def started(self, number: int = 0) -> FakeTaskContext[ResourceState[Meta]]:
        ctx = self.attempt(number)
        await ctx.start(self.executor, TaskTemplate())
        return ctx

    async def synced(self, count: int = 1) -> None:
        await self.clock.sleep(RESYNC_S * count + 0.1)
