"""What the author of a task type writes: every line must pass."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, assert_type

from google.protobuf.duration_pb2 import Duration

from elevon import RunnableTask, Task, TaskDeclaration, TaskOptions, task_decorator, workflow

P = ParamSpec("P")
R = TypeVar("R")


class Nap(Task[[timedelta], None]):
    task_type = "nap"
    inputs: Mapping[str, Any] = {"duration": timedelta}

    def __init__(
        self, name: str, *, extra: timedelta = timedelta(0), **declaration: Unpack[TaskDeclaration]
    ) -> None:
        super().__init__(name, **declaration)
        self.extra = extra

    def message(self) -> Duration:
        return Duration(seconds=int(self.extra.total_seconds()))


class QueryTask(RunnableTask[P, R], Generic[P, R]):
    task_type = "query"

    def __init__(self, function: Any, *, cluster: str = "main", **options: Unpack[TaskOptions]) -> None:
        super().__init__(function, **options)
        self.cluster = cluster

    def execute(self, /, **inputs: Any) -> Any:
        return super().execute(**inputs)


query = task_decorator(QueryTask)
nap = Nap("nap", extra=timedelta(seconds=1), retries=2)
adhoc = Task("adhoc", task_type="adhoc", inputs={"x": int}, outputs={"o0": int})


@query
def bare(table: str) -> int:
    return len(table)


@query(cluster="big", retries=2)
def configured(table: str, limit: int = 3) -> list[str]:
    return [table] * limit


@workflow
def flow(table: str) -> list[str]:
    nap(timedelta(seconds=3))
    assert_type(bare(table), int)
    adhoc(x=3)
    rows = configured(table, limit=bare(table))
    assert_type(rows, list[str])
    return rows
