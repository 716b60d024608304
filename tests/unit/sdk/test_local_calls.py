"""Tasks and workflows called as plain functions."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from elevon import (
    File,
    RunnableTask,
    Task,
    UserError,
    current_context,
    if_,
    not_,
    task,
    task_decorator,
    workflow,
)


@dataclass
class Point:
    x: int
    tags: list[str]


class Parts(NamedTuple):
    whole: int
    text: str


@task
def point(x: int, tags: list[str] = ["new"]) -> Point:  # noqa: B006 - each call gets its own copy
    tags.append("seen")
    return Point(x, tags)


@task
def split(value: float) -> Parts:
    return Parts(int(value), str(value))


@task
def pair(x: int) -> tuple[int, str]:
    return x, "a"


@task
def broken(x: int) -> int:
    return f"{x}"  # pyright: ignore[reportReturnType]


@task
def silent(x: int) -> None:
    return x  # pyright: ignore[reportReturnType]


@task
def failing(x: int) -> int:
    raise ZeroDivisionError(x)


@task
def write(text: str) -> File:
    path = current_context().scratch_dir / "out.txt"
    path.write_text(text)
    return File(path)


@task
def length(file: File) -> int:
    return len(file.path.read_text())


@workflow
def flow(x: int, limit: int = 3) -> int:
    whole, _ = split(value=float(x) if isinstance(x, int) else x)
    return if_(whole > limit, lambda: pair(whole)[0]).elif_(not_(whole == 1), lambda: 2).else_(lambda: 1)


@workflow
def files(text: str) -> int:
    return length(write(text))


def test_a_task_call_runs_the_function() -> None:
    assert split(2.5) == Parts(2, "2.5")
    assert pair(x=3) == (3, "a")
    assert point(1, tags=[]) == Point(1, ["seen"])


def test_a_mutable_default_is_never_shared_between_calls() -> None:
    assert point(1) == point(1) == Point(1, ["new", "seen"])


def test_arguments_are_not_changed_by_the_task() -> None:
    tags = ["mine"]
    point(1, tags)
    assert tags == ["mine"]


def test_an_argument_of_a_wrong_type_is_refused_as_the_engine_would() -> None:
    with pytest.raises(UserError, match=r"task .*point .*parameter 'x': expected int, got 'one'"):
        point("one")  # pyright: ignore[reportArgumentType]


def test_a_result_of_a_wrong_type_is_refused() -> None:
    with pytest.raises(UserError, match=r"task .*broken .*output 'o0': expected int, got '3'"):
        broken(3)
    with pytest.raises(UserError, match=r"silent .*returned 3, but is annotated to return nothing"):
        silent(3)


def test_missing_unknown_and_surplus_arguments_are_named() -> None:
    with pytest.raises(UserError, match="without x"):
        pair()  # pyright: ignore[reportCallIssue]
    with pytest.raises(UserError, match="has no parameter 'tag': did you mean 'tags'"):
        point(1, tag=[])  # pyright: ignore[reportCallIssue]
    with pytest.raises(UserError, match="takes 1 arguments by position but was called with 2"):
        pair(1, 2)  # pyright: ignore[reportCallIssue]
    with pytest.raises(UserError, match="was given 'x' twice"):
        pair(1, x=2)  # pyright: ignore[reportCallIssue]


def test_an_exception_of_the_function_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        failing(1)


def test_a_workflow_call_runs_its_tasks_and_decides_at_once() -> None:
    assert [flow(x) for x in (1, 2, 7)] == [1, 2, 7]
    assert flow(7, limit=10) == 2


def test_a_workflow_checks_its_arguments_and_results() -> None:
    with pytest.raises(UserError, match=r"workflow .*flow .*'limit': expected int, got None"):
        flow(1, limit=None)  # pyright: ignore[reportArgumentType]


def test_a_choice_without_a_case_that_holds_fails_with_its_message() -> None:
    assert if_(condition=True, then=lambda: 1).else_fail("never") == 1
    with pytest.raises(UserError, match="too small"):
        if_(condition=False, then=lambda: 1).else_fail("too small")


def test_cases_that_are_not_taken_do_not_run() -> None:
    ran: list[str] = []
    if_(condition=True, then=lambda: ran.append("first")).elif_(
        condition=True, then=lambda: ran.append("second")
    ).else_(lambda: ran.append("last"))
    assert ran == ["first"]


def test_files_pass_from_task_to_task() -> None:
    assert files("four") == 4


def test_a_file_that_a_task_returns_outlives_its_scratch_directory() -> None:
    assert write("text").path.read_text() == "text"


def test_overrides_change_nothing_of_a_plain_call() -> None:
    assert pair.with_overrides(node_name="two", retries=3)(2) == (2, "a")


def test_the_context_tells_about_a_plain_call(caplog: pytest.LogCaptureFixture) -> None:
    contexts: list[Any] = []

    @task
    def look() -> None:
        contexts.append(current_context())
        assert current_context().scratch_dir.is_dir()
        current_context().logger.warning("here")

    with caplog.at_level(logging.INFO):
        look()
        look()
    first, second = contexts
    assert first.execution_id.name == "local"
    assert (first.node_id, first.attempt) == ("look", 0)
    assert first.scratch_dir != second.scratch_dir
    assert not first.scratch_dir.exists()
    assert caplog.messages == ["here", "here"]


def test_there_is_no_context_outside_a_task() -> None:
    with pytest.raises(UserError, match="inside a task"):
        current_context()


def test_a_task_without_code_says_how_to_run_it() -> None:
    nap = Task("nap", task_type="nap", inputs={"span": timedelta})
    with pytest.raises(
        UserError, match=r"nap .*test_local_calls.py:\d+.* no code .*'nap'.* use elevon run FILE NAME"
    ):
        nap(timedelta(1))


def test_a_task_needs_a_type() -> None:
    with pytest.raises(UserError, match="has no type: set task_type in Task"):
        Task("nap")


def test_a_task_type_may_override_how_its_function_is_run() -> None:
    class Doubled(RunnableTask[..., Any]):
        task_type = "doubled"

        def execute(self, /, **inputs: Any) -> Any:
            return 2 * super().execute(**inputs)

    doubled = task_decorator(Doubled)

    @doubled(retries=3)
    def one(x: int) -> int:
        """Say what it does."""
        return x

    assert one(4) == 8
    assert one.settings.retries == 3
    assert one.__doc__ == "Say what it does."
    assert one.__name__ == "one"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_pickled_value_is_passed_by_plain_calls_and_from_workflows() -> None:
    @task
    def size(content: bytes, parts: set[int]) -> int:
        return len(content) + len(parts)

    @workflow
    def flow(content: bytes = b"abc") -> int:
        return size(content=content, parts={1, 2})

    assert size(content=b"abc", parts={1}) == 4
    assert flow() == 5


def test_a_constant_too_large_to_travel_is_refused_where_it_stands() -> None:
    @task
    def size(content: bytes) -> int:
        return len(content)

    with pytest.raises(UserError, match=r"'content': a constant or an input of .* pass a File"):
        size(content=bytes(33 * 1024 * 1024))
