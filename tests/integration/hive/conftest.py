"""Every test that asks for a `ground` runs once with each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.hive.grounds import GROUNDS, Ground, ground_of
from tests.integration.hive.qds.processes import QdsProcess, qds
from tests.integration.hive.worlds import Rig

# The first test of a run with Spark's server waits until that has started.
_MARKS = {"hiveserver2": [pytest.mark.timeout(240)]}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, [])) for name in sorted(GROUNDS)])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with GROUNDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def rig(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return _rig(ground, tmp_path, monkeypatch)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[QdsProcess]:
    with qds(tmp_path / "qds") as running:
        yield running


@pytest.fixture
def qubole_rig(service: QdsProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return _rig(ground_of(service), tmp_path, monkeypatch)


def _rig(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    for name, value in ground.environment.items():
        monkeypatch.setenv(name, value)
    return Rig(tmp_path / "home", ground)
