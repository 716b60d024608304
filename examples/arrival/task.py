"""The author's side: what a workflow calls."""

from elevon import Task


class FileArrival(Task[..., str]):
    """Waits until there is a file at a path, and gives the path back: `arrival = FileArrival("arrival")`."""

    task_type = "file-arrival"
    inputs = {"path": str}  # noqa: RUF012 - the SDK only reads it
    outputs = {"o0": str}  # noqa: RUF012
