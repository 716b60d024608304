"""Every test here runs once with each backend of hive queries."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from elevon.tasktypes.hive.backends.interfaces import HiveBackend
from tests.contract.hive.rigs import RIGS, Rig


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Rig]:
    async with RIGS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
async def backend(rig: Rig) -> AsyncGenerator[HiveBackend]:
    opened = rig.backend()
    await opened.open()
    yield opened
    await opened.close()
