"""User code in a task of a stranger's type."""

from typing import Any

from elevon import RunnableTask, task_decorator, workflow


class ShoutingTask(RunnableTask[..., Any]):
    task_type = "shouting"


shouting_task = task_decorator(ShoutingTask)


@shouting_task
def shout(x: int) -> int:
    return x + 1


@workflow
def loud(x: int) -> int:
    return shout(x=x)
