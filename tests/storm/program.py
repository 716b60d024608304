"""The workflows of the storm: `storm` has all kinds of nodes and task types, and a retry; `doomed` fails."""

import functools
import time
from datetime import timedelta
from typing import Any

from elevon import NonRecoverable, Task, current_context, dynamic, if_, map_task, task, workflow
from elevon.tasktypes.container.task import ContainerTask
from elevon.tasktypes.echo.task import Echo
from elevon.tasktypes.sleep.task import Sleep
from tests.storm import ledgers

same = Echo("same", {"x": int})
nap = Sleep("nap", timedelta(seconds=0.5))
hibernate = Sleep("hibernate", timedelta(hours=1))
bake: Task[..., Any] = Task("bake", task_type="kiln", inputs={"x": int}, outputs={"o0": int})
squeeze: Task[..., Any] = Task("squeeze", task_type="press", inputs={"x": int}, outputs={"o0": int})
shell = ContainerTask(
    "shell",
    "alpine:3",
    [
        "/bin/sh",
        "-c",
        'me="n1#$FLYTE_ATTEMPT_NUMBER"; echo "begin $me $$" >>"$0"; sleep 0.1; echo "end $me $$" >>"$0"',
    ],
    ["{{.inputs.ledger}}"],
    inputs={"ledger": str},
)


def noted(ledger: str, seconds: float) -> None:
    """Take a while, between two lines."""
    context = current_context()
    subject = f"{context.node_id}#{context.attempt}"
    ledgers.append(ledger, "begin", subject)
    time.sleep(seconds)
    ledgers.append(ledger, "end", subject)


@task
def work(ledger: str, x: int, seconds: float) -> int:
    noted(ledger, seconds)
    return x * x


@task(retries=2)
def stumble(ledger: str, x: int) -> int:
    noted(ledger, 0.02)
    if current_context().attempt == 0:
        raise ValueError("the first attempt stumbles")
    return x + 1


@task
def total(ledger: str, values: list[int]) -> int:
    noted(ledger, 0.01)
    return sum(values)


@task
def toil(ledger: str) -> int:
    noted(ledger, 3600.0)
    return 0


@task
def spoil(ledger: str) -> int:
    noted(ledger, 0.2)
    raise NonRecoverable("the batch is spoilt")


@dynamic
def unfold(ledger: str, count: int) -> int:
    noted(ledger, 0.02)
    values = [work(ledger=ledger, x=x, seconds=0.03) for x in range(count)]
    if count > 1:
        values.append(unfold(ledger=ledger, count=count - 1))
    return total(ledger=ledger, values=values)


@workflow
def inner(ledger: str, x: int) -> int:
    first = work(ledger=ledger, x=x, seconds=0.05)
    return stumble(ledger=ledger, x=first)


@workflow
def storm(ledger: str) -> tuple[int, int, int, int, int]:
    nap()
    shell(ledger=ledger)
    squares = [work(ledger=ledger, x=x, seconds=0.03 * x) for x in range(5)]
    sure = stumble(ledger=ledger, x=same(x=4).x)
    deep = inner(ledger=ledger, x=sure)
    chosen = if_(deep > 10, lambda: work(ledger=ledger, x=bake(x=sure), seconds=0.02)).else_(
        lambda: work(ledger=ledger, x=0, seconds=0.01)
    )
    pressed = squeeze(x=squares[2])
    both = total(ledger=ledger, values=[chosen, deep])
    mapped = map_task(functools.partial(work, ledger, seconds=0.02), concurrency=2)(x=list(range(7)))
    unfolded = unfold(ledger=ledger, count=3)
    return total(ledger=ledger, values=squares), both, pressed, unfolded, total(ledger=ledger, values=mapped)


@workflow
def doomed(ledger: str) -> int:
    """One task fails while the others run for ever."""
    hibernate()
    bake(x=-1)
    squeeze(x=-1)
    toil(ledger=ledger)
    return spoil(ledger=ledger)
