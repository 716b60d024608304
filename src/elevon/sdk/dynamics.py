"""Tasks that go on as nodes which they make at run time: the futures file.

It owns `@dynamic` and `record_futures`: a function is recorded as a workflow's is, but while its task runs, with real
inputs, and what it called becomes a `DynamicJobSpec`. It must never run or check what was recorded: the engine does.
"""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from elevon.sdk import contexts, files, runs, serialization, tasks, tracing

P = tasks.P
R_co = tasks.R_co


class DynamicTask(tasks.RunnableTask[P, R_co]):
    """A Python task whose function calls tasks and workflows, which then run as nodes under its own."""

    task_type = "python-task"

    def execute(self, /, **inputs: Any) -> Any:
        """Record what the function calls with these inputs."""
        function: Callable[..., Any] = self.function
        return record_futures(self, functools.partial(function, **inputs))

    def run_locally(self, arguments: Mapping[str, Any]) -> Any:
        """Run it in this process, on plain values, and what it calls too."""
        return runs.call(self.site, self.interface, self.function, arguments)


dynamic = tasks.task_decorator(DynamicTask)


def record_futures(task: tasks.RunnableTask[..., Any], function: Callable[[], Any]) -> Any:
    """Record what a function calls, for the `execute` of a task to return it.

    Args:
        task: The task that runs; the function has to return what its interface promises: results of calls, plain
            values, or lists and dicts of both.
        function: Calls tasks and workflows, which are recorded and not run.

    Returns:
        The futures, a `DynamicJobSpec`; what the function returned if it called nothing.

    Raises:
        UserError: The function does something that can't be recorded.
        Exception: Whatever it raises.
    """
    context = contexts.current_context()
    sink = files.FolderFiles(context.raw_output_prefix)
    scope = tracing.Scope(task.site, prefix="dn", sink=sink)
    result = tracing.record(scope, function)
    if not scope.nodes:
        return result
    return serialization.serialize_futures(
        tracing.body_of(scope, task.interface, result),
        project=context.execution_id.project,
        domain=context.execution_id.domain,
        version=os.environ.get("FLYTE_INTERNAL_TASK_VERSION", ""),
    )
