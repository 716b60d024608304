"""Jobs that the system fails, in a real engine: they are begun anew and cost no retry of the user's."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import workflow
from elevon.plugin import LauncherExecutor
from elevon.propeller.machine.backoffs import Backoff
from elevon.records.phases import AttemptPhase, ExecutionPhase
from elevon.tasktypes.container.task import ContainerTask
from tests.integration.engine.worlds import World, attempt, drive

KEEN = Backoff(first=timedelta(milliseconds=10), longest=timedelta(milliseconds=20))


def counted(folder: Path, then: str) -> Any:
    """A workflow of one command, which notes each run and then does what is said."""
    script = f"echo x >> {folder / 'runs'}; {then}"
    command = ContainerTask("command", "alpine:3", ["sh"], ["-c", script])

    @workflow
    def flow() -> None:
        command()

    return flow


def run_count(folder: Path) -> int:
    return len((folder / "runs").read_text().split())


@pytest.fixture(params=[0, 20_000], ids=["seen by a check", "seen by the start"])
def grace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LauncherExecutor, "grace", timedelta(milliseconds=request.param))


@pytest.mark.usefixtures("grace")
async def test_a_job_killed_from_outside_is_run_again_without_a_retry(world: World, tmp_path: Path) -> None:
    flow = counted(tmp_path, f"test $(wc -l < {tmp_path / 'runs'}) -ge 4 || kill -9 $$")
    record = await world.run(flow, backoff=KEEN)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert run_count(tmp_path) == 4


@pytest.mark.usefixtures("grace")
async def test_a_job_that_is_killed_every_time_fails_with_its_message(world: World, tmp_path: Path) -> None:
    async with world.engine(backoff=KEEN) as embedded:
        await drive(embedded, await world.create(embedded, counted(tmp_path, "kill -9 $$")))
        ended = await attempt(embedded)
    assert ended.phase is AttemptPhase.FAILED
    assert ended.failure is not None
    assert "was ended by SIGKILL" in ended.failure.message
    assert run_count(tmp_path) == KEEN.limit


@pytest.mark.usefixtures("grace")
async def test_a_job_that_ends_itself_spends_the_users_retries(world: World, tmp_path: Path) -> None:
    record = await world.run(counted(tmp_path, "kill -SEGV $$"), backoff=KEEN)
    assert record.phase is ExecutionPhase.FAILED
    assert run_count(tmp_path) == 1
