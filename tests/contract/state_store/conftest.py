"""Every test here runs once with each adapter of `ports.StateStore`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from elevon import ports
from elevon.stores.memory import MemoryStateStore
from elevon.stores.sqlite import SqliteStateStore
from tests.contract.state_store.worlds import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, world: World
) -> AsyncIterator[ports.StateStore]:
    made: ports.StateStore = (
        MemoryStateStore(world, world.is_alive)
        if request.param == "memory"
        else SqliteStateStore(tmp_path / "home" / "state.db", world, world.is_alive)
    )
    await made.open()
    yield made
    await made.close()
