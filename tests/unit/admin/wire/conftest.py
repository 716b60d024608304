"""A control plane of its own for every test."""

import pytest

from tests.unit.admin.wire.specimens import WireWorld


@pytest.fixture
async def world() -> WireWorld:
    made = WireWorld()
    await made.store.open()
    return made
