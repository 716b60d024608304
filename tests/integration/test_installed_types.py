"""Packages that are installed beside elevon bring task types, and a broken one costs its own only."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elevon import app, errors
from elevon.blobs.local_files import LocalBlobStore
from elevon.plugin import SetupContext
from elevon.primitives.clocks import SystemClock
from elevon.propeller.executors import Executors

ENTRY_POINTS = """
[elevon.tasktypes]
nap = naps_of_a_stranger:Nap
ruins = ruins_of_a_stranger:Ruins
"""
NAPS = """
from elevon.plugin import LauncherExecutor

class Nap(LauncherExecutor[None]):
    id = "nap"
    task_types = ("nap",)
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    metadata = tmp_path / "naps-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: naps\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "naps_of_a_stranger.py").write_text(NAPS)
    (tmp_path / "ruins_of_a_stranger.py").write_text("raise OSError('the licence server is down')")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("naps_of_a_stranger", None)


def test_a_broken_package_costs_its_own_types_only_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert {"nap", "sleep"} <= app.registry(app.Settings()).known_types
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "ruins = ruins_of_a_stranger:Ruins: importing it raised OSError" in warning.getMessage()


def test_who_asks_for_a_type_of_a_broken_package_hears_why_it_is_not_there(tmp_path: Path) -> None:
    setup = SetupContext(config=None, clock=SystemClock(), blobs=LocalBlobStore(), state_dir=tmp_path)
    executors = Executors(app.registry(app.Settings()), lambda _: setup)
    with pytest.raises(errors.UnavailableError, match=r"'ruins', because of .*the licence server is down"):
        executors.of_type("ruins")
