"""The program of `make_workflow_golden.py`, written with elevon."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from elevon import OnFailure, Resources, dynamic, if_, map_task, task, workflow


@dataclass
class Point:
    x: int
    ys: list[int]


class Parts(NamedTuple):
    whole: int
    text: str


@task
def point(x: int) -> Point:
    """Make a point.

    Args:
        x: Where it lies.
    """
    return Point(x, [x])


@task(
    retries=2,
    timeout=timedelta(seconds=5),
    interruptible=True,
    requests=Resources(cpu="1", mem="1Gi"),
    limits=Resources(cpu="2"),
    environment={"A": "b"},
)
def split(x: int) -> Parts:
    return Parts(x, "")


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def total(values: list[int], named: dict[str, int]) -> int:
    return sum(values) + sum(named.values())


@task
def announce(x: int) -> None: ...


@workflow
def inner(x: int) -> int:
    return add(x)


@workflow(on_failure=OnFailure.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def plain(x: int, y: int = 3, flag: bool = True) -> Parts:
    made = point(x)
    whole, text = split(made.ys[0])
    below = inner(whole)
    summed = total(values=[below, 1, x], named={"a": made.x, "b": 2})
    said = announce.with_overrides(node_name="said", retries=4)(summed)
    last = add.with_overrides(after=[said])(2, y)
    return Parts(last, text)


@dynamic
def unfolded(x: int, names: list[str]) -> int:
    below = inner(x=x)
    parts = [add(x=number, y=below) for number in range(x)]
    return total(values=[*parts, 7], named=dict.fromkeys(names, below))


@workflow
def chosen(x: int, flag: bool) -> int:
    made = add(x)
    either = if_(((x > 3) & (made != 4)) | (made <= x), lambda: add(made))
    return either.elif_(flag, lambda: add(1)).else_fail("neither")


@workflow
def mapped(xs: list[int]) -> list[int | None]:
    first = map_task(add, concurrency=3)(x=xs, y=xs)
    second = map_task(add, min_successes=2)(x=first, y=xs)
    return map_task(add, min_success_ratio=0.3, run_all_sub_nodes=True)(x=second, y=first)
