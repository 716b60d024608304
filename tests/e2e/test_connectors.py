"""What the command line says of connector services that are configured, whether they are there or not."""

import pytest

from tests.e2e.conftest import Shell

NOBODY_THERE = "127.0.0.1:9"  # the port of `discard`
PROGRAM = """
from elevon import Task, workflow

batch: Task[..., str] = Task("batch", task_type="batch", outputs={"o0": str})


@workflow
def one() -> str:
    return batch()
"""


@pytest.fixture
def connected(shell: Shell) -> Shell:
    configure(shell, NOBODY_THERE)
    (shell.directory / "batches.py").write_text(PROGRAM)
    return shell


def configure(shell: Shell, address: str, *more: str) -> None:
    shell.home.mkdir(exist_ok=True)
    lines = ["[executors.connector.endpoints.main]", f'address = "{address}"', "insecure = true", *more]
    (shell.home / "elevon.toml").write_text("\n".join(lines) + "\n")


def test_an_executor_that_discovers_its_types_is_listed_as_such(connected: Shell) -> None:
    found = {one["executor"]: one for one in connected.json("plugin", "list")["executors"]}
    assert found["connector"]["task_types"] == []
    assert found["connector"]["from"] == "elevon"
    assert "those that it discovers" in connected.run("plugin", "list").stdout


def test_without_settings_there_is_no_connector_executor(shell: Shell) -> None:
    found = {one["executor"] for one in shell.json("plugin", "list")["executors"]}
    assert "connector" not in found


@pytest.mark.parametrize("command", ["run", "compile"])
def test_a_type_is_missing_because_its_service_is_not_there(connected: Shell, command: str) -> None:
    done = connected.run(command, "batches.py", "one")
    assert done.returncode == 2
    assert "no executor is registered for the task type 'batch'" in done.stderr
    assert f"the connector service 'main' at {NOBODY_THERE} could not say what it offers" in done.stderr


def test_a_type_that_is_configured_is_known_although_its_service_is_not_there(connected: Shell) -> None:
    configure(connected, NOBODY_THERE, 'task_types = ["batch"]')
    assert connected.run("check", "batches.py").returncode == 0
    done = connected.run("run", "--detach", "--execution-id", "patient", "batches.py", "one")
    assert done.returncode == 0, done.stderr
    assert connected.run("abort", "patient").returncode == 0


def test_a_type_that_may_be_discovered_can_be_drained(connected: Shell) -> None:
    assert connected.run("plugin", "drain", "batch", "--reason", "upgrade").returncode == 0
    assert "drained, and registered by nobody" in connected.run("plugin", "list").stdout


def test_an_address_that_is_none_is_named(shell: Shell) -> None:
    configure(shell, "http://connectors")
    done = shell.run("check", shell.program.name)
    assert done.returncode == 2
    assert "a setting of the executor 'connector' is wrong" in done.stderr
    assert "endpoints" in done.stderr
