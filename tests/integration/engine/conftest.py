"""What the tests of the whole engine share."""

from pathlib import Path

import pytest

from tests.integration.engine.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")
