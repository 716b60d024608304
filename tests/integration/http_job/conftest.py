"""What the tests of `examples/http-job` share: the real service, in a process of its own."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from http_job.clients import JobClient
from http_job.server.processes import ServiceProcess


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path / "ledger") as running:
        yield running


@pytest.fixture
async def client(service: ServiceProcess) -> AsyncGenerator[JobClient]:
    opened = JobClient(service.url, 8, 10.0)
    yield opened
    await opened.close()
