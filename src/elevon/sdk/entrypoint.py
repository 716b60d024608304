"""The other side of a python-task's template: find the task by name and run one attempt of it.

Warm workers call `load_task` and `run_task`; in a container the console script `elevon-execute` is `main`, which
keeps Flyte's contract with files: outputs.pb, futures.pb or error.pb in the output prefix, and exit code 0 for all. It
must never decide about retries: it only says what failed and whether trying again may help.
"""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from elevon import errors
from elevon.idl import messages
from elevon.primitives import code_names
from elevon.records.failures import Failure, from_exception
from elevon.records.identities import ExecutionId
from elevon.sdk import bundles, files, modules, runs, sources, tracebacks
from elevon.sdk.contexts import ExecutionContext
from elevon.sdk.tasks import RunnableTask


class TaskFailedError(errors.ElevonError):
    """An attempt failed.

    Attributes:
        failure: What to store and show.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def load_task(module: str, name: str) -> RunnableTask[..., Any]:
    """Import the task that a template names.

    Raises:
        TaskFailedError: The module can't be imported, or has no such task.
    """
    try:
        return modules.find_task(modules.load_module(module), name)
    except modules.ModuleImportError as error:
        failure = Failure(
            "USER:ImportError", str(error), errors.ErrorKind.USER, error.traceback, is_recoverable=False
        )
        raise TaskFailedError(failure) from error
    except errors.UserError as error:
        raise TaskFailedError(failure_of(error)) from error


def run_task(
    task: RunnableTask[..., Any], inputs: messages.LiteralMap, context: ExecutionContext
) -> runs.Made:
    """Run one attempt in this process.

    Args:
        task: As `load_task` found it.
        inputs: By name.
        context: What the code may know; its scratch directory exists.

    Returns:
        The outputs, or the futures that the task goes on as.

    Raises:
        TaskFailedError: User code raised something, or a value is not of its type.
    """
    try:
        return runs.run(task.site, task.interface, task.execute, inputs, context)
    except (Exception, SystemExit) as error:
        raise TaskFailedError(failure_of(error)) from error


def is_futures(made: runs.Made) -> TypeGuard[messages.DynamicJobSpec]:
    """Whether a task goes on as futures, instead of having outputs."""
    return isinstance(made, messages.DynamicJobSpec)


def to_error_document(failure: Failure) -> messages.ErrorDocument:
    """A failure as the wire's error.pb."""
    kinds, origins = messages.ContainerError, messages.ExecutionError
    return messages.ErrorDocument(
        error=messages.ContainerError(
            code=failure.code,
            message="\n\n".join(part for part in (failure.message, failure.traceback) if part),
            kind=kinds.RECOVERABLE if failure.is_recoverable else kinds.NON_RECOVERABLE,
            origin=origins.USER if failure.kind is errors.ErrorKind.USER else origins.SYSTEM,
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the task that the arguments name, as Flyte's contract says.

    Args:
        argv: Arguments without the program's name; those of the process unless given.

    Returns:
        The exit code: 0 once outputs.pb, futures.pb or error.pb is written, 1 if none could be.
    """
    arguments = _parser().parse_args(argv)
    sys.path.insert(0, str(Path.cwd()))
    prefix = files.local_path(arguments.output_prefix)
    try:
        try:
            made = _run(arguments)
            name = "futures.pb" if is_futures(made) else "outputs.pb"
            content = made.SerializeToString(deterministic=True)
        except TaskFailedError as error:
            name, content = "error.pb", to_error_document(error.failure).SerializeToString(deterministic=True)
        _write(prefix / name, content)
    except OSError as error:
        sys.stderr.write(f"elevon-execute: {prefix} can't be written: {error}\n")
        return 1
    return 0


def _run(arguments: argparse.Namespace) -> runs.Made:
    _serve_code(os.environ.get(code_names.VARIABLE, ""))
    task = load_task(arguments.module, arguments.name)
    try:
        inputs = messages.LiteralMap.FromString(files.local_path(arguments.inputs).read_bytes())
    except (OSError, ValueError) as error:
        raise TaskFailedError(from_exception(error)) from error
    with tempfile.TemporaryDirectory(prefix="elevon-") as scratch:
        return run_task(task, inputs, _context(arguments, Path(scratch)))


def _serve_code(uri: str) -> None:
    """Have user code imported from the bundle that is named; if none is, modules are Python's to find."""
    if not uri:
        return
    try:
        bundle = sources.decode(files.local_path(uri).read_bytes())
    except (OSError, ValueError) as error:
        raise TaskFailedError(from_exception(error)) from error
    finder = bundles.BundleFinder()
    finder.add(bundle)
    sys.meta_path.insert(0, finder)


def _context(arguments: argparse.Namespace, scratch_dir: Path) -> ExecutionContext:
    variables = os.environ
    return ExecutionContext(
        execution_id=ExecutionId(
            variables.get("FLYTE_INTERNAL_EXECUTION_PROJECT", ""),
            variables.get("FLYTE_INTERNAL_EXECUTION_DOMAIN", ""),
            variables.get("FLYTE_INTERNAL_EXECUTION_ID", ""),
        ),
        node_id=variables.get("ELEVON_NODE_ID", ""),
        attempt=int(variables.get("FLYTE_ATTEMPT_NUMBER", "0")),
        logger=logging.getLogger(f"elevon.task.{arguments.module}.{arguments.name}"),
        scratch_dir=scratch_dir,
        raw_output_prefix=arguments.raw_output_data_prefix,
    )


def failure_of(error: BaseException) -> Failure:
    """What an exception out of user code, or about its values, stands for.

    Whatever user code raises may go away with the next attempt, elevon's own classes included, but for
    `NonRecoverable`. What is wrong with its values stays wrong.
    """
    frames = tracebacks.trimmed(error)
    if isinstance(error, errors.NonRecoverable) or (isinstance(error, errors.UserError) and not frames):
        policy = errors.policy_of(error)
        return Failure(policy.code, str(error), policy.kind, frames, is_recoverable=False)
    if isinstance(error, errors.ElevonError) and not frames:
        return from_exception(error)
    name = type(error).__name__
    text = f"{name}: {error}".removesuffix(": ")
    return Failure(f"USER:{name}", text, errors.ErrorKind.USER, frames)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.part")
    with staged.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("elevon-execute", description="Run one attempt of a Python task.")
    parser.add_argument("--inputs", required=True, help="path of inputs.pb")
    parser.add_argument("--output-prefix", required=True, help="directory for outputs.pb or error.pb")
    parser.add_argument("--raw-output-data-prefix", required=True, help="directory for files of outputs")
    parser.add_argument("module", help="dotted name of the task's module")
    parser.add_argument("name", help="name of the task in its module")
    return parser
