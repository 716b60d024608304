"""A task type that can't be served is told at once: before anything begins if that can be known, else by a stop."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Shell

WITHOUT_DUCKDB = """
import sys

sys.modules["duckdb"] = sys.modules["sqlglot"] = None
"""

QUERIES = """
from elevon import dynamic, workflow
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

HINT = "the hive backend 'embedded' needs sqlglot, which is not installed: pip install 'elevon[hive]'"


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
        assert f"elevon: {who}executor 'hive' could not be initialized: {HINT}; mend that, " in refused.stderr
        assert refused.stderr.count(HINT) == 1
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
