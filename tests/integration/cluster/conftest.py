"""A cluster of its own for each test, of which nothing is left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.cluster.worlds import Cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    yield made
    await made.remove()
