"""The author's side of hive: what its templates and its futures say, and what it refuses."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import Directory, NonRecoverable, UserError, workflow
from elevon.idl import customs
from elevon.idl.hive_jobs import QuboleHiveJob
from elevon.idl.messages import DynamicJobSpec, TaskTemplate
from elevon.sdk import contexts, serialization
from elevon.sdk.interfaces import Shape
from elevon.tasktypes.hive.task import HiveQuery, HiveTask, Queries, hive_task, select
from elevon.tasktypes.hive.texts import own_span, written

load = HiveTask(
    "load",
    HiveQuery("INSERT INTO t SELECT '{{ .inputs.day }}'", timeout=timedelta(minutes=2), retries=3),
    cluster_label="etl",
    tags=["a", "b"],
    inputs={"day": str},
)
rows_of = HiveTask("rows_of", "SELECT 1 AS a;", outputs={"o0": Directory})


@hive_task(cluster_label="etl", tags=["made"])
def summary(least: int) -> Directory:
    before = HiveQuery("CREATE TABLE t AS SELECT 1", retries=1)
    return select(f"SELECT * FROM t WHERE a > {least}", after=[before, "SELECT 2"])


@hive_task
def two(n: int) -> tuple[Directory, int]:
    return select("WITH c AS (SELECT 1) SELECT * FROM c"), n


@hive_task(retries=2)
def several(count: int) -> list[str]:
    return [f"SELECT {number}" for number in range(count)]


@hive_task
def wrong() -> list[str]:
    return [7]  # pyright: ignore[reportReturnType] - what the test is about


@hive_task
def astray() -> int:
    return select("SELECT 1")  # pyright: ignore[reportReturnType] - what the test is about


def template_of(task: Any) -> TaskTemplate:
    (template,) = serialization.serialize(task, project="p", domain="d", version="1").tasks
    return template


def job_of(template: TaskTemplate) -> QuboleHiveJob:
    return customs.unpack(template.custom, QuboleHiveJob)


def futures_of(task: Any, **inputs: Any) -> Any:
    with contexts.local("test") as context, contexts.entered(context):
        return task.execute(**inputs)


def test_a_query_is_flyte_s_message() -> None:
    template = template_of(load)
    job = job_of(template)
    assert (template.type, job.cluster_label, list(job.tags)) == ("hive", "etl", ["a", "b"])
    assert (job.query.query, job.query.timeout_sec, job.query.retryCount) == (
        "INSERT INTO t SELECT '{{ .inputs.day }}'",
        120,
        3,
    )


WRITE = "INSERT OVERWRITE DIRECTORY '{{ .rawOutputDataPrefix }}' STORED AS PARQUET  "


def test_the_rows_of_a_select_are_written_to_the_data_set() -> None:
    assert job_of(template_of(rows_of)).query.query == (f"{WRITE}SELECT 1 AS a")


@pytest.mark.parametrize(
    ("text", "line"),
    [("SELECT 1,\nFROM", 2), ("\n\n SELECT 1,\nFROM ;\n", 4), ("\n-- all\nWITH a AS\n(SELEC", 4)],
)
def test_the_lines_of_a_select_keep_their_numbers(text: str, line: int) -> None:
    last = text.rstrip(" ;\n").splitlines()[-1]
    assert written(text).splitlines()[line - 1].startswith(last)


@pytest.mark.parametrize(
    "text", ["with a as (select 1) select * from a", "-- all\n /* of it */ WITH a AS (SELECT 1)"]
)
def test_a_with_is_put_where_hive_takes_it(text: str) -> None:
    assert written(text).endswith(f"STORED AS PARQUET  SELECT * FROM  ({text}\n) AS selected")


@pytest.mark.parametrize("text", [" SELECT * FROM (SELECT 1)", "WITH a AS (SELECT 1) SELECT ';' FROM a"])
@pytest.mark.parametrize("end", ["", ";", " ; -- done\n;"])
def test_the_author_s_text_is_found_again(text: str, end: str) -> None:
    made = written(text + end)
    start, stop = own_span(made.replace("{{ .rawOutputDataPrefix }}", "file:///somewhere"))
    shift = len("{{ .rawOutputDataPrefix }}") - len("file:///somewhere")
    assert made[start + shift : stop + shift] == text


def test_a_data_set_is_of_one_statement() -> None:
    with pytest.raises(UserError, match="is one statement, and a second one begins at line 2"):
        select("SELECT 1 AS a;\nSELECT 2 AS b")
    with pytest.raises(UserError, match=r"task .*two_of_them.*second one begins at line 1"):
        HiveTask("two_of_them", "SET a = b; SELECT 1", outputs={"o0": Directory})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "SELECT '{{ .inputs.dax }}'",
            "{{ .inputs.dax }} stands for nothing, there is no input 'dax': did you mean",
        ),
        ("SELECT '{{ inputs.day }}'", "{{ inputs.day }} stands for nothing: write {{ .inputs.NAME }}"),
        ("SELECT '{{ .perRetryUniqeKey }}'", "{{ .perRetryUniqeKey }} stands for nothing"),
    ],
)
def test_a_placeholder_that_stands_for_nothing_is_refused_at_the_definition(text: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        HiveTask("mistyped", text, inputs={"day": str})
    assert problem in str(caught.value)
    HiveTask("fine", "SELECT '{{.Inputs.day}}', '{{ $perRetryUniqueKey }}', '{}}'", inputs={"day": str})
    with pytest.raises(UserError, match="there are no inputs for the text"):
        HiveTask("none", "SELECT '{{ .inputs.day }}'")


def test_a_function_of_queries_is_a_python_task_of_another_type() -> None:
    template = template_of(several)
    assert (template.type, list(template.interface.outputs.variables)) == ("batch_hive", [])
    assert template.container.args[-1] == "several"
    assert template.metadata.retries.retries == 2


def test_queries_are_no_outputs_that_would_travel(caplog: pytest.LogCaptureFixture) -> None:
    def both() -> list[str | HiveQuery]:
        return []

    def one() -> HiveQuery:
        return HiveQuery("SELECT 1")

    def any_of_them() -> Queries:
        return None

    for function in (both, one, any_of_them):
        made: Any = hive_task(function)
        assert (made.interface.shape, made.interface.outputs) == (Shape.NOTHING, {})
    assert caplog.messages == []


def test_each_query_becomes_a_node_after_those_that_it_names() -> None:
    spec = futures_of(summary, least=3)
    assert isinstance(spec, DynamicJobSpec)
    jobs = {template.id.name: job_of(template) for template in spec.tasks}
    named = {node.id: jobs[node.task_node.reference_id.name] for node in spec.nodes}
    assert [job.query.query.removeprefix(WRITE) for job in named.values()] == [
        "CREATE TABLE t AS SELECT 1",
        "SELECT 2",
        "SELECT * FROM t WHERE a > 3",
    ]
    assert [list(node.upstream_node_ids) for node in spec.nodes] == [[], [], ["dn0", "dn1"]]
    assert {(job.cluster_label, *job.tags) for job in jobs.values()} == {("etl", "made")}
    (output,) = spec.outputs
    assert (output.var, output.binding.promise.node_id, output.binding.promise.var) == ("o0", "dn2", "o0")


def test_queries_without_outputs_run_side_by_side() -> None:
    spec = futures_of(several, count=3)
    assert [list(node.upstream_node_ids) for node in spec.nodes] == [[], [], []]
    assert list(spec.outputs) == []


def test_no_queries_mean_outputs_at_once() -> None:
    assert futures_of(several, count=0) is None


def test_a_data_set_stands_beside_a_value(tmp_path: Path) -> None:
    del tmp_path
    spec = futures_of(two, n=7)
    assert {one.var: one.binding.WhichOneof("value") for one in spec.outputs} == {
        "o0": "promise",
        "o1": "scalar",
    }
    assert "SELECT * FROM  (WITH c AS (SELECT 1) SELECT * FROM c\n)" in job_of(spec.tasks[0]).query.query


def test_a_workflow_takes_the_data_set_as_a_directory() -> None:
    @workflow
    def flow() -> Directory:
        return summary(least=1)

    made = serialization.serialize(flow, project="p", domain="d", version="1")
    assert made.workflow.interface.outputs.variables["o0"].type.blob.dimensionality == 1


def test_what_is_no_query_is_named() -> None:
    with pytest.raises(UserError, match="returned 7, which is no query"):
        futures_of(wrong)
    with pytest.raises(UserError, match="output 'o0' is a query: annotate it Directory"):
        futures_of(astray)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: select(""), "query: '' is empty"),
        (lambda: select("SELECT 1; SELECT 2"), "query: a SELECT for a data set is one statement"),
        (lambda: HiveQuery("SELECT 1", retries=-1), "retries=-1 of a query is negative"),
        (
            lambda: select("SELECT '{{ .inputs.day }}'"),
            "query: {{ .inputs.day }} stands for nothing: there are no",
        ),
        (lambda: ["SELECT 1"], "output 'o0' is ['SELECT 1'], which is no directory: return select("),
        (lambda: "SELECT 1", "output 'o0' is 'SELECT 1', which is no directory: return select("),
    ],
)
def test_what_a_function_makes_is_refused_at_its_place(make: Any, problem: str) -> None:
    @hive_task
    def making() -> Directory:
        return make()

    with pytest.raises(UserError) as caught:
        futures_of(making)
    place = f"making ({Path(__file__)}:"
    assert place in str(caught.value)
    assert problem in str(caught.value)
    assert type(caught.value) is UserError  # and is told without the frames of the function


def test_an_error_of_the_author_s_own_stays_what_it_is() -> None:
    @hive_task
    def giving_up() -> Directory:
        raise NonRecoverable("no")

    with pytest.raises(NonRecoverable, match=r"^no$"):
        futures_of(giving_up)


def test_queries_can_t_run_without_an_engine() -> None:
    with pytest.raises(UserError, match="goes on as tasks of other types"):
        several(count=1)


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        (["x" * 21], "has 21 characters, at most 20 are allowed"),
        (list("abcdefg"), "tags: 7 are too many, at most 6 are allowed"),
        (["a,b"], "holds a comma"),
        ([" "], "one of them is empty"),
        ("abc", "give a list of texts"),
        ([7], "give a list of texts"),
    ],
)
def test_tags_are_held_to_their_limits_at_the_definition(tags: Any, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        HiveTask("tagged", "SELECT 1", tags=tags)
    assert problem in str(caught.value)
    with pytest.raises(UserError) as caught:
        hive_task(tags=tags)(several.function)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"text": " ; "}, "is empty: write a query"),
        ({"text": "SELECT 1", "retries": -1}, "retries=-1 of a query is negative"),
        ({"text": "SELECT 1", "timeout": timedelta(0)}, "use whole seconds, 1 or more"),
        ({"text": "SELECT 1", "timeout": timedelta(seconds=1.5)}, "use whole seconds, 1 or more"),
        ({"text": "SELECT 1", "after": [""]}, "is empty"),
    ],
)
def test_a_query_that_can_t_be_is_refused_where_it_is_made(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as caught:
        HiveQuery(**options)
    assert problem in str(caught.value)


def test_a_task_of_one_query_has_no_others_before_it() -> None:
    with pytest.raises(UserError, match="call a task for each"):
        HiveTask("late", HiveQuery("SELECT 1", after=["SELECT 2"]))


def test_inputs_come_with_a_call() -> None:
    @workflow
    def flow() -> None:
        load(day="2020-01-01")

    node = serialization.serialize(flow, project="p", domain="d", version="1").workflow.nodes[0]
    assert node.inputs[0].binding.scalar.primitive.string_value == "2020-01-01"
