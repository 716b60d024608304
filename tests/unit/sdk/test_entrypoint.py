"""One attempt of a task, started by its module and name."""

import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elevon import errors
from elevon.idl import literals, messages
from elevon.primitives import code_names
from elevon.records.identities import ExecutionId
from elevon.sdk import contexts, entrypoint, sources

USER_CODE = """
from dataclasses import dataclass
from elevon import File, NonRecoverable, current_context, dynamic, task

@task
def half(x: int, by: int = 2) -> float:
    return divide(x, by)

def divide(x: int, by: int) -> float:
    return x / by

@task
def written(text: str) -> File:
    path = current_context().scratch_dir / "a.txt"
    path.write_text(text)
    return File(path)

@task
def identity() -> str:
    context = current_context()
    return f"{context.execution_id} {context.node_id} {context.attempt}"

@task
def hopeless() -> None:
    try:
        divide(1, 0)
    except ZeroDivisionError as error:
        raise NonRecoverable("give up") from error

@task
def leaving() -> None:
    raise SystemExit(3)

@task
def one() -> int:
    return 1

@dynamic
def unfolded() -> int:
    return one()

@task
def wrong() -> int:
    return "text"

plain = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a module of user code."""
    (tmp_path / "entry_code.py").write_text(USER_CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "entry_code"
    sys.modules.pop("entry_code", None)


@pytest.fixture
def context(tmp_path: Path) -> contexts.ExecutionContext:
    """The context of an attempt."""
    scratch_dir = tmp_path / "scratch"
    scratch_dir.mkdir()
    logger = logging.getLogger("elevon.task.entry_code")
    raw_output_prefix = str(tmp_path / "raw")
    return contexts.ExecutionContext(
        ExecutionId("p", "d", "e1"), "n1/n0", 2, logger, scratch_dir, raw_output_prefix
    )


def failure(module: str, name: str, context: contexts.ExecutionContext, **values: int):
    with pytest.raises(entrypoint.TaskFailedError) as caught:
        run(module, name, context, **values)
    return caught.value.failure


def run(module: str, name: str, context: contexts.ExecutionContext, **values: int) -> messages.LiteralMap:
    inputs = literals.literal_map({key: literals.integer(value) for key, value in values.items()})
    made = entrypoint.run_task(entrypoint.load_task(module, name), inputs, context)
    assert isinstance(made, messages.LiteralMap)
    return made


def test_a_task_runs_on_literals(module: str, context: contexts.ExecutionContext) -> None:
    outputs = run(module, "half", context, x=3, by=4)
    assert outputs.literals["o0"].scalar.primitive.float_value == 0.75


def test_a_default_stands_in_for_a_missing_input(module: str, context: contexts.ExecutionContext) -> None:
    assert run(module, "half", context, x=3).literals["o0"].scalar.primitive.float_value == 1.5
    found = failure(module, "half", context, by=3)
    assert (found.kind, found.is_recoverable) == (errors.ErrorKind.USER, False)
    assert "started without x" in found.message


def test_the_context_is_the_attempts(module: str, context: contexts.ExecutionContext) -> None:
    assert run(module, "identity", context).literals["o0"].scalar.primitive.string_value == "p:d:e1 n1/n0 2"


def test_files_go_below_the_raw_output_prefix(
    module: str, context: contexts.ExecutionContext, tmp_path: Path
) -> None:
    inputs = literals.literal_map({"text": literals.string("hello")})
    outputs = entrypoint.run_task(entrypoint.load_task(module, "written"), inputs, context)
    assert isinstance(outputs, messages.LiteralMap)
    uri = outputs.literals["o0"].scalar.blob.uri
    assert uri.startswith((tmp_path / "raw").as_uri())
    assert Path(uri.removeprefix("file://")).read_text() == "hello"


def test_an_exception_of_user_code_may_be_tried_again(
    module: str, context: contexts.ExecutionContext
) -> None:
    found = failure(module, "half", context, x=1, by=0)
    assert found.code == "USER:ZeroDivisionError"
    assert found.message == "ZeroDivisionError: division by zero"
    assert (found.kind, found.is_recoverable) == (errors.ErrorKind.USER, True)


def test_the_traceback_holds_the_users_frames_alone(module: str, context: contexts.ExecutionContext) -> None:
    text = failure(module, "half", context, x=1, by=0).traceback
    assert "return divide(x, by)" in text
    assert "return x / by" in text
    assert text.endswith("ZeroDivisionError: division by zero\n")
    assert "elevon" not in text


def test_non_recoverable_is_never_tried_again(module: str, context: contexts.ExecutionContext) -> None:
    found = failure(module, "hopeless", context)
    assert (found.code, found.message, found.is_recoverable) == ("USER:NonRecoverable", "give up", False)
    assert "ZeroDivisionError" in found.traceback


def test_leaving_the_process_fails_the_attempt(module: str, context: contexts.ExecutionContext) -> None:
    found = failure(module, "leaving", context)
    assert (found.code, found.is_recoverable) == ("USER:SystemExit", True)


def test_a_result_of_a_wrong_type_is_final(module: str, context: contexts.ExecutionContext) -> None:
    found = failure(module, "wrong", context)
    assert "output 'o0': expected int, got 'text'" in found.message
    assert (found.kind, found.is_recoverable) == (errors.ErrorKind.USER, False)


@pytest.mark.parametrize(("name", "words"), [("halve", "no task 'halve'"), ("plain", "no task 'plain'")])
def test_a_name_that_is_no_task_fails(module: str, name: str, words: str) -> None:
    with pytest.raises(entrypoint.TaskFailedError, match=words) as caught:
        entrypoint.load_task(module, name)
    assert caught.value.failure.is_recoverable is False


def test_a_module_that_fails_to_import_fails_the_attempt(module: str, tmp_path: Path) -> None:
    (tmp_path / "failing_code.py").write_text("import entry_code\n1 / 0\n")
    with pytest.raises(entrypoint.TaskFailedError) as caught:
        entrypoint.load_task("failing_code", "half")
    found = caught.value.failure
    assert found.message.startswith("failing_code can't be imported: ZeroDivisionError: division by zero (")
    assert found.message.endswith("failing_code.py:2)")
    assert "1 / 0" in found.traceback


def execute(folder: Path, name: str, *, inputs: messages.LiteralMap | None = None) -> int:
    if inputs is not None:
        (folder / "inputs.pb").write_bytes(inputs.SerializeToString())
    where = ["--inputs", str(folder / "inputs.pb"), "--output-prefix", (folder / "out").as_uri()]
    return entrypoint.main(
        [*where, "--raw-output-data-prefix", str(folder / "raw"), "--", "entry_code", name]
    )


def test_the_command_writes_outputs(module: str, tmp_path: Path) -> None:
    assert execute(tmp_path, "half", inputs=literals.literal_map({"x": literals.integer(3)})) == 0
    outputs = messages.LiteralMap.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    assert outputs.literals["o0"].scalar.primitive.float_value == 1.5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["outputs.pb"]


def test_the_command_writes_futures(module: str, tmp_path: Path) -> None:
    assert execute(tmp_path, "unfolded", inputs=messages.LiteralMap()) == 0
    spec = messages.DynamicJobSpec.FromString((tmp_path / "out" / "futures.pb").read_bytes())
    assert [node.id for node in spec.nodes] == ["dn0"]
    assert not (tmp_path / "out" / "outputs.pb").exists()


def test_the_command_writes_the_error_of_user_code(module: str, tmp_path: Path) -> None:
    inputs = literals.literal_map({"x": literals.integer(3), "by": literals.integer(0)})
    assert execute(tmp_path, "half", inputs=inputs) == 0
    document = messages.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes()).error
    assert document.code == "USER:ZeroDivisionError"
    assert document.kind == messages.ContainerError.RECOVERABLE
    assert document.origin == messages.ExecutionError.USER
    assert document.message.startswith("ZeroDivisionError: division by zero\n\nTraceback")
    assert not (tmp_path / "out" / "outputs.pb").exists()


