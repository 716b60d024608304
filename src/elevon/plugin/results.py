"""What a process that ran the code of a task has left in the attempt's directory, under the names that Flyte gives.

It exists for every executor whose work is such a process somewhere, a container's or a driver's: the exit code alone
says nothing, because the entrypoint exits with 0 after a failure that it wrote to `error.pb`.
"""

from pathlib import Path
from typing import Any, Final, cast

from google.protobuf.message import DecodeError

from elevon import errors
from elevon.idl.messages import ContainerError, DynamicJobSpec, ErrorDocument, ExecutionError
from elevon.plugin.contexts import TaskContext
from elevon.plugin.statuses import TaskStatus
from elevon.records.failures import Failure

_TRACEBACK: Final = "\n\nTraceback (most recent call last):"


def failure_of(document: ErrorDocument, whose: str) -> Failure:
    """The failure that an `error.pb` tells of.

    elevon's entrypoint writes a message and the traceback below it; of others the last line is the message, and all of
    them the traceback if there are more.

    Args:
        document: As it was written.
        whose: What failed, for one that says nothing.
    """
    error = document.error
    said, mark, frames = error.message.partition(_TRACEBACK)
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    is_ours = bool(said and mark)
    message = said if is_ours else lines[-1] if lines else f"{whose} failed without a message"
    traceback = mark.lstrip() + frames if is_ours else error.message if len(lines) > 1 else ""
    return Failure(
        code=error.code or "USER:Unknown",
        message=message,
        kind=_kind_of(error.origin),
        traceback=traceback,
        is_recoverable=error.kind == ContainerError.RECOVERABLE,
    )


def _kind_of(origin: int) -> errors.ErrorKind:
    """Whose fault it was; what later versions of Flyte may add is unknown here."""
    if origin not in ExecutionError.ErrorKind.values():
        return errors.ErrorKind.UNKNOWN
    return errors.ErrorKind(ExecutionError.ErrorKind.Name(cast("ExecutionError.ErrorKind", origin)))


def left_failure(ctx: TaskContext[Any]) -> Failure | None:
    """What `error.pb` tells; None if there is none."""
    content = _read(ctx.error_file)
    if content is None:
        return None
    try:
        return failure_of(ErrorDocument.FromString(content), str(ctx.task_execution_id.attempt))
    except DecodeError:
        return _damaged(ctx.error_file, "ErrorDocument")


def status_of_results(ctx: TaskContext[Any]) -> TaskStatus[Any]:
    """Where a task stands whose process has ended well: failed by its `error.pb`, gone on as futures, or succeeded.

    A success is without outputs: `resolve_outputs` is asked for them.
    """
    failure = left_failure(ctx)
    futures_file = ctx.outputs_file.with_name("futures.pb")
    content = _read(futures_file)
    if failure is None and content is None:
        return TaskStatus.succeeded()
    if failure is None:
        try:
            return TaskStatus.expanded(DynamicJobSpec.FromString(content or b""))
        except DecodeError:
            failure = _damaged(futures_file, "DynamicJobSpec")
    follow = TaskStatus.retryable_failure if failure.is_recoverable else TaskStatus.permanent_failure
    return follow(failure)


def _damaged(path: Path, kind: str) -> Failure:
    return Failure(
        code="USER:BadOutput",
        message=f"{path.name} is damaged: write a serialized {kind}",
        kind=errors.ErrorKind.USER,
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.UnavailableError(f"{path} can't be read: {error}") from error
