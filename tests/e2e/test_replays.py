"""What an executor would say now to what it was asked then is found out without its service."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Shell

EXECUTOR = """
from datetime import timedelta
from pathlib import Path

import msgspec

from elevon import Task, workflow
from elevon.plugin import Executor, ExecutorProperties, TaskStatus

LEDGER = Path(__file__).with_name("ledger.txt")


class State(msgspec.Struct):
    job: str
    round: int = 0


async def submit(token):
    with LEDGER.open("a") as ledger:
        ledger.write(token + "\\n")
    return token


class Rounds(Executor[None, State]):
    id = "rounds"
    task_types = ("rounds",)
    properties = ExecutorProperties(isolation="engine", check_after=timedelta(0))

    async def start_task(self, ctx, template, spec, inputs):
        await ctx.once("job", submit)
        return TaskStatus.running(State(f"{ctx.task_execution_id.generated_name} at {ctx.now}"))

    async def check_task_status(self, ctx):
        state = ctx.state
        if state.round == 2:
            return TaskStatus.succeeded({})
        return TaskStatus.running(State(state.job, state.round + 1), phase_version=state.round + 1)

    async def kill_task(self, ctx, reason):
        pass


turn: Task[..., None] = Task("turn", task_type="rounds", outputs={})


@workflow
def inner() -> None:
    turn()


@workflow
def flow() -> None:
    inner()
"""
STEPS = [
    "state",
    "state",
    "state",
    "start in STARTING",
    "check in RUNNING",
    "check in RUNNING",
    "check in RUNNING",
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A home in which an attempt of a stranger's type has run."""
    made = Shell(tmp_path_factory.mktemp("replays"))
    made.environment["PYTHONDONTWRITEBYTECODE"] = (
        "1"  # a release may follow within the second of the one before
    )
    made.program.write_text(EXECUTOR)
    done = made.run("run", "--execution-id", "x1", "--tasktype", reference(made), made.program.name, "flow")
    assert done.returncode == 0, done.stderr
    yield made
    made.close()


@pytest.fixture
def shell(recorded: Shell) -> Shell:
    """The same, with the executor that ran."""
    recorded.program.write_text(EXECUTOR)
    return recorded


def reference(shell: Shell) -> str:
    return f"{shell.program.stem}:Rounds"


def change(shell: Shell, before: str, after: str) -> None:
    """A new release of the executor."""
    assert before in EXECUTOR
    shell.program.write_text(EXECUTOR.replace(before, after))


def replay(shell: Shell) -> tuple[int, list[dict[str, Any]]]:
    done = shell.run("plugin", "replay", "x1", "n0/n0", "--tasktype", reference(shell), "--output", "json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["steps"]


def test_the_same_code_says_the_same_and_submits_nothing(shell: Shell) -> None:
    code, steps = replay(shell)
    assert [step["step"] for step in steps] == STEPS
    assert {step["verdict"] for step in steps} == {"same"}
    assert code == 0
    assert len((shell.directory / "ledger.txt").read_text().split()) == 1
    told = shell.run("plugin", "replay", "x1", "n0/n0", "--tasktype", reference(shell)).stdout
    assert told.startswith("attempt 0 of node n0/n0 in execution x1, replayed by ")
    assert told.endswith("7 the same, 0 different, 0 not checked\n")


def test_code_that_says_something_else_is_found(shell: Shell) -> None:
    change(shell, "state.round == 2", "state.round >= 1")
    code, steps = replay(shell)
    assert code == 1
    (different,) = [step for step in steps if step["verdict"] == "different"]
    assert different["recorded"].startswith("RUNNING v2")
    assert different["note"] == "the phase is SUCCEEDED; state.round differs"


def test_code_that_raises_is_found_with_what_it_raises(shell: Shell) -> None:
    change(shell, "state = ctx.state\n", "state = ctx.state.gone\n")
    code, steps = replay(shell)
    assert code == 1
    assert [step["verdict"] for step in steps][-3:] == ["different"] * 3
    assert "has no attribute 'gone'" in steps[-1]["note"]


def test_states_that_can_not_be_read_any_more_are_found(shell: Shell) -> None:
    change(shell, "job: str", "job: int")
    code, steps = replay(shell)
    assert code == 1
    assert [step["found"] for step in steps][:3] == ["unreadable"] * 3


def test_states_that_are_migrated_are_no_difference(shell: Shell) -> None:
    change(shell, "round: int = 0", "round: int = 0\n    place: str = 'here'")
    migrated = shell.program.read_text().replace(
        '    id = "rounds"',
        '    id = "rounds"\n    state_version = 2\n\n    def migrate(self, version, raw):\n        return raw\n',
    )
    shell.program.write_text(migrated)
    code, steps = replay(shell)
    assert (code, {step["verdict"] for step in steps}) == (0, {"same"})
    assert steps[0]["note"] == "migrated from version 1 to 2"


@pytest.mark.parametrize(
    ("reach", "note"),
    [
        ("__import__('socket').create_connection(('127.0.0.1', 9))", "it needs the network"),
        ("__import__('subprocess').run(['true'])", "it needs another process"),
        ("await ctx.once('more', submit)", "it needs once('more'), which would submit"),
        ("await ctx.launcher.poll()", "it needs the launcher"),
    ],
)
def test_what_reaches_out_is_refused_and_not_checked(shell: Shell, reach: str, note: str) -> None:
    change(shell, "state = ctx.state\n", f"state = ctx.state\n        {reach}\n")
    code, steps = replay(shell)
    assert code == 0
    assert [(step["verdict"], step["note"]) for step in steps[-3:]] == [("needs the service", note)] * 3
    assert len((shell.directory / "ledger.txt").read_text().split()) == 1


def test_an_executor_that_can_not_be_had_is_said(shell: Shell) -> None:
    gone = shell.run("plugin", "replay", "x1", "n0/n0")
    assert gone.returncode == 2
    assert "no executor is registered for the task type 'rounds'" in gone.stderr
