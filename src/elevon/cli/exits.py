"""The exit codes of `elevon`, and which of them an error means.

Documented in `docs/cli.md`; scripts rely on them.
"""

import enum

from elevon import errors


class Exit(enum.IntEnum):
    """What a shell sees."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    BUG = 70
    STOPPED = 74
    SUSPENDED = 130
    PIPE_CLOSED = 141


class EngineStoppedError(Exception):
    """The engine could not go on while it drove executions; everything that was durable still is.

    Attributes:
        error: What stopped it.
        resume_command: The command that goes on once the cause is gone.
    """

    def __init__(self, error: errors.ElevonError, resume_command: str) -> None:
        super().__init__(
            f"the engine stopped: {error}; nothing durable is lost, go on with: {resume_command}"
        )
        self.error = error
        self.resume_command = resume_command
