"""A command that knows nothing of elevon, with inputs in its arguments.

On this machine it is started as a process; the image counts where tasks run in containers. The exit code says whether
it succeeded. What it leaves behind is read by the next task, which `after` holds back until then.
"""

from pathlib import Path

from elevon import task, workflow
from elevon.tasktypes.container.task import ContainerTask

sort_lines = ContainerTask(
    "sort_lines",
    "debian:stable-slim",
    ["sort", "-u", "-o", "{{.inputs.target}}", "{{.inputs.source}}"],
    inputs={"source": str, "target": str},
)


@task
def last_line(path: str) -> str:
    """The last line of a file."""
    return Path(path).read_text(encoding="utf-8").splitlines()[-1]


@workflow
def greatest(source: str, target: str) -> str:
    """The greatest line of a file, by way of `sort`.

    Args:
        source: The file.
        target: Where its sorted lines go.
    """
    is_sorted = sort_lines(source=source, target=target)
    return last_line.with_overrides(after=[is_sorted])(path=target)
