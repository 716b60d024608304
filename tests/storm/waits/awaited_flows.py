"""The workflows of the storm of waits: executions that are awaited, and those that wait."""

from datetime import timedelta

from elevon import NonRecoverable, Waitable, current_context, task, workflow
from elevon.tasktypes.sleep.task import Sleep
from elevon.tasktypes.waitable.task import waitable_task
from tests.storm import ledgers

blink = Sleep("blink", timedelta(milliseconds=100))
nap = Sleep("nap", timedelta(seconds=1))
rest = Sleep("rest", timedelta(seconds=2.5))
hibernate = Sleep("hibernate", timedelta(hours=1))


@task
def spoil() -> None:
    raise NonRecoverable("the batch is spoilt")


@workflow
def quick() -> None:
    blink()


@workflow
def middling() -> None:
    nap()


@workflow
def slow() -> None:
    rest()


@workflow
def failing() -> None:
    spoil.with_overrides(after=[blink()])()


@workflow
def endless() -> None:
    hibernate()


@waitable_task
def report(runs: dict[str, list[Waitable]], ledger: str) -> dict[str, str]:
    ledgers.append(ledger, "begin", current_context().execution_id.name)
    return {run.name: str(run.phase) for group in runs.values() for run in group}


@workflow
def waiting(runs: dict[str, list[Waitable]], ledger: str) -> dict[str, str]:
    return report(runs=runs, ledger=ledger)
