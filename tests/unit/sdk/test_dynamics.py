"""A dynamic task records what it calls while it runs; a plain call runs it all in place."""

import logging
from pathlib import Path
from typing import Any

import pytest

from elevon import (
    File,
    NonRecoverable,
    RunnableTask,
    Task,
    UserError,
    current_context,
    dynamic,
    if_,
    record_futures,
    task,
    task_decorator,
    workflow,
)
from elevon.idl import literals, messages
from elevon.records.identities import ExecutionId
from elevon.sdk import contexts, entrypoint


@task
def square(x: int) -> int:
    return x * x


@task(retries=2)
def total(values: list[int]) -> int:
    return sum(values)


@task
def line_count(file: File) -> int:
    return len(file.path.read_text().splitlines())


@workflow
def fourth_power(x: int) -> int:
    return square(x=square(x=x))


@dynamic
def squares(count: int) -> int:
    if count == 0:
        return 0
    return total(values=[square(x=number) for number in range(count)])


@dynamic(retries=3)
def counting_down(n: int) -> int:
    return 0 if n == 0 else counting_down(n=n - 1)


@dynamic
def mixed(x: int) -> tuple[int, str, list[int]]:
    bound = fourth_power(x=x)
    picked = if_(bound > 5, lambda: square(x=bound)).else_(lambda: square(x=square(x=bound)))
    return picked, "plain", [bound, 7]


@dynamic
def written() -> int:
    path = current_context().scratch_dir / "made.txt"
    path.write_text("a\nb\n")
    return line_count(file=File(path))


@dynamic
def wrong() -> int:
    return square(x=1).upper()  # pyright: ignore[reportAttributeAccessIssue] - the mistake under test


@dynamic
def hopeless() -> int:
    square(x=1)
    raise NonRecoverable("no")


class Query(Task[[], None]):
    task_type = "query"


class QueriesTask(RunnableTask[Any, Any]):
    """A task type whose function says what is to be run."""

    task_type = "queries"

    def execute(self, /, **inputs: Any) -> Any:
        texts: list[str] = self.function(**inputs)

        def run() -> None:
            for number, text in enumerate(texts):
                message = messages.Variable(description=text)
                Query(f"{self.site.name}-{number}", message=message)()

        return record_futures(self, run)


queries = task_decorator(QueriesTask)


@queries
def two_queries(table: str) -> None:
    return [f"count {table}", f"drop {table}"]  # pyright: ignore[reportReturnType] - what the task type wants


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> contexts.ExecutionContext:
    """The context of an attempt."""
    monkeypatch.setenv("FLYTE_INTERNAL_TASK_VERSION", "v7")
    scratch_dir = tmp_path / "scratch"
    scratch_dir.mkdir()
    return contexts.ExecutionContext(
        ExecutionId("p", "d", "e1"), "n1", 0, logging.getLogger("t"), scratch_dir, str(tmp_path / "raw")
    )


def run(made: Any, context: contexts.ExecutionContext, **inputs: messages.Literal) -> Any:
    return entrypoint.run_task(made, literals.literal_map(inputs), context)


def futures(
    made: Any, context: contexts.ExecutionContext, **inputs: messages.Literal
) -> messages.DynamicJobSpec:
    spec = run(made, context, **inputs)
    assert entrypoint.is_futures(spec)
    return spec


def test_what_it_calls_with_its_inputs_becomes_nodes(context: contexts.ExecutionContext) -> None:
    spec = futures(squares, context, count=literals.integer(2))
    assert [node.id for node in spec.nodes] == ["dn0", "dn1", "dn2"]
    assert [node.inputs[0].binding.scalar.primitive.integer for node in spec.nodes[:2]] == [0, 1]
    assert list(spec.nodes[2].upstream_node_ids) == ["dn0", "dn1"]
    assert spec.nodes[2].metadata.retries.retries == 2
    assert spec.min_successes == 3
    assert spec.outputs[0].binding.promise.node_id == "dn2"


def test_identifiers_are_those_of_the_execution_and_of_the_task_that_runs(
    context: contexts.ExecutionContext,
) -> None:
    spec = futures(squares, context, count=literals.integer(1))
    identities = {(each.id.project, each.id.domain, each.id.version) for each in spec.tasks}
    assert identities == {("p", "d", "v7")}
    assert {each.id.name for each in spec.tasks} == {f"{__name__}.square", f"{__name__}.total"}


def test_one_that_calls_nothing_has_outputs_at_once(context: contexts.ExecutionContext) -> None:
    made = run(squares, context, count=literals.integer(0))
    assert made == literals.literal_map({"o0": literals.integer(0)})


def test_it_may_call_itself(context: contexts.ExecutionContext) -> None:
    spec = futures(counting_down, context, n=literals.integer(3))
    assert [each.id.name for each in spec.tasks] == [f"{__name__}.counting_down"]


def test_workflows_branches_constants_and_lists_can_be_used(context: contexts.ExecutionContext) -> None:
    spec = futures(mixed, context, x=literals.integer(3))
    names = {each.id.name.rpartition(".")[2] for each in spec.subworkflows}
    assert "fourth_power" in names
    bound = {each.var: each.binding for each in spec.outputs}
    assert bound["o1"].scalar.primitive.string_value == "plain"
    assert bound["o2"].collection.bindings[0].promise.node_id == "dn0"


def test_a_file_that_it_makes_is_kept_for_its_nodes(
    context: contexts.ExecutionContext, tmp_path: Path
) -> None:
    spec = futures(written, context)
    uri = spec.nodes[0].inputs[0].binding.scalar.blob.uri
    assert uri.startswith((tmp_path / "raw").as_uri())
    assert Path(uri.removeprefix("file://")).read_text() == "a\nb\n"


def test_what_can_not_be_recorded_fails_the_task(context: contexts.ExecutionContext) -> None:
    with pytest.raises(entrypoint.TaskFailedError, match=r"which has no \.upper before the workflow"):
        run(wrong, context)


def test_what_it_raises_is_its_failure(context: contexts.ExecutionContext) -> None:
    with pytest.raises(entrypoint.TaskFailedError) as caught:
        run(hopeless, context)
    assert (caught.value.failure.message, caught.value.failure.is_recoverable) == ("no", False)


def test_a_plain_call_runs_what_it_calls() -> None:
    assert squares(count=4) == 14
    assert counting_down(n=3) == 0


def test_a_task_type_may_return_futures_itself(context: contexts.ExecutionContext) -> None:
    spec = futures(two_queries, context, table=literals.string("t"))
    assert [each.type for each in spec.tasks] == ["query", "query"]
    texts = [each.custom["description"] for each in spec.tasks]
    assert texts == ["count t", "drop t"]


def test_futures_of_other_types_can_not_run_in_place() -> None:
    with pytest.raises(UserError, match="use elevon run"):
        two_queries(table="t")
