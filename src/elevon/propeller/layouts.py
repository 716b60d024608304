"""Where the files of attempts are: one directory an attempt, below the data directory of the home."""

from pathlib import Path

from elevon.plugin.invocations import AttemptPaths
from elevon.records.identities import ExecutionId


def execution_dir(data_dir: Path, execution: ExecutionId) -> Path:
    """Where the files of all attempts of an execution are.

    Args:
        data_dir: Data directory of the home.
        execution: Whose files.
    """
    return data_dir / folder_of(execution)


def folder_of(execution: ExecutionId) -> str:
    """The name of that directory, which is as plain as the execution's own."""
    return f"{execution.project}-{execution.domain}-{execution.name}"


def attempt_paths(execution_dir: Path, node_id: str, attempt: int) -> AttemptPaths:
    """Where the files of an attempt are.

    Args:
        execution_dir: Of its execution.
        node_id: Unique id of its node.
        attempt: Its index.
    """
    previous = execution_dir.joinpath(node_id, str(attempt - 1)) if attempt else None
    return AttemptPaths(execution_dir.joinpath(node_id, str(attempt)), previous)
