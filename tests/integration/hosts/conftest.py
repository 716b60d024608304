"""What the tests of host processes share."""

from pathlib import Path

import pytest

from tests.integration.engine.worlds import World
from tests.integration.hosts.stages import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(World(tmp_path / "home"), tmp_path)
