"""What the status of a SparkApplication means for its task.

It owns how a failed driver is told: by what the operator says and, on the machine of the engine, what the driver left.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from elevon import errors
from elevon.plugin import TaskContext, TaskStatus
from elevon.plugin.kubernetes import Manifest
from elevon.plugin.results import left_failure, status_of_results
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.resources import key_of
from elevon.tasktypes.spark.configurations import SparkConfig

_STARTING: Final = frozenset({"SUBMITTED", "PENDING_SUBMISSION"})
_RUNNING: Final = frozenset({"RUNNING", "SUCCEEDING", "FAILING"})
_STRANGE_AFTER: Final = timedelta(minutes=1)
_LOGS: Final = (("Driver log", "stderr.log"), ("Driver output", "stdout.log"))
_HEAP: Final = re.compile(r"java\.lang\.OutOfMemoryError[^\n\"]*")
_EXIT_OF_HEAP: Final = "ExitCode: 52,"
"""How Spark ends a JVM of which a thread ran out of memory."""
_KILLED: Final = re.compile(r"OOMKilled|ExitCode: 137\b")
_NO_CLASS: Final = re.compile(
    r"(?:Failed to load class|ClassNotFoundException:) (?P<name>[\w$]+(?:\.[\w$]+)*)"
)
_LACKING: Final = "CreateContainerConfigError"
_IN_EXECUTORS: Final = "Job aborted due to stage failure"
_FAULT_OF_NODE: Final = re.compile(r"Reason: (?P<reason>NodeLost|Evicted|NodeShutdown|Preempting|Shutdown)")


def status_of(ctx: TaskContext[Any], application: Manifest, config: SparkConfig) -> TaskStatus[Any]:
    """Where an application's task stands."""
    status: Mapping[str, Any] = application.get("status", {})
    told: Mapping[str, str] = status.get("applicationState", {})
    state, message = told.get("state", ""), told.get("errorMessage", "")
    name = key_of(application)
    links = _links(ctx, application, config)
    if not state:
        return _new(ctx, application)
    if state in _STARTING:
        return TaskStatus.initializing(log_links=links)
    if state in _RUNNING:
        return TaskStatus.running(log_links=links)
    ended: TaskStatus[Any]
    match state:
        case "COMPLETED":
            ended = _completed(ctx)
        case "FAILED":
            ended = TaskStatus.retryable_failure(_failed(ctx, f"{name} failed: {message}", message))
        case "SUBMISSION_FAILED":
            text = f"{name} could not be submitted: {message}"
            if _LACKING in message:  # no retry gives it a secret that there is not
                return TaskStatus.permanent_failure(_of_user("SecretMissing", text), log_links=links)
            ended = TaskStatus.retryable_failure(_of_user("SubmissionFailed", text))
        case _:
            return TaskStatus.unknown(reason=f"{name} is {state}: {message}".removesuffix(": "))
    details = msgspec.structs.replace(ended.details, log_links=links)
    return msgspec.structs.replace(ended, details=details)


def _new(ctx: TaskContext[Any], application: Manifest) -> TaskStatus[Any]:
    """An application of which the operator has said nothing; after a while that is strange."""
    made_at = application["metadata"].get("creationTimestamp")
    age = ctx.now - datetime.fromisoformat(made_at) if made_at else timedelta()
    if age < _STRANGE_AFTER:
        return TaskStatus.queued(check_after=_STRANGE_AFTER)
    key = key_of(application)
    return TaskStatus.queued(
        reason=f"{key} has not been submitted for {age.total_seconds():.0f} s: is there a Spark operator, and does it "
        f"look after the namespace {key.namespace}?"
    )


def _completed(ctx: TaskContext[Any]) -> TaskStatus[Any]:
    """A driver that has ended well may have told of a failure of the user's code."""
    status = status_of_results(ctx)
    if status.failure is None:
        return status
    said = f"{status.failure.message}\n{status.failure.traceback}"
    if not _HEAP.search(said):
        return status
    return msgspec.structs.replace(status, failure=_without_memory(said, status.failure.traceback))


def _failed(ctx: TaskContext[Any], text: str, message: str) -> Failure:
    """Why a driver has failed, with what mends it where that is known."""
    left = left_failure(ctx)
    said = message if left is None else f"{message}\n{left.message}\n{left.traceback}"
    node = _FAULT_OF_NODE.search(message)
    if node is not None:
        return Failure(code=f"SYSTEM:{node['reason']}", message=text, kind=errors.ErrorKind.SYSTEM)
    if _KILLED.search(message):
        advice = (
            "the driver used more memory than its pod may: raise spark.driver.memoryOverhead or spark.driver.memory, "
            "or bring less data to it"
        )
        return _of_user("OutOfMemory", f"{text}; {advice}")
    if _HEAP.search(said) or _EXIT_OF_HEAP in message:
        return _without_memory(said, "" if left is None else left.traceback)
    missing = _NO_CLASS.search(said)
    if missing is not None:
        advice = f"there is no class {missing['name']} in the application: mend main_class, or add its jar"
        return _of_user("ClassNotFound", f"{text}; {advice}")
    return left or _of_user("DriverFailed", text)


def _without_memory(said: str, traceback: str) -> Failure:
    """A JVM that ran out of memory: which one, and what to do."""
    found = _HEAP.search(said)
    what = f" ({found[0].strip()})" if found else ""
    role = "executor" if _IN_EXECUTORS in said else "driver"
    hint = "bring less data to it" if role == "driver" else "split the work into more partitions"
    message = f"the {role} ran out of memory{what}: raise spark.{role}.memory, or {hint}"
    return msgspec.structs.replace(_of_user("OutOfMemory", message), traceback=traceback)


def _of_user(code: str, message: str) -> Failure:
    return Failure(code=f"USER:{code}", message=message, kind=errors.ErrorKind.USER)


def _links(ctx: TaskContext[Any], application: Manifest, config: SparkConfig) -> tuple[LogLink, ...]:
    """Where to look: the driver's log, and the UI, or the history once there is none any more."""
    status: Mapping[str, Any] = application.get("status", {})
    driver: Mapping[str, Any] = status.get("driverInfo", {})
    found: list[LogLink] = []
    if config.driver_log_url and driver.get("podName"):
        uri = config.driver_log_url.format(namespace=key_of(application).namespace, pod=driver["podName"])
        found.append(LogLink("Driver log", uri))
    else:
        files = [(name, ctx.data_dir / file) for name, file in _LOGS]
        found += [LogLink(name, path.absolute().as_uri()) for name, path in files if path.exists()]
    address = driver.get("webUIIngressAddress") or driver.get("webUIAddress")
    if address:
        found.append(LogLink("Spark UI", address if "://" in address else f"http://{address}"))
    if config.history_url and status.get("sparkApplicationId"):
        uri = config.history_url.format(application=status["sparkApplicationId"])
        found.append(LogLink("Spark history", uri))
    return tuple(found)
