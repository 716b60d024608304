"""The front door: what a workflow author gets from ``import elevon``.

It owns the version of the package, which the build reads from here. It must never import a library that is
slow to load: a task process pays for this import on every start.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from elevon.errors import NonRecoverable, UserError
    from elevon.sdk.branches import if_
    from elevon.sdk.contexts import ExecutionContext, current_context
    from elevon.sdk.dynamics import dynamic, record_futures
    from elevon.sdk.maps import map_task
    from elevon.sdk.promises import not_
    from elevon.sdk.resources import Resources
    from elevon.sdk.secrets import Secret
    from elevon.sdk.settings import NodeOptions, TaskOptions
    from elevon.sdk.tasks import RunnableTask, Task, TaskDeclaration, task, task_decorator
    from elevon.sdk.types import Directory, File, Waitable
    from elevon.sdk.workflows import OnFailure, Workflow, workflow

__all__ = [
    "Directory",
    "ExecutionContext",
    "File",
    "NodeOptions",
    "NonRecoverable",
    "OnFailure",
    "Resources",
    "RunnableTask",
    "Secret",
    "Task",
    "TaskDeclaration",
    "TaskOptions",
    "UserError",
    "Waitable",
    "Workflow",
    "__version__",
    "current_context",
    "dynamic",
    "if_",
    "map_task",
    "not_",
    "record_futures",
    "task",
    "task_decorator",
    "workflow",
]

_ROOMS = {
    "errors": ("NonRecoverable", "UserError"),
    "sdk.branches": ("if_",),
    "sdk.contexts": ("ExecutionContext", "current_context"),
    "sdk.dynamics": ("dynamic", "record_futures"),
    "sdk.maps": ("map_task",),
    "sdk.promises": ("not_",),
    "sdk.resources": ("Resources",),
    "sdk.secrets": ("Secret",),
    "sdk.settings": ("NodeOptions", "TaskOptions"),
    "sdk.tasks": ("RunnableTask", "Task", "TaskDeclaration", "task", "task_decorator"),
    "sdk.types": ("Directory", "File", "Waitable"),
    "sdk.workflows": ("OnFailure", "Workflow", "workflow"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


if not TYPE_CHECKING:  # a type checker that saw it would let every misspelled name pass

    def __getattr__(name: str) -> Any:
        """Load a public name when it is first used: `elevon.cli` and `elevon.errors` need none of them."""
        if name not in _ROOM_OF:
            raise AttributeError(f"module 'elevon' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"elevon.{_ROOM_OF[name]}"), name)
        globals()[name] = value
        return value
