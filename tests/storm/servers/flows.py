"""What the storm of servers runs: a chain that notes each task."""

from pathlib import Path

from elevon import task, workflow

STEP_COUNT = 5


@task
def step(x: int, who: str, ledger: str) -> int:
    with Path(ledger).open("a") as file:
        file.write(f"{who} {x}\n")
    return x + 1


@workflow
def chain(who: str, ledger: str) -> int:
    x = step(x=0, who=who, ledger=ledger)
    for _ in range(STEP_COUNT - 1):
        x = step(x=x, who=who, ledger=ledger)
    return x
