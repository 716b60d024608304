"""Workflows of scripted tasks."""

from datetime import timedelta
from typing import Any

from elevon import OnFailure, Task, if_, map_task, workflow

job: Task[..., Any] = Task("job", task_type="scripted", outputs={"o0": int})
other: Task[..., Any] = Task("other", task_type="other", outputs={"o0": int})
fed: Task[..., Any] = Task("fed", task_type="scripted", inputs={"x": int}, outputs={"o0": int})
hurried: Task[..., Any] = Task(
    "hurried", task_type="scripted", outputs={"o0": int}, timeout=timedelta(seconds=1)
)
queued: Task[..., Any] = Task(
    "queued", task_type="scripted", outputs={"o0": int}, queue_timeout=timedelta(milliseconds=150)
)


@workflow
def single() -> int:
    return job()


@workflow
def single_other() -> int:
    return other()


@workflow
def stubborn() -> int:
    return job.with_overrides(retries=2)()


@workflow
def limited() -> int:
    return hurried()


@workflow
def limited_twice() -> int:
    return hurried.with_overrides(retries=1)()


@workflow
def waiting() -> int:
    return queued()


@workflow
def waiting_in_line() -> int:
    job()
    return queued()


@workflow
def pair() -> int:
    job()
    return job()


@workflow
def five() -> int:
    results = [job() for _ in range(5)]
    return results[0]


@workflow
def chain() -> int:
    return fed(x=job())


@workflow
def mixed() -> int:
    first = job()
    other()
    return fed(x=first)


@workflow(on_failure=OnFailure.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def patient() -> int:
    first = job()
    other()
    return fed(x=first)


@workflow
def chosen() -> int:
    return if_(job() == 1, lambda: fed(x=7)).else_(other)


@workflow
def mapped(xs: list[int]) -> list[int]:
    return map_task(fed, concurrency=1)(x=xs)


@workflow
def mapped_at_once(xs: list[int]) -> list[int]:
    return map_task(fed)(x=xs)


@workflow
def mapped_in_part(xs: list[int]) -> list[int | None]:
    return map_task(fed, min_successes=1)(x=xs)


@workflow
def mapped_twice(xs: list[int]) -> list[int]:
    return mapped_at_once(xs=map_task(fed)(x=xs))


@workflow
def mapped_with_retries(xs: list[int]) -> list[int]:
    return map_task(fed, concurrency=1).with_overrides(retries=1)(x=xs)
