"""What tests share: no stray event loop, flytekit, and with CI=true an effort of hypothesis that can be repeated."""

import asyncio
import os

import hypothesis
import pytest

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# Where no loop was ever set, pytest-asyncio has one made that nobody closes: it is told of when it is collected, as an
# error of whatever test runs then.
asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def flytekit_python() -> str:
    """The interpreter of an environment with the real flytekit and its connector service; CI always has one."""
    python = os.environ.get("ELEVON_FLYTEKIT_PYTHON", "")
    if not python:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must set ELEVON_FLYTEKIT_PYTHON to a Python that has flytekit: make test does")
        pytest.skip("ELEVON_FLYTEKIT_PYTHON names no Python that has flytekit")
    return python
