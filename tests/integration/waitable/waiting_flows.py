"""Executions that are awaited, and tasks that wait for them."""

from datetime import timedelta
from typing import ClassVar

from elevon import NonRecoverable, Waitable, current_context, task, task_decorator, workflow
from elevon.plugin import ExecutorProperties
from elevon.tasktypes.sleep.task import Sleep
from elevon.tasktypes.waitable.executor import WaitableExecutor
from elevon.tasktypes.waitable.task import WaitableTask, waitable_task

nap = Sleep("nap", timedelta(milliseconds=300))
hibernate = Sleep("hibernate", timedelta(hours=1))


class ApartExecutor(WaitableExecutor):
    """The same in a process of its own: the control plane has a pipe to cross."""

    id = "apart"
    task_types: ClassVar[tuple[str, ...]] = ("apart",)
    properties = ExecutorProperties(isolation="process")


class ApartTask(WaitableTask):
    task_type = "apart"


apart = task_decorator(ApartTask)


@task
def spoil() -> None:
    raise NonRecoverable("the batch is spoilt")


@waitable_task
def report(runs: list[Waitable]) -> list[str]:
    return [f"{run.name} {run.phase}" for run in runs]


@waitable_task(retries=1)
def stumble(runs: list[Waitable]) -> list[str]:
    if current_context().attempt == 0:
        raise ValueError("the first attempt stumbles")
    return [f"{run.name} {run.phase}" for run in runs]


@waitable_task(queue_timeout=timedelta(seconds=2))
def hurry(runs: list[Waitable]) -> list[str]:
    return []


@apart
def report_apart(runs: list[Waitable]) -> list[str]:
    return [f"{run.name} {run.phase}" for run in runs]


@workflow
def napping() -> None:
    nap()


@workflow
def spoiling() -> None:
    spoil()


@workflow
def endless() -> None:
    hibernate()


@workflow
def reporting(runs: list[Waitable]) -> list[str]:
    return report(runs=runs)


@workflow
def hurrying(runs: list[Waitable]) -> list[str]:
    return hurry(runs=runs)


@workflow
def stumbling(runs: list[Waitable]) -> list[str]:
    return stumble(runs=runs)


@workflow
def reporting_apart(runs: list[Waitable]) -> list[str]:
    return report_apart(runs=runs)
