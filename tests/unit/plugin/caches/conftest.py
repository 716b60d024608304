"""What every test of caches begins with."""

import pytest

from tests.unit.plugin.caches.worlds import World


@pytest.fixture
def world() -> World:
    return World()
