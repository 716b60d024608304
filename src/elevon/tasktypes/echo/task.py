"""The author's side of `echo`: a task that gives each input back under the same name."""

from collections.abc import Mapping
from typing import Any, Unpack

from elevon.sdk import settings, tasks


class Echo(tasks.Task[..., Any]):
    """Gives its inputs back, at the cost of no process: `same = Echo("same", {"x": int})`."""

    task_type = "echo"

    def __init__(self, name: str, values: Mapping[str, Any], **options: Unpack[settings.TaskOptions]) -> None:
        """Declare an echo.

        Args:
            name: Its name in the module that declares it.
            values: Annotation of each input, which is the output of that name too.
            **options: Settings of any task.

        Raises:
            UserError: A type or a setting is not supported.
        """
        super().__init__(name, inputs=values, outputs=values, **options)
