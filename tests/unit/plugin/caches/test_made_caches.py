"""A cache that an executor asks for runs while the executor does."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.idl.messages import LiteralMap, TaskTemplate
from elevon.plugin import Executor, Item, SetupContext, SyncAction, SyncResponse, TaskContext, TaskStatus
from elevon.plugin.serving import ServedExecutor
from elevon.plugin.states import StateCodec
from elevon.testing.clocks import SimulatedClock


class Follower(Executor[None, None]):
    """Counts how often its one job was looked at."""

    id = "follower"
    task_types = ("follower",)

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.seen_at_close: int | None = None

    async def initialize(self, setup: SetupContext[None]) -> None:
        self.cache = setup.make_cache("jobs", self.sync, resync_period=timedelta(seconds=10), size=10)
        self.cache.get_or_create("a", 0)
        if self.failure is not None:
            raise self.failure

    async def sync(self, batch: Sequence[Item[int]]) -> list[SyncResponse[int]]:
        return [SyncResponse(one.id, one.item + 1, SyncAction.UPDATE) for one in batch]

    async def start_task(
        self, ctx: TaskContext[None], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[None]:
        raise NotImplementedError

    async def check_task_status(self, ctx: TaskContext[None]) -> TaskStatus[None]:
        raise NotImplementedError

    async def kill_task(self, ctx: TaskContext[None], reason: str) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        self.seen_at_close = self.cache.get("a")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def setup(clock: SimulatedClock, tmp_path: Path) -> SetupContext[None]:
    return SetupContext(config=None, clock=clock, blobs=LocalBlobStore(), state_dir=tmp_path)


def served(executor: Executor[Any, Any], setup: SetupContext[None]) -> ServedExecutor:
    return ServedExecutor(executor, StateCodec(type(None)), lambda template: None, setup)


def test_it_is_refreshed_until_its_executor_is_closed(
    clock: SimulatedClock, setup: SetupContext[None]
) -> None:
    executor = Follower()

    async def main() -> None:
        host = served(executor, setup)
        await host.initialize()
        await clock.sleep(25)
        assert executor.cache.get("a") == 3
        await host.close()
        await clock.sleep(25)

    clock.run(main())
    assert executor.seen_at_close == executor.cache.get("a") == 3


def test_it_ends_with_an_executor_that_could_not_be_initialized(
    clock: SimulatedClock, setup: SetupContext[None]
) -> None:
    executor = Follower(failure=ValueError("no"))

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await served(executor, setup).initialize()
        await clock.sleep(25)

    clock.run(main())
    assert executor.cache.get("a") == 0


def test_two_of_one_name_are_refused(clock: SimulatedClock, setup: SetupContext[None]) -> None:
    async def main() -> None:
        executor = Follower()
        await executor.initialize(setup)
        with pytest.raises(errors.BugError, match="there is a cache 'jobs' already"):
            await executor.initialize(setup)
        await setup.caches.close()

    clock.run(main())
