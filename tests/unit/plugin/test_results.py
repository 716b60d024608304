"""What the files that a process left mean for its task."""

from pathlib import Path

import pytest

from elevon import errors
from elevon.idl import messages
from elevon.plugin import results
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.sdk import entrypoint
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.testing.contexts import FakeTaskContext


@pytest.fixture
def ctx(tmp_path: Path) -> FakeTaskContext:
    return FakeTaskContext(PythonExecutor(), tmp_path)


def document_of(message: str, **fields: int) -> messages.ErrorDocument:
    return messages.ErrorDocument(error=messages.ContainerError(code="USER:X", message=message, **fields))  # pyright: ignore[reportArgumentType]


def test_the_entrypoints_error_comes_back_as_it_was() -> None:
    failure = Failure(
        code="USER:ValueError",
        message="ValueError: two\nlines",
        kind=errors.ErrorKind.USER,
        traceback="Traceback (most recent call last):\n  here\nValueError: two\nlines",
    )
    assert results.failure_of(entrypoint.to_error_document(failure), "it") == failure


def test_of_another_error_the_last_line_is_the_message() -> None:
    found = results.failure_of(
        document_of("Traceback (most recent call last):\n  here\nValueError: no"), "it"
    )
    assert found.message == "ValueError: no"
    assert found.traceback.startswith("Traceback")
    assert results.failure_of(document_of("no"), "it").traceback == ""
    assert results.failure_of(document_of(" "), "the driver").message == "the driver failed without a message"


def test_an_origin_that_is_not_known_is_nobodys_fault() -> None:
    assert results.failure_of(document_of("no", origin=99), "it").kind is errors.ErrorKind.UNKNOWN


def test_nothing_left_is_a_success_that_is_still_to_be_resolved(ctx: FakeTaskContext) -> None:
    status = results.status_of_results(ctx)
    assert (status.phase, status.outputs) == (AttemptPhase.SUCCEEDED, None)


def test_futures_are_what_the_task_goes_on_as(ctx: FakeTaskContext) -> None:
    spec = messages.DynamicJobSpec(min_successes=3)
    ctx.outputs_file.with_name("futures.pb").write_bytes(spec.SerializeToString())
    assert results.status_of_results(ctx).futures == spec


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        (messages.ContainerError.RECOVERABLE, AttemptPhase.RETRYABLE_FAILED),
        (messages.ContainerError.NON_RECOVERABLE, AttemptPhase.FAILED),
    ],
)
def test_an_error_says_whether_another_attempt_may_help(
    ctx: FakeTaskContext, kind: int, phase: AttemptPhase
) -> None:
    ctx.error_file.write_bytes(document_of("no", kind=kind).SerializeToString())
    assert results.status_of_results(ctx).phase is phase


@pytest.mark.parametrize("name", ["error.pb", "futures.pb"])
def test_a_damaged_file_is_a_failure_that_names_it(ctx: FakeTaskContext, name: str) -> None:
    ctx.outputs_file.with_name(name).write_bytes(b"\xff")
    failure = results.status_of_results(ctx).failure
    assert failure is not None
    assert f"{name} is damaged" in failure.message
