"""The real flytekit, in an environment of its own."""

import os
import subprocess
from collections.abc import Mapping

import pytest


@pytest.fixture(scope="session")
def flytekit_python() -> str:
    """The interpreter of an environment with the real flytekit; CI always has one."""
    python = os.environ.get("ELEVON_FLYTEKIT_PYTHON", "")
    if not python:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must set ELEVON_FLYTEKIT_PYTHON to a Python that has flytekit: make test does")
        pytest.skip("ELEVON_FLYTEKIT_PYTHON names no Python that has flytekit")
    return python


def run_with_flytekit(
    python: str, *arguments: str, given: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a program prints that it runs; fails if it fails."""
    finished = subprocess.run(
        [python, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env=environment,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
