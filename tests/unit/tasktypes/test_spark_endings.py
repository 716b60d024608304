"""What the status of an application means for its task, and how a failure is told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import errors
from elevon.idl.messages import ContainerError, DynamicJobSpec, ErrorDocument, ExecutionError
from elevon.plugin import TaskStatus
from elevon.records.attempts import LogLink
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.spark import endings
from elevon.tasktypes.spark.configurations import SparkConfig
from elevon.tasktypes.spark.executor import SparkExecutor
from elevon.testing.clocks import EPOCH
from elevon.testing.contexts import FakeTaskContext

HEAP = "java.lang.OutOfMemoryError: Java heap space"


@pytest.fixture
def ctx(tmp_path: Path) -> FakeTaskContext:
    return FakeTaskContext(SparkExecutor(), tmp_path)


def told(
    ctx: FakeTaskContext, state: str, message: str = "", config: SparkConfig | None = None, **more: Any
) -> TaskStatus[Any]:
    status = {"applicationState": {"state": state, "errorMessage": message}, **more} if state else {}
    application = {
        "kind": "SparkApplication",
        "metadata": {"namespace": "team", "name": "one", "creationTimestamp": f"{EPOCH:%Y-%m-%dT%H:%M:%SZ}"},
        "status": status,
    }
    return endings.status_of(ctx, application, config or SparkConfig())


def failure(ctx: FakeTaskContext, state: str, message: str) -> Failure:
    status = told(ctx, state, message)
    assert status.phase is AttemptPhase.RETRYABLE_FAILED
    assert status.failure is not None
    return status.failure


def leave(ctx: FakeTaskContext, message: str) -> None:
    error = ContainerError(
        code="USER:ValueError",
        message=f"{message}\n\nTraceback (most recent call last):\n  here\n{message}",
        kind=ContainerError.RECOVERABLE,
        origin=ExecutionError.USER,
    )
    ctx.error_file.write_bytes(ErrorDocument(error=error).SerializeToString())


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("", AttemptPhase.QUEUED),
        ("SUBMITTED", AttemptPhase.INITIALIZING),
        ("RUNNING", AttemptPhase.RUNNING),
        ("SUCCEEDING", AttemptPhase.RUNNING),
        ("FAILING", AttemptPhase.RUNNING),
        ("COMPLETED", AttemptPhase.SUCCEEDED),
        ("INVALIDATING", None),
        ("PENDING_RERUN", None),
        ("UNKNOWN", None),
    ],
)
def test_states_of_the_operator_are_phases(
    ctx: FakeTaskContext, state: str, phase: AttemptPhase | None
) -> None:
    assert told(ctx, state).phase is phase


def test_an_operator_that_says_nothing_is_asked_for_after_a_while(ctx: FakeTaskContext) -> None:
    assert told(ctx, "").details.reason == ""
    ctx.now = EPOCH + timedelta(minutes=5)
    assert "has not been submitted for 300 s: is there a Spark operator" in told(ctx, "").details.reason


def test_a_driver_that_ended_well_may_have_failed_its_task(ctx: FakeTaskContext) -> None:
    leave(ctx, "ValueError: no airports")
    found = failure(ctx, "COMPLETED", "")
    assert (found.code, found.message) == ("USER:ValueError", "ValueError: no airports")
    assert found.traceback.startswith("Traceback")


def test_it_may_go_on_as_futures(ctx: FakeTaskContext) -> None:
    ctx.outputs_file.with_name("futures.pb").write_bytes(DynamicJobSpec(min_successes=1).SerializeToString())
    assert told(ctx, "COMPLETED").futures == DynamicJobSpec(min_successes=1)


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (
            "driver container failed with ExitCode: 137, Reason: OOMKilled",
            "USER:OutOfMemory",
            "the driver used more memory than its pod may: raise spark.driver.memoryOverhead or spark.driver.memory",
        ),
        (
            f"driver container failed with ExitCode: 1, Reason: Error, Message: Exception in thread main {HEAP}",
            "USER:OutOfMemory",
            f"the driver ran out of memory ({HEAP}): raise spark.driver.memory, or bring less data to it",
        ),
        (
            f"driver container failed with ExitCode: 1, Message: Job aborted due to stage failure: {HEAP}",
            "USER:OutOfMemory",
            "the executor ran out of memory",
        ),
        (
            "driver container failed with ExitCode: 52, Reason: Error",
            "USER:OutOfMemory",
            "the driver ran out of memory: raise spark.driver.memory",
        ),
        (
            "driver container failed with ExitCode: 101, Reason: Error, Message: Error: Failed to load class org.Main.",
            "USER:ClassNotFound",
            "there is no class org.Main in the application: mend main_class, or add its jar",
        ),
        (
            "driver container failed with ExitCode: 1, Reason: Error, Message: KeyError: 'x'",
            "USER:DriverFailed",
            "SparkApplication team/one failed: driver container failed with ExitCode: 1, Reason: Error, Message",
        ),
        ("driver pod failed with Reason: NodeLost, Message: gone", "SYSTEM:NodeLost", "Message: gone"),
    ],
)
def test_a_failed_driver_is_told_with_what_mends_it(
    ctx: FakeTaskContext, message: str, code: str, words: str
) -> None:
    found = failure(ctx, "FAILED", message)
    assert found.code == code
    assert words in found.message


def test_what_a_failed_driver_left_says_more_than_its_exit_code(ctx: FakeTaskContext) -> None:
    leave(ctx, "ValueError: no airports")
    assert (
        failure(ctx, "FAILED", "driver container failed with ExitCode: 1").message
        == "ValueError: no airports"
    )


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_code_in_a_jvm_without_memory_keeps_its_traceback(ctx: FakeTaskContext, state: str) -> None:
    leave(ctx, f"Py4JJavaError: An error occurred while calling o1.collect.\n: {HEAP}\n\tat org.X")
    found = failure(ctx, state, "driver container failed with ExitCode: 1" if state == "FAILED" else "")
    assert found.code == "USER:OutOfMemory"
    assert f"({HEAP})" in found.message
    assert found.traceback.startswith("Traceback")


def test_what_could_not_be_submitted_says_why(ctx: FakeTaskContext) -> None:
    found = failure(ctx, "SUBMISSION_FAILED", "failed to run spark-submit: there is no Java on this machine")
    assert (found.code, found.kind) == ("USER:SubmissionFailed", errors.ErrorKind.USER)
    assert "could not be submitted: failed to run spark-submit: there is no Java" in found.message


def test_no_retry_is_spent_on_a_secret_that_there_is_not(ctx: FakeTaskContext) -> None:
    message = "failed to run spark-submit: CreateContainerConfigError: there is no secret 'x'"
    status = told(ctx, "SUBMISSION_FAILED", message)
    assert (status.phase, status.failure.code) == (AttemptPhase.FAILED, "USER:SecretMissing")  # pyright: ignore[reportOptionalMemberAccess]
    assert message in str(status.failure)


def test_links_lead_to_the_log_the_ui_and_the_history(ctx: FakeTaskContext) -> None:
    (ctx.data_dir / "stderr.log").touch()
    info = {
        "driverInfo": {"podName": "one-driver", "webUIAddress": "127.0.0.1:4040"},
        "sparkApplicationId": "local-1",
    }
    here = told(ctx, "RUNNING", **info).details.log_links
    assert here == (
        LogLink("Driver log", (ctx.data_dir / "stderr.log").as_uri()),
        LogLink("Spark UI", "http://127.0.0.1:4040"),
    )
    config = SparkConfig(
        driver_log_url="https://logs/{namespace}/{pod}", history_url="https://history/{application}"
    )
    there = told(ctx, "RUNNING", config=config, **info).details.log_links
    assert [link.uri for link in there] == [
        "https://logs/team/one-driver",
        "http://127.0.0.1:4040",
        "https://history/local-1",
    ]
