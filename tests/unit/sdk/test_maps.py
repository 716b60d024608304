"""A mapped task takes lists and gives a list: recorded as an array in a workflow, a loop over the task elsewhere."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from elevon import Task, UserError, map_task, task, workflow
from elevon.idl import literal_types
from elevon.idl.messages import ArrayNode, Node, SimpleType
from elevon.sdk import serialization
from elevon.tasktypes.echo.task import Echo

INT = literal_types.simple(SimpleType.INTEGER)


@dataclass
class Box:
    side: int


class Two(NamedTuple):
    a: int
    b: int


@task(retries=2)
def area(width: int, height: int = 2) -> int:
    if width < 0:
        raise ValueError("turned over")
    return width * height


@task
def pair(x: int) -> Two:
    return Two(x, x)


@task
def box(side: int) -> Box:
    return Box(side)


@task
def say(text: str) -> None:
    if not text:
        raise ValueError("nothing to say")


echo = Echo("echo", {"x": int})
rows: Task[..., Any] = Task("rows", task_type="t", inputs={"x": int}, outputs={"rows": int})


def nodes_of(function: Callable[..., Any]) -> list[Node]:
    made = serialization.serialize(workflow(function), project="p", domain="d", version="v")
    return list(made.workflow.nodes)


def array_of(function: Callable[..., Any]) -> ArrayNode:
    (node,) = nodes_of(function)
    assert node.WhichOneof("target") == "array_node"
    return node.array_node


def test_a_call_in_a_workflow_is_an_array_of_the_task_as_it_is() -> None:
    def flow(xs: list[int]) -> list[int]:
        return map_task(area)(width=xs, height=xs)

    (node,) = nodes_of(flow)
    array = node.array_node
    assert array.is_original_sub_node_interface.value
    assert array.node.task_node.reference_id.name.endswith(".area")
    assert array.node.metadata.retries.retries == 2
    assert (node.metadata.retries.retries, array.min_success_ratio) == (0, 1)
    assert list(array.node.inputs) == list(node.inputs)
    assert not array.HasField("parallelism")


def test_parameters_that_only_a_default_fills_are_the_same_for_all() -> None:
    def flow(xs: list[int]) -> list[int]:
        return map_task(area)(xs)

    array = array_of(flow)
    assert list(array.bound_inputs) == ["height"]
    assert array.node.inputs[0].binding.scalar.primitive.integer == 2


def test_a_partial_fixes_values_and_results_by_name_or_position() -> None:
    def flow(xs: list[int], x: int) -> list[int]:
        return map_task(functools.partial(area, height=x))(width=xs)

    def other(xs: list[int]) -> list[int]:
        return map_task(functools.partial(area, 7))(height=xs)

    assert list(array_of(flow).bound_inputs) == ["height"]
    assert array_of(flow).node.inputs[0].binding.promise.var == "x"
    assert list(array_of(other).bound_inputs) == ["width"]


def test_settings_go_where_the_wire_has_them() -> None:
    def flow(xs: list[int]) -> list[int | None]:
        mapped = map_task(area, concurrency=0, min_successes=3, run_all_sub_nodes=True)
        return mapped.with_overrides(node_name="m", retries=5)(xs)

    (node,) = nodes_of(flow)
    array = node.array_node
    assert node.id == "m"
    assert array.HasField("parallelism")
    assert (array.parallelism, array.min_successes, array.run_all_sub_nodes) == (0, 3, True)
    assert (node.metadata.retries.retries, array.node.metadata.retries.retries) == (0, 5)


def test_what_may_lack_elements_gives_optional_values() -> None:
    def flow(xs: list[int]) -> list[int | None]:
        return map_task(area, min_success_ratio=0.5)(xs)

    made = serialization.serialize(workflow(flow), project="p", domain="d", version="v")
    (output,) = made.workflow.interface.outputs.variables.values()
    assert literal_types.describe(output.type) == "list[int | None]"


def test_tasks_of_any_type_can_be_mapped() -> None:
    def flow(xs: list[int]) -> list[int]:
        return map_task(rows)(x=map_task(echo)(xs))

    assert [node.array_node.node.task_node.reference_id.name for node in nodes_of(flow)] == [
        f"{__name__}.echo",
        f"{__name__}.rows",
    ]


def test_a_plain_call_runs_the_task_for_each_item() -> None:
    assert map_task(area)([1, 2]) == [2, 4]
    assert map_task(area)(width=[1, 2], height=[3, 4]) == [3, 8]
    assert map_task(functools.partial(area, height=5))([1]) == [5]
    assert map_task(box)([3]) == [Box(3)]
    assert map_task(area)([]) == []
    assert map_task(say)(["a"]) is None


def test_a_plain_call_does_without_elements_as_the_engine_would() -> None:
    assert map_task(area, min_success_ratio=0.5)([1, -1]) == [2, None]
    assert map_task(area, min_successes=0)([-1]) == [None]
    assert map_task(say, min_successes=1)(["", "a"]) is None
    with pytest.raises(ValueError, match="turned over"):
        map_task(area, min_success_ratio=0.5)([-1, -1])


def test_a_tenth_of_ten_is_one() -> None:
    assert map_task(area, min_success_ratio=0.1)([1, *[-1] * 9]) == [2, *[None] * 9]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: map_task(area)(width=[1], height=[1, 2]), "differ in length: 'width' has 1, 'height' has 2"),
        (
            lambda: map_task(area)(width=3),
            "is the same for all elements by functools.partial(TASK, width=...)",
        ),
        (
            lambda: map_task(area, min_successes=3)([1]),
            "at least 3 elements must succeed, and there are only 1",
        ),
        (map_task(area), "was called without width: give a value"),
        (lambda: map_task(area)([1], [2], [3]), "mapped over 2 lists by position but was given 3"),
        (lambda: map_task(area)([1], width=[2]), "was given 'width' twice"),
        (lambda: map_task(area)(widht=[1]), "has no parameter 'widht': did you mean 'width'?"),
        (map_task(functools.partial(area, 1, 2)), "is mapped over no list"),
        (
            lambda: map_task(functools.partial(area, higth=1)),  # pyright: ignore[reportCallIssue]
            "has no parameter 'higth' for functools.partial to fix",
        ),
        (lambda: map_task(functools.partial(area, 1, 2, 3)), "takes 2 arguments by position"),  # pyright: ignore[reportCallIssue]
        (lambda: map_task(pair), "has several outputs, which can't be mapped: return them as one dataclass"),
        (lambda: map_task(len), "map_task takes a task, and <built-in function len> is none"),  # pyright: ignore[reportArgumentType]
        (lambda: map_task(area, concurency=1), "has no setting 'concurency': did you mean 'concurrency'?"),  # pyright: ignore[reportCallIssue]
        (lambda: map_task(area, min_successes=1, min_success_ratio=1.0), "give one of them"),  # pyright: ignore[reportCallIssue]
    ],
)
def test_a_wrong_use_is_told_in_a_sentence(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        call()


@pytest.mark.parametrize(
    "options",
    [
        {"min_success_ratio": 1.01},
        {"min_success_ratio": -0.1},
        {"min_success_ratio": float("nan")},
        {"min_success_ratio": True},
        {"min_success_ratio": "0.5"},
        {"min_successes": -1},
        {"min_successes": 1.0},
        {"min_successes": 2**32},
        {"concurrency": -1},
        {"concurrency": 2**32},
        {"concurrency": True},
        {"run_all_sub_nodes": 1},
    ],
    ids=str,
)
def test_a_setting_that_is_none_is_refused_where_it_is_written(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"map_task was given .*, which is (no|neither)"):
        map_task(area, **options)


def test_a_list_of_another_type_is_refused_when_it_is_recorded() -> None:
    def flow() -> list[int]:
        return map_task(area)(["a"])

    with pytest.raises(UserError, match=r"area\(\) takes 'width'"):
        nodes_of(flow)
