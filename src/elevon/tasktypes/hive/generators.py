"""The engine's side of `batch_hive`: user code that makes queries, and goes on as them."""

from elevon.plugin import ExecutorProperties, LauncherExecutor


class BatchHiveExecutor(LauncherExecutor[None]):
    """Follows the job of a function that returns queries."""

    id = "batch_hive"
    task_types = ("batch_hive",)
    properties = ExecutorProperties(uses_launcher=True, isolation="engine", generates_types=("hive",))
