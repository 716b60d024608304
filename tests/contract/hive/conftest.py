"""Every test here runs once with each backend of hive queries."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from elevon.tasktypes.hive.backends.interfaces import HiveBackend
from tests.contract.hive.rigs import RIGS, Rig

# The first test of a run with Spark's server waits until that has started.
_MARKS = {"hiveserver2": [pytest.mark.timeout(240)]}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, [])) for name in sorted(RIGS)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Rig]:
    async with RIGS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
async def backend(rig: Rig) -> AsyncGenerator[HiveBackend]:
    opened = rig.backend()
    await opened.open()
    yield opened
    await opened.close()
