"""A control plane behind HTTP of its own for every test."""

import pytest

from tests.unit.serve.worlds import HttpWorld


@pytest.fixture
async def world() -> HttpWorld:
    made = HttpWorld()
    await made.store.open()
    return made
