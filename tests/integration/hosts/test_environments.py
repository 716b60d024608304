"""An executor whose package is installed in a virtual environment of its own, where this process can't import it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elevon import app, errors
from elevon.plugin.descriptions import HostSettings
from elevon.records.phases import ExecutionPhase
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    World,
    attempt,
    drive,
    driving,
    identity,
    is_parked,
    outputs_of,
    until,
)
from tests.integration.hosts.environments import Environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.link_elevon()
    made.install(1)
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def hosts(environment: Environment) -> tuple[HostSettings, ...]:
    return (HostSettings(name="naps", python=environment.python),)


def told(environment: Environment, gate: Path) -> dict[str, Any]:
    return {"hosts": hosts(environment), "configuration": {"nap": {"gate": str(gate)}}}


def let_go(gate: Path) -> None:
    gate.touch()


async def has_started(embedded: app.Embedded) -> bool:
    view = await embedded.admin.view(identity())
    return any(one.phase == "RUNNING" for node in view.walk() for one in node.attempts)


async def test_type_of_another_environment_runs_there(
    world: World, environment: Environment, gate: Path
) -> None:
    environment.install(1)
    let_go(gate)
    assert importlib.util.find_spec("naps") is None
    record = await world.run(flows.single, **told(environment, gate))
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert outputs_of(record) == {"o0": 1}


async def test_next_release_takes_the_state_over_and_the_last_one_waits_for_it(
    world: World, environment: Environment, gate: Path
) -> None:
    environment.install(1)
    async with world.engine(**told(environment, gate)) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, has_started)
    environment.install(2)
    async with world.engine(**told(environment, gate)) as embedded:
        async with driving(embedded, execution):
            await until(embedded, has_migrated)
        assert (await attempt(embedded)).custom_state == b'{"seconds":60,"unit":"min"}'
    environment.install(1)
    async with world.engine(**told(environment, gate)) as embedded:
        async with driving(embedded, execution):
            await until(embedded, is_parked)
        assert "version 2" in (await attempt(embedded)).reason
    environment.install(2)
    let_go(gate)
    record = await world.resume(**told(environment, gate))
    assert record.phase is ExecutionPhase.SUCCEEDED
    assert outputs_of(record) == {"o0": 2}


async def has_migrated(embedded: app.Embedded) -> bool:
    return (await attempt(embedded)).state_version == 2


async def test_attempts_wait_and_say_why_while_the_environment_is_broken(
    world: World, tmp_path: Path, gate: Path
) -> None:
    environment = Environment(tmp_path / "broken")
    environment.link_elevon()
    environment.install(1)
    async with world.engine(**told(environment, gate)) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, has_started)
    environment.remove()
    async with world.engine(**told(environment, gate)) as embedded:
        async with driving(embedded, execution):
            await until(embedded, is_parked)
        reason = (await attempt(embedded)).reason
    assert "no executor is registered for the task type 'scripted'" in reason
    assert f"host 'naps' can't be had: {environment.python} can't be started" in reason
    environment = Environment(tmp_path / "broken")
    environment.link_elevon()
    environment.install(1)
    let_go(gate)
    assert (await world.resume(**told(environment, gate))).phase is ExecutionPhase.SUCCEEDED


async def test_attempts_wait_while_the_package_is_uninstalled(
    world: World, environment: Environment, gate: Path
) -> None:
    environment.install(1)
    async with world.engine(**told(environment, gate)) as embedded:
        execution = await world.create(embedded, flows.single)
        async with driving(embedded, execution):
            await until(embedded, has_started)
    environment.uninstall()
    async with world.engine(hosts=hosts(environment)) as embedded:
        async with driving(embedded, identity()):
            await until(embedded, is_parked)
        assert "'scripted'" in (await attempt(embedded)).reason
    environment.install(1)
    let_go(gate)
    async with world.engine(**told(environment, gate)) as embedded:
        await drive(embedded, identity())
        assert (await embedded.admin.get(identity())).phase is ExecutionPhase.SUCCEEDED


def test_environment_without_elevon_costs_its_types_only_and_the_mend_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment(tmp_path)
    environment.install(1)
    known = app.registry(app.Settings(hosts=hosts(environment)))
    assert "sleep" in known.known_types
    assert "No module named 'elevon'" in caplog.text
    assert "install elevon 0." in caplog.text


def test_wrong_setting_of_an_executor_there_is_refused(environment: Environment) -> None:
    environment.install(1)
    settings = app.Settings(
        hosts=hosts(environment), configuration={"nap": {"gaet": "x"}}, configuration_origin="elevon.toml"
    )
    with pytest.raises(
        errors.UserError, match=r"elevon.toml: the executor 'nap' has no setting 'gaet'.*host 'naps'"
    ):
        app.registry(settings)


def test_list_shows_the_host_and_the_release(environment: Environment, tmp_path: Path) -> None:
    environment.install(1)
    home = tmp_path / "home"
    home.mkdir()
    (home / "elevon.toml").write_text(
        f'[hosts.naps]\npython = "{environment.python}"\nmemory_limit = "512Mi"\n'
    )
    command = [sys.executable, "-m", "elevon", "plugin", "list", "--home", str(home)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("nap ")]
    assert "process (naps)" in line
    assert "naps 1.0" in line
    listed = json.loads(
        subprocess.run([*command, "--output", "json"], capture_output=True, check=True).stdout
    )
    (found,) = [one for one in listed["executors"] if one["executor"] == "nap"]
    assert found["isolation"] == "process"
    assert found["host"] == "naps"
