"""What the tests of connectors share: one service of flytekit's for all of them, and what stands behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.connector.jobs import Jobs
from tests.integration.connector.processes import ConnectorProcess
from tests.integration.engine.worlds import World


@pytest.fixture(scope="module")
def shared_jobs() -> Iterator[Jobs]:
    with Jobs() as made:
        yield made


@pytest.fixture
def jobs(shared_jobs: Jobs) -> Jobs:
    """What stands behind the connectors, with an empty ledger."""
    shared_jobs.calls.clear()
    shared_jobs.answers.clear()
    return shared_jobs


@pytest.fixture(scope="module")
def connectors(flytekit_python: str, shared_jobs: Jobs) -> Iterator[ConnectorProcess]:
    with ConnectorProcess(flytekit_python, shared_jobs.port) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")
