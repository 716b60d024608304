"""A task type that can't be served is told at once: before anything begins if that can be known, else by a stop."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import WAIT_S, Shell
from tests.e2e.servers import Server, end

WITHOUT_DUCKDB = """
import sys

sys.modules["duckdb"] = sys.modules["sqlglot"] = None
"""

QUERIES = """
from elevon import dynamic, task, workflow
from elevon.tasktypes.hive.task import HiveTask, hive_task


@hive_task
def made() -> str:
    return "SELECT 1"


once = HiveTask("once", "SELECT 1")


@workflow
def making():
    made()


@workflow
def asking():
    once()


@dynamic
def decide(count: int) -> str:
    for _ in range(count):
        once()
    return "decided"


@task
def shout(text: str) -> str:
    return text.upper()


@workflow
def deciding(count: int = 1) -> str:
    return shout(text=decide(count=count))
"""

COOKS = """
from elevon.plugin import ExecutorProperties, LauncherExecutor


class Cook(LauncherExecutor[None]):
    id = "cook"
    task_types = ("cook",)
    properties = ExecutorProperties(uses_launcher=True, generates_types=("dish",))
"""

KITCHEN = """
from elevon import Task, workflow

cook = Task("cook", task_type="cook")


@workflow
def dinner():
    cook()
"""

HINT = (
    "executor 'hive' could not be initialized: the hive backend 'embedded' needs sqlglot, which is not installed: "
    "pip install 'elevon[hive]'; mend that, then run or resume again"
)


@pytest.fixture
def queries(shell: Shell) -> Path:
    """A file with queries, where the packages of the extra `hive` are not installed."""
    (shell.directory / "less").mkdir()
    (shell.directory / "less" / "sitecustomize.py").write_text(WITHOUT_DUCKDB)
    shell.environment["PYTHONPATH"] = str(shell.directory / "less")
    path = shell.directory / "queries.py"
    path.write_text(QUERIES)
    return path


def test_a_type_whose_tasks_another_generates_is_missed_before_anything_begins(
    shell: Shell, queries: Path
) -> None:
    for workflow, who in (
        ("asking", ""),
        ("making", "tasks of the type 'batch_hive' go on as tasks of the type 'hive': "),
    ):
        refused = shell.run("run", queries.name, workflow)
        assert refused.returncode == 2
        assert refused.stderr.count(HINT) == 1
        assert f"elevon: {who}{HINT}\n" in refused.stderr
    assert shell.json("executions") == []


def test_a_strangers_type_says_as_well_what_its_tasks_generate(shell: Shell) -> None:
    (shell.directory / "cooks.py").write_text(COOKS)
    (shell.directory / "kitchen.py").write_text(KITCHEN)
    refused = shell.run("run", "--tasktype", "cooks:Cook", "kitchen.py", "dinner")
    assert refused.returncode == 2
    assert refused.stderr == (
        "elevon: tasks of the type 'cook' go on as tasks of the type 'dish': no executor is registered for the task "
        "type 'dish': install the package that has it, or name it by --tasktype MODULE:CLASS, then run or resume "
        "again\n"
    )


def test_a_run_stops_where_only_an_operator_helps_and_is_resumed_with_what_was_missing(
    shell: Shell, queries: Path
) -> None:
    stopped = shell.run("run", "--execution-id", "x1", queries.name, "deciding", "--count", "3")
    assert stopped.returncode == 74
    assert stopped.stderr.endswith(
        "elevon: n0/dn0 and 2 more of the type 'hive' wait for an operator, and nothing else of execution x1 can go "
        f"on: {HINT}\nstopped; go on with: elevon resume x1\n"
    )
    shown = shell.run("show", "x1").stdout
    assert f"waits for an operator: {HINT}\n" in shown
    assert "nobody drives it; go on with: elevon resume x1\n" in shown
    again = shell.run("resume", "x1", "--output", "json")
    assert again.returncode == 74
    (document,) = json.loads(again.stdout)
    assert (document["phase"], document["error"]) == ("RUNNING", None)
    assert again.stderr.count("waits for an operator") == 1
    del shell.environment["PYTHONPATH"]
    done = shell.run("resume", "x1")
    assert (done.returncode, done.stdout) == (0, "outputs:\n  o0: DECIDED\n"), done.stderr


def test_who_watches_a_server_is_told_once_and_watches_on(server: Server, queries: Path) -> None:
    shutil.copy(queries, server.client.directory)
    serving = server.start()
    watching = server.client.start("run", "--execution-id", "x1", queries.name, "deciding")
    assert watching.stderr is not None
    told = next(line for line in watching.stderr if "operator" in line)
    assert told == f"n0/dn0 waits for an operator: {HINT}\n"
    end(serving)
    del server.shell.environment["PYTHONPATH"]
    server.start()
    outputs, more = watching.communicate(timeout=WAIT_S)
    assert (watching.returncode, outputs) == (0, "outputs:\n  o0: DECIDED\n")
    assert "operator" not in more
