"""Connectors written with flytekit, in flytekit's own service, driven by the real engine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elevon import app, errors
from elevon.idl.messages import LiteralMap
from elevon.records.attempts import LogLink
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase
from tests.integration.connector import batches
from tests.integration.connector.jobs import Jobs
from tests.integration.connector.processes import ConnectorProcess
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    World,
    attempt,
    compiled,
    drive,
    driving,
    identity,
    until,
)
from tests.integration.machines import HeldPort


def configured(address: str, **endpoint: Any) -> dict[str, Any]:
    """Settings of an engine that knows one service."""
    main = {"address": address, "insecure": True, "timeout_s": 5, **endpoint}
    return {"configuration": {"connector": {"endpoints": {"main": main}, "resync_s": 0.1}}}


async def run(world: World, connectors: ConnectorProcess, workflow: Any, name: str) -> ExecutionRecord:
    async with world.engine(**configured(connectors.address)) as embedded:
        execution = await world.create(embedded, workflow, name)
        await drive(embedded, execution)
        return await embedded.admin.get(execution)


def output_of(record: ExecutionRecord) -> str:
    return LiteralMap.FromString(record.outputs or b"").literals["o0"].scalar.primitive.string_value


async def is_running(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(one.phase is AttemptPhase.RUNNING for node in view.walk() for one in node.attempts)


async def test_a_job_succeeds_with_the_outputs_of_its_connector(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    jobs.succeed("good-0", "baked")
    record = await run(world, connectors, batches.one, "good")
    assert (record.phase, output_of(record)) == (ExecutionPhase.SUCCEEDED, "baked")
    assert jobs.of("good-0") == ["create"]


async def test_a_job_fails_with_the_message_of_its_connector(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    jobs.answer("get", "bad-0", phase="FAILED", message="out of flour")
    record = await run(world, connectors, batches.stubborn, "bad")
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert "out of flour" in record.failure.message
    assert jobs.of("bad-1") == []


async def test_a_retryable_failure_costs_a_retry_and_a_job(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    jobs.answer("get", "again-0", phase="RETRYABLE_FAILED", message="the oven was cold")
    jobs.succeed("again-1")
    record = await run(world, connectors, batches.stubborn, "again")
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert [jobs.of("again-0"), jobs.of("again-1")] == [["create"], ["create"]]


async def test_what_a_connector_raises_is_said_without_its_traceback(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    jobs.answer("create", "refused-0", error="no such queue")
    record = await run(world, connectors, batches.one, "refused")
    assert record.phase is ExecutionPhase.FAILED
    assert record.failure is not None
    assert (
        "could not create a task of type 'batch': INTERNAL: ValueError: no such queue"
        in record.failure.message
    )
    assert "Traceback" not in record.failure.message


async def test_a_synchronous_connector_runs_a_task_in_one_call(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    record = await run(world, connectors, batches.loud, "loud")
    assert (record.phase, output_of(record)) == (ExecutionPhase.SUCCEEDED, "GO")
    assert jobs.calls == [("do", "shout")]


async def test_a_job_shows_its_links_and_information_while_it_runs(
    world: World, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    async with world.engine(**configured(connectors.address)) as embedded:
        execution = await world.create(embedded, batches.one)
        async with driving(embedded, execution):
            await until(embedded, is_running)
            record = await attempt(embedded)
    assert record.log_links == (LogLink("job", "http://jobs/x1-0"),)
    assert json.loads(record.custom_info) == {"job": "x1-0"}


async def test_an_abort_deletes_the_job(world: World, connectors: ConnectorProcess, jobs: Jobs) -> None:
    async with world.engine(**configured(connectors.address)) as embedded:
        execution = await world.create(embedded, batches.one, "unwanted")
        async with driving(embedded, execution) as drive_task:
            await asyncio.to_thread(jobs.wait_for, "get", "unwanted-0")
            await embedded.admin.abort(execution, by="ada", reason="wrong input")
            await drive_task
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert jobs.of("unwanted-0") == ["create", "delete"]


async def test_a_type_that_no_connector_has_is_refused_by_name(
    world: World, connectors: ConnectorProcess
) -> None:
    async with world.engine(**configured(connectors.address)) as embedded:
        known = await embedded.task_types(["other"])
        assert known is not None
        assert {"batch", "shout"} <= known
        assert "other" not in known
        with pytest.raises(
            errors.UnavailableError, match="no executor is registered for the task type 'other'"
        ):
            await embedded.ensure_served(compiled(flows.single_other))


@pytest.fixture
def frail(flytekit_python: str, jobs: Jobs) -> Iterator[ConnectorProcess]:
    """A service that a test may kill."""
    with ConnectorProcess(flytekit_python, jobs.port) as made:
        yield made


async def test_a_job_and_its_successor_live_through_an_outage_of_the_service(
    world: World, frail: ConnectorProcess, jobs: Jobs
) -> None:
    async with world.engine(**configured(frail.address)) as embedded:
        first = await world.create(embedded, batches.one)
        second = await world.create(embedded, batches.one, "second")
        async with driving(embedded, first) as first_task:
            await until(embedded, is_running)
            frail.kill()
            await until(embedded, says("'main' at"))
            assert (await attempt(embedded)).phase is AttemptPhase.RUNNING
            async with driving(embedded, second) as second_task:
                jobs.succeed("x1-0")
                jobs.succeed("second-0")
                await asyncio.to_thread(frail.start)
                await asyncio.gather(first_task, second_task)
        for execution in (first, second):
            assert (await embedded.admin.get(execution)).phase is ExecutionPhase.SUCCEEDED
    assert jobs.of("x1-0") == ["create"]


def says(words: str) -> Any:
    async def is_said(embedded: app.Embedded) -> bool:
        view = await embedded.admin.view(identity())
        return any(words in one.reason for node in view.walk() for one in node.attempts)

    return is_said


async def test_a_service_that_is_not_there_is_why_a_type_is_missing(world: World) -> None:
    with HeldPort() as nobody:
        address = f"127.0.0.1:{nobody.number}"
        async with world.engine(**configured(address)) as embedded:
            with pytest.raises(
                errors.UnavailableError,
                match=rf"'batch'.*; the connector service 'main' at {address} could not say",
            ):
                await embedded.ensure_served(compiled(batches.one))


class Shell:
    """`elevon` as a process, with a home that knows the service."""

    def __init__(self, directory: Path, address: str, *settings: str) -> None:
        home = directory / "home"
        home.mkdir(parents=True)
        (home / "elevon.toml").write_text(
            "[executors.connector]\nresync_s = 0.1\n"
            f'[executors.connector.endpoints.main]\naddress = "{address}"\ninsecure = true\n'
            + "".join(f"{setting}\n" for setting in settings)
        )
        self._environment = {**os.environ, "ELEVON_HOME": str(home)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "elevon", *words],
            cwd=Path(batches.__file__).parent,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        said, complained = process.communicate(timeout=40)
        return process.returncode, said, complained


def test_a_killed_engine_finds_its_job_again(
    tmp_path: Path, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    shell = Shell(tmp_path, connectors.address)
    process = shell.start("run", "--execution-id", "killed", "batches.py", "one")
    try:
        jobs.wait_for("get", "killed-0")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    jobs.succeed("killed-0", "still warm")
    code, said, complained = shell.run("resume", "killed")
    assert (code, "still warm" in said) == (0, True), complained
    assert jobs.of("killed-0") == ["create"]


def kill_while_creating(shell: Shell, jobs: Jobs, name: str) -> None:
    with jobs.holding("create", f"{name}-0"):
        process = shell.start("run", "--execution-id", name, "batches.py", "one")
        try:
            jobs.wait_for("create", f"{name}-0")
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def test_a_job_of_which_nobody_knows_is_not_created_again_and_can_be_let_go(
    tmp_path: Path, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    shell = Shell(tmp_path, connectors.address)
    kill_while_creating(shell, jobs, "halfway")
    code, _, complained = shell.run("resume", "halfway")
    assert (code, "may already have happened" in complained) == (74, True), complained
    for order in ("fail", "abandon"):
        code, _, complained = shell.run("attempt", order, "halfway", "n0", "--reason", "deleted by hand")
        assert code == 0, complained
        code, _, complained = shell.run("resume", "halfway")
    assert code == 1, complained
    assert jobs.of("halfway-0") == ["create"]


def test_a_connector_that_creates_nothing_twice_is_asked_again(
    tmp_path: Path, connectors: ConnectorProcess, jobs: Jobs
) -> None:
    shell = Shell(tmp_path, connectors.address, "create_is_idempotent = true")
    kill_while_creating(shell, jobs, "twice")
    jobs.succeed("twice-0", "baked once")
    code, said, complained = shell.run("resume", "twice")
    assert (code, "baked once" in said) == (0, True), complained
    assert jobs.of("twice-0") == ["create", "create"]


def test_a_file_is_checked_against_what_the_service_has(tmp_path: Path, connectors: ConnectorProcess) -> None:
    code, said, _ = Shell(tmp_path, connectors.address).run("check", "batches.py")
    assert code == 0, said
    with HeldPort() as nobody:
        away = Shell(tmp_path / "away", f"127.0.0.1:{nobody.number}")
        code, said, complained = away.run("check", "batches.py")
    assert code == 2
    assert "no executor is registered for the task type 'batch'" in said
    assert "the connector service 'main'" in complained
