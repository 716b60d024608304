"""What user code may know about the attempt that it runs in.

It owns `current_context()` and the context of a task that is called as a plain function. It must never reach the
engine: everything here was handed in when the attempt started.
"""

import atexit
import contextlib
import contextvars
import functools
import logging
import shutil
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from elevon import errors
from elevon.records.identities import ExecutionId
from elevon.sdk.secrets import TaskSecrets

if TYPE_CHECKING:  # an extra, which few need
    from pyspark.sql import SparkSession

_current: contextvars.ContextVar["ExecutionContext"] = contextvars.ContextVar("elevon_context")


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """One attempt, as the code in it sees it.

    Attributes:
        execution_id: Project, domain and name of the execution; the name is `local` for a plain function call.
        node_id: The node's unique id in the execution, parents included.
        attempt: Counts from 0.
        logger: Writes to the attempt's log.
        scratch_dir: A directory of this attempt alone; it may be gone once the attempt has ended.
        raw_output_prefix: URI or path below which files of outputs are kept.
        secrets: Those that the task has asked for, by `secret_requests`.
        session: Begins the session of a Spark task, or finds it begun; None for other types.
    """

    execution_id: ExecutionId
    node_id: str
    attempt: int
    logger: logging.Logger
    scratch_dir: Path
    raw_output_prefix: str
    secrets: TaskSecrets = field(default_factory=TaskSecrets)
    session: Callable[[], "SparkSession"] | None = None

    @property
    def spark_session(self) -> "SparkSession":
        """The session of a Spark task; it begins when it is first asked for.

        Raises:
            UserError: The task is none, or there is no Spark here.
        """
        if self.session is None:
            raise errors.UserError(
                "current_context().spark_session is for tasks of the type 'spark', and this one is of another: "
                "decorate it with @spark_task"
            )
        return self.session()


def current_context() -> ExecutionContext:
    """The attempt that the calling code runs in.

    Raises:
        UserError: The caller is not inside a task.
    """
    try:
        return _current.get()
    except LookupError:
        raise errors.UserError(
            "current_context() is for code inside a task, and none runs here: "
            "hand the context on to a thread that a task starts"
        ) from None


@contextlib.contextmanager
def entered(context: ExecutionContext) -> Generator[None]:
    """Make a context the current one."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def local(task_name: str) -> Generator[ExecutionContext]:
    """The context of a task that is called as a function.

    Its scratch directory lives as long as the call; files that the call returns live as long as this process.

    Args:
        task_name: Full name of the task.
    """
    scratch_dir, outputs_dir = _make_directory(f"{task_name}-"), _make_directory("outputs-")
    try:
        yield ExecutionContext(
            execution_id=ExecutionId("default", "development", "local"),
            node_id=task_name.rpartition(".")[2],
            attempt=0,
            logger=logging.getLogger(f"elevon.task.{task_name}"),
            scratch_dir=scratch_dir,
            raw_output_prefix=str(outputs_dir),
        )
    finally:
        shutil.rmtree(scratch_dir, ignore_errors=True)
        with contextlib.suppress(OSError):  # a directory that is not empty holds results
            outputs_dir.rmdir()


def _make_directory(prefix: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_local_root()))


@functools.cache
def _local_root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="elevon-local-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
