"""A workflow that uses a stranger's task type; the engine is told where its executor is.

`elevon run --tasktype arrival.executor:ArrivalExecutor examples/arrivals.py relay --path /tmp/letter`
"""

from pathlib import Path

from arrival.task import FileArrival

from elevon import task, workflow

arrival = FileArrival("arrival", retries=1)


@task
def send(path: str) -> None:
    """Writes the file; stands for somebody outside."""
    Path(path).write_text("dear reader", encoding="utf-8")


@task
def read(path: str) -> str:
    """Reads it."""
    return Path(path).read_text(encoding="utf-8")


@workflow
def relay(path: str) -> str:
    """Wait for a letter, and read it.

    Args:
        path: Where it will be.
    """
    send(path=path)
    return read(path=arrival(path=path))
