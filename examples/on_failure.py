"""What becomes of the other nodes when one has failed for good: killed at once, or what can still run runs."""

from datetime import timedelta
from pathlib import Path

from elevon import OnFailure, task, workflow
from elevon.tasktypes.sleep.task import Sleep

pause = Sleep("pause", timedelta(seconds=1.5))
long_pause = Sleep("long_pause", timedelta(minutes=1))


@task
def fail() -> None:
    """Fails at once."""
    raise ValueError("this one fails")


@task
def leave_trace(path: str) -> None:
    """Shows that it ran."""
    Path(path).touch()


@workflow
def strict(path: str) -> None:
    """FAIL_IMMEDIATELY, the default: the pause is killed, and no trace is left.

    Args:
        path: Of the trace.
    """
    fail()
    leave_trace.with_overrides(after=[long_pause()])(path=path)


@workflow(on_failure=OnFailure.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def thorough(path: str) -> None:
    """The pause and the trace do not depend on what failed, so they still run; then the execution fails.

    Args:
        path: Of the trace.
    """
    fail()
    leave_trace.with_overrides(after=[pause()])(path=path)
