"""Where the files of attempts are: one directory an attempt, below the data directory of the home."""

from pathlib import Path

import msgspec

from elevon.records.identities import ExecutionId


class AttemptPaths(msgspec.Struct, frozen=True):
    """The files of one attempt, named as Flyte names them.

    Attributes:
        data_dir: Its own directory; made by whoever writes first.
    """

    data_dir: Path

    @property
    def inputs_file(self) -> Path:
        """Serialized `LiteralMap`, written only for whoever needs a file."""
        return self.data_dir / "inputs.pb"

    @property
    def outputs_file(self) -> Path:
        """Serialized `LiteralMap`, left by the task's process."""
        return self.data_dir / "outputs.pb"

    @property
    def error_file(self) -> Path:
        """Serialized `ErrorDocument`, left by the task's process."""
        return self.data_dir / "error.pb"

    @property
    def raw_output_prefix(self) -> str:
        """Below it go the user's own files."""
        return f"{self.data_dir}/raw"


def execution_dir(data_dir: Path, execution: ExecutionId) -> Path:
    """Where the files of all attempts of an execution are.

    Args:
        data_dir: Data directory of the home.
        execution: Whose files.
    """
    return data_dir / f"{execution.project}-{execution.domain}-{execution.name}"


def attempt_paths(execution_dir: Path, node_id: str, attempt: int) -> AttemptPaths:
    """Where the files of an attempt are.

    Args:
        execution_dir: Of its execution.
        node_id: Unique id of its node.
        attempt: Its index.
    """
    return AttemptPaths(Path(f"{execution_dir}/{node_id}/{attempt}"))
