"""The engine's side of `container`."""

from elevon.plugin import ExecutorProperties, LauncherExecutor


class ContainerExecutor(LauncherExecutor[None]):
    """Follows the job of one command."""

    id = "container"
    task_types = ("container", "raw-container")
    properties = ExecutorProperties(uses_launcher=True, isolation="engine")
