"""The author's side of `waitable`: a function that runs once the executions that its inputs refer to have ended."""

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from elevon.idl import waitables
from elevon.sdk import runs, settings, tasks
from elevon.sdk.tasks import P, R_co
from elevon.sdk.types import Waitable

__all__ = ["Waitable", "WaitableTask", "waitable_task"]


class WaitableTask(tasks.RunnableTask[P, R_co]):
    """Wraps a function with a `Waitable` among its inputs: alone, in lists or dicts, or as a field of a dataclass.

    The function is run when all of the executions have ended, however they did. It finds the phase of each in the
    `Waitable` that it is given.
    """

    task_type = "waitable"

    def __init__(self, function: Callable[P, R_co], **options: Unpack[settings.TaskOptions]) -> None:
        """Wrap a function.

        Args:
            function: A plain function with annotations.
            **options: Settings of any task; `timeout` counts for the function alone, and not for the wait.

        Raises:
            UserError: No input can hold a reference; or the function, a type or a setting is not supported.
        """
        super().__init__(function, **options)
        if not any(waitables.may_hold(parameter.type) for parameter in self.interface.inputs.values()):
            raise self.site.error(
                "has no input that refers to an execution, and would wait for nothing: annotate one as Waitable or "
                "list[Waitable], or use @task"
            )

    def run_locally(self, arguments: Mapping[str, Any]) -> Any:
        """Run the function in this process, on references that say how their executions ended: here nobody waits.

        Raises:
            UserError: An execution has not ended, as far as its reference says.
        """
        running: list[str] = []

        def note(place: str, waitable: waitables.Waitable) -> None:
            if not waitables.has_ended(waitable):
                running.append(f"{place} ({waitable.wf_exec_id.name})")

        waitables.visited(runs.to_literals(self.site, self.interface, arguments), note)
        if running:
            raise self.site.error(
                f"can't wait here for {', '.join(running)}: give each a final phase, as in "
                "Waitable(NAME, phase='SUCCEEDED'), or use elevon run FILE NAME"
            )
        return super().run_locally(arguments)


waitable_task = tasks.task_decorator(WaitableTask)
