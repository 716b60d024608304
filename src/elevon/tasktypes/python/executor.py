"""The engine's side of `python-task`, flytekit's type string for a plain Python function."""

from elevon.plugin import ExecutorProperties, LauncherExecutor


class PythonExecutor(LauncherExecutor[None]):
    """Follows the job of one Python function."""

    id = "python"
    task_types = ("python-task",)
    properties = ExecutorProperties(uses_launcher=True, isolation="engine")
