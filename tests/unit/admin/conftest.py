"""A control plane of its own for every test."""

import pytest

from tests.unit.admin.specimens import World


@pytest.fixture
async def world() -> World:
    made = World()
    await made.store.open()
    return made