def test_the_command_reports_missing_inputs_as_no_fault_of_the_user(module: str, tmp_path: Path) -> None:
    assert execute(tmp_path, "half") == 0
    document = messages.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes()).error
    assert document.origin == messages.ExecutionError.SYSTEM
    assert document.kind == messages.ContainerError.RECOVERABLE


def test_the_command_runs_the_code_that_it_is_given(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sources.collect_sources(importlib.import_module(module))
    (tmp_path / "code.bundle").write_bytes(sources.encode(given))
    (tmp_path / f"{module}.py").write_text("raise AssertionError('changed since')")
    sys.modules.pop(module)
    monkeypatch.setenv(code_names.VARIABLE, str(tmp_path / "code.bundle"))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    assert execute(tmp_path, "half", inputs=literals.literal_map({"x": literals.integer(3)})) == 0
    assert (tmp_path / "out" / "outputs.pb").exists()


def test_code_that_can_not_be_read_is_no_fault_of_the_user(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(code_names.VARIABLE, str(tmp_path / "missing.bundle"))
    assert execute(tmp_path, "half") == 0
    document = messages.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes()).error
    assert document.origin == messages.ExecutionError.SYSTEM


def test_the_command_fails_when_it_can_write_nothing(
    module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("in the way")
    assert execute(tmp_path, "leaving", inputs=messages.LiteralMap()) == 1
    assert "out can't be written" in capsys.readouterr().err


def test_the_command_knows_the_execution_from_its_environment(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_PROJECT", "p")
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_DOMAIN", "d")
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "e7")
    monkeypatch.setenv("FLYTE_ATTEMPT_NUMBER", "1")
    assert execute(tmp_path, "identity", inputs=messages.LiteralMap()) == 0
    outputs = messages.LiteralMap.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    assert outputs.literals["o0"].scalar.primitive.string_value == "p:d:e7  1"


@pytest.mark.parametrize("cls", [errors.UserError, errors.RetryableError, errors.BugError, ValueError])
def test_whatever_user_code_raises_may_go_away_with_a_retry(cls: type[Exception]) -> None:
    def broken() -> None:
        raise cls("not today")

    with pytest.raises(cls) as caught:
        broken()
    failure = entrypoint.failure_of(caught.value)
    assert (failure.is_recoverable, failure.kind, failure.code) == (
        True,
        errors.ErrorKind.USER,
        f"USER:{cls.__name__}",
    )


def test_non_recoverable_is_the_exception() -> None:
    def broken() -> None:
        raise errors.NonRecoverable("never")

    with pytest.raises(errors.NonRecoverable) as caught:
        broken()
    assert not entrypoint.failure_of(caught.value).is_recoverable
