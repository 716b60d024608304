"""What the author of a task that waits for executions writes: every line must pass."""

from typing import assert_type

from elevon import Waitable, task, workflow
from elevon.records.phases import ExecutionPhase
from elevon.tasktypes.waitable.task import waitable_task


@task
def launch(count: int) -> list[Waitable]:
    return [Waitable(f"part-{number}") for number in range(count)]


@waitable_task
def report(runs: list[Waitable]) -> str:
    for run in runs:
        assert_type(run.phase, ExecutionPhase | None)
        assert_type(run.has_succeeded, bool)
    return ", ".join(str(run) for run in runs)


@waitable_task(retries=2)
def first(run: Waitable, others: dict[str, Waitable] | None = None) -> Waitable:
    return run


@workflow
def whole(runs: list[Waitable]) -> str:
    parts = launch(count=3)
    first(run=runs[0])
    assert_type(report(runs=runs), str)
    return report(runs=parts)


assert_type(report(runs=[Waitable("nightly", phase="SUCCEEDED")]), str)
