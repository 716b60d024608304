"""The bench of every test here, and the proof that its launchers clean up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.workers.benches import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for launcher in bench.launchers:
        await launcher.close()
    assert not (tmp_path / "scratch").exists(), "a launcher left folders"
