"""The templates of tasks and workflows on the wire."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

import elevon
from elevon import OnFailure, Resources, Task, UserError, if_, task, workflow
from elevon.idl import customs, messages
from elevon.sdk import serialization


class Parts(NamedTuple):
    whole: int
    text: str


@task(
    retries=2,
    timeout=timedelta(seconds=5),
    queue_timeout=timedelta(minutes=2),
    requests=Resources(cpu="500m", mem="1Gi"),
    limits=Resources(cpu=1),
    environment={"B": "2", "A": "1"},
    interruptible=True,
    container_image="mine:1",
)
def fit(x: int, y: int = 3) -> int:
    """Fit something.

    Args:
        x: What to fit, which may
            take two lines.
        y (int): How often.
    """
    return x + y


@task
def split(x: int) -> Parts:
    return Parts(x, "")


@workflow
def innermost(x: int) -> int:
    return fit(x)


@workflow
def inner(x: int) -> int:
    return innermost(x)


@workflow(on_failure=OnFailure.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE, interruptible=True)
def outer(x: int, tags: list[str] = ["a"], flag: bool = False) -> Parts:  # noqa: B006 - defaults are copied
    """Do it all.

    :param x: Where it starts.
    """
    first = fit.with_overrides(retries=7, requests=Resources(mem="2Gi"), container_image="other")(x)
    second = inner(first)
    third = innermost(second)
    if_(flag, lambda: fit(fit(third))).elif_(x > 3, lambda: fit(1)).else_fail("no way")
    return split(third)


class Nap(Task[[timedelta], None]):
    task_type = "nap"
    inputs = {"span": timedelta}  # noqa: RUF012 - declared immutable by the class above

    def message(self) -> messages.RetryStrategy:
        return messages.RetryStrategy(retries=90)

    def config(self) -> dict[str, str]:
        return {"queue": "slow"}


nap = Nap("nap", queue_timeout=timedelta(seconds=1.5))
adhoc = Task(
    "adhoc", task_type="other", message=messages.RetryStrategy(retries=1), outputs={"a": int, "b": str}
)


@workflow
def naps() -> int:
    nap(timedelta(1))
    return adhoc().a


def serialize(entity: Any) -> serialization.Serialized:
    return serialization.serialize(entity, project="p", domain="d", version="v")


def identifier(kind: messages.ResourceType, name: str) -> messages.Identifier:
    return messages.Identifier(
        resource_type=kind, project="p", domain="d", name=f"{__name__}.{name}", version="v"
    )


def template(name: str, entity: Any = outer) -> messages.TaskTemplate:
    return next(made for made in serialize(entity).tasks if made.id.name == f"{__name__}.{name}")


class Hollow(Task[[], None]):
    task_type = "hollow"

    def container(self) -> messages.Container | None:
        return None


empty = Hollow("empty", requests=Resources(cpu=1))


def test_a_setting_of_a_process_that_a_task_turns_out_not_to_have_is_refused() -> None:
    with pytest.raises(UserError, match=r"empty .*: requests=.* has no effect"):
        serialize(empty)


def test_each_setting_of_a_task_has_its_place() -> None:
    made = template("fit")
    assert made.id == identifier(messages.ResourceType.TASK, "fit")
    assert made.type == "python-task"
    assert made.metadata.retries.retries == 2
    assert made.metadata.timeout.ToTimedelta() == timedelta(seconds=5)
    assert made.metadata.interruptible is True
    assert made.metadata.runtime.version == elevon.__version__
    assert made.config["queue_timeout"] == "120.0"
    assert made.container.image == "mine:1"
    assert [(entry.key, entry.value) for entry in made.container.env] == [("A", "1"), ("B", "2")]
    names = messages.Resources.ResourceName.Name
    asked = {names(entry.name): entry.value for entry in made.container.resources.requests}
    assert asked == {"CPU": "500m", "MEMORY": "1Gi"}
    assert {names(entry.name): entry.value for entry in made.container.resources.limits} == {"CPU": "1"}


def test_a_python_task_runs_in_a_container_too() -> None:
    assert list(template("fit").container.args) == [
        "elevon-execute",
        "--inputs",
        "{{.input}}",
        "--output-prefix",
        "{{.outputPrefix}}",
        "--raw-output-data-prefix",
        "{{.rawOutputDataPrefix}}",
        "--",
        __name__,
        "fit",
    ]
    assert not template("fit").container.command
    assert template("split").container.image == "elevon:py3.11"


def test_unsaid_settings_stay_unset() -> None:
    made = template("split")
    assert not made.metadata.HasField("timeout")
    assert made.metadata.WhichOneof("interruptible_value") is None
    assert not made.config
    assert not made.HasField("custom")


def test_descriptions_come_from_the_docstring() -> None:
    described = {name: item.description for name, item in template("fit").interface.inputs.variables.items()}
    assert described == {"x": "What to fit, which may take two lines.", "y": "How often."}
    assert serialize(outer).parameters.parameters["x"].var.description == "Where it starts."
    assert serialize(outer).parameters.parameters["flag"].var.description == "flag"


def test_a_workflow_comes_with_everything_that_it_needs_once() -> None:
    made = serialize(outer)
    assert made.workflow.id == identifier(messages.ResourceType.WORKFLOW, "outer")
    assert made.workflow.metadata.on_failure == messages.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
    assert made.workflow.metadata_defaults.interruptible is True
    assert [made.id.name.removeprefix(f"{__name__}.") for made in made.tasks] == ["fit", "split"]
    names = sorted(made.id.name.removeprefix(f"{__name__}.") for made in made.sub_workflows)
    assert names == ["inner", "innermost", "outer.n7"]


def test_overrides_reach_the_node() -> None:
    node = serialize(outer).workflow.nodes[0]
    assert node.metadata.name == "fit"
    assert node.metadata.retries.retries == 7
    assert node.metadata.timeout.ToTimedelta() == timedelta(seconds=5)
    assert node.task_node.overrides.container_image == "other"
    assert [entry.value for entry in node.task_node.overrides.resources.requests] == ["2Gi"]
    assert [entry.value for entry in node.task_node.overrides.resources.limits] == ["1"]


def test_a_branch_holds_a_node_for_each_case() -> None:
    node = serialize(outer).workflow.nodes[3]
    block = node.branch_node.if_else
    assert block.case.then_node.workflow_node.sub_workflow_ref.name == f"{__name__}.outer.n7"
    assert [case.then_node.task_node.reference_id.name for case in block.other] == [f"{__name__}.fit"]
    assert block.error == messages.Error(failed_node_id=node.id, message="no way")


def test_parameters_carry_the_defaults() -> None:
    made = serialize(outer).parameters.parameters
    assert made["x"].required is True
    assert made["flag"].default.scalar.primitive.boolean is False
    assert made["flag"].WhichOneof("behavior") == "default"
    assert [item.scalar.primitive.string_value for item in made["tags"].default.collection.literals] == ["a"]


def test_a_default_of_a_wrong_type_is_refused() -> None:
    @workflow
    def flow(x: int = "a") -> None: ...  # pyright: ignore[reportArgumentType]

    with pytest.raises(UserError, match="default of parameter 'x': expected int, got 'a'"):
        serialize(flow)


def test_the_message_of_a_task_type_is_its_custom() -> None:
    made = template("nap", naps)
    assert (made.type, made.WhichOneof("target")) == ("nap", None)
    assert made.custom == customs.pack(messages.RetryStrategy(retries=90))
    assert dict(made.config) == {"queue": "slow", "queue_timeout": "1.5"}
    assert template("adhoc", naps).custom == customs.pack(messages.RetryStrategy(retries=1))


def test_a_bare_task_is_wrapped_into_a_workflow() -> None:
    made = serialize(fit)
    assert made.workflow.id.name == f".flytegen.{__name__}.fit"
    (node,) = made.workflow.nodes
    assert node.id.isalnum() or "-" in node.id
    assert node.task_node.reference_id == made.tasks[0].id
    assert node.metadata.retries.retries == 2
    assert [(bound.var, bound.binding.promise.var) for bound in node.inputs] == [("x", "x"), ("y", "y")]
    (output,) = made.workflow.outputs
    assert output.binding.promise == messages.OutputReference(node_id=node.id, var="o0")
    assert made.workflow.interface == made.tasks[0].interface
    assert made.parameters.parameters["y"].default.scalar.primitive.integer == 3


def test_a_task_that_no_worker_finds_is_refused() -> None:
    @task
    def local(x: int) -> int:
        return x

    with pytest.raises(UserError, match=r"task .*local .*not at the top of its module"):
        serialize(local)

    @task
    def fit(x: int) -> int:
        return x

    with pytest.raises(UserError, match=r"task .*fit .*is hidden by another 'fit'"):
        serialize(fit)


def _triple(x: int) -> int:
    return 3 * x


triple = task(_triple)


def test_a_task_is_found_by_the_variable_that_holds_it() -> None:
    (made,) = serialize(triple).tasks
    assert made.id.name == f"{__name__}._triple"
    assert list(made.container.args)[-2:] == [__name__, "triple"]


def test_a_task_of_a_script_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(x: int) -> int:
        return x

    monkeypatch.setattr(script, "__module__", "__main__")
    with pytest.raises(UserError, match=r"runs as a script.*use elevon run .*test_serialization\.py"):
        serialize(task(script))


def test_two_things_of_one_name_are_refused() -> None:
    first, second = Task("twin", task_type="a"), Task("twin", task_type="b")

    @workflow
    def flow() -> None:
        first()
        second()

    with pytest.raises(UserError, match=r"task .*twin .*has the same name as task .*twin"):
        serialize(flow)


def test_workflows_that_call_each_other_are_refused() -> None:
    @workflow
    def ping(x: int) -> int:
        return pong(x)

    @workflow
    def pong(x: int) -> int:
        return ping(x)

    @workflow
    def alone(x: int) -> int:
        return alone(x)

    with pytest.raises(UserError, match=r"calls itself, by way of .*ping -> .*pong -> .*ping"):
        serialize(ping)
    with pytest.raises(UserError, match="calls itself"):
        serialize(alone)
