"""What the author of a task type, or its user, gets wrong: every marked line must fail, and no other."""

from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, Unpack

from elevon import RunnableTask, Task, TaskOptions, task_decorator

P = ParamSpec("P")
R = TypeVar("R")


class Nap(Task[[timedelta], None]):
    task_type = 3  # error: reportAssignmentType

    def message(self) -> str:  # error: reportIncompatibleMethodOverride
        return "text"


class QueryTask(RunnableTask[P, R], Generic[P, R]):
    task_type = "query"

    def __init__(self, function: Any, *, cluster: str = "main", **options: Unpack[TaskOptions]) -> None:
        super().__init__(function, **options)
        self.cluster = cluster


query = task_decorator(QueryTask)
nap = Nap("nap")
nap(3)  # error: reportArgumentType
Task("x", kind="sleep")  # error: reportCallIssue
task_decorator(Nap)  # error: reportArgumentType


@query(clutter="big")  # error: reportCallIssue, reportUntypedFunctionDecorator
def misspelled(table: str) -> int:
    return len(table)


@query(cluster=3)  # error: reportArgumentType
def mistyped(table: str) -> int:
    return len(table)


@query
def count(table: str) -> int:
    return len(table)


count(3)  # error: reportArgumentType
