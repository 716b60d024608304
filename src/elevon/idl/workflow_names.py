"""Names of workflows: a task that runs alone is wrapped in one, whose name is made of the task's, as Flyte does it."""

from typing import Final

_GENERATED: Final = ".flytegen."


def around(task: str) -> str:
    """The name of the workflow around one task."""
    return f"{_GENERATED}{task}"


def spelled(workflow: str) -> str:
    """What people call a workflow: one around a task as they call the task."""
    return workflow.removeprefix(_GENERATED)
