"""What is recorded when a workflow is traced, and what can't be."""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pydantic
import pytest

from elevon import File, Resources, UserError, Workflow, if_, not_, task, workflow
from elevon.idl import messages
from elevon.sdk import graphs


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Inner:
    names: list[str]


@dataclass
class Point:
    x: int
    inner: Inner
    by_name: dict[str, float]


class Parts(NamedTuple):
    whole: int
    text: str


@task
def point(x: int) -> Point:
    return Point(x, Inner([]), {})


@task
def split(x: int) -> Parts:
    return Parts(x, "")


@task
def pair(x: int, factor: float = 0.5) -> tuple[int, str]:
    return x, str(factor)


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def total(values: list[int], named: dict[str, int] | None = None) -> int:
    return sum(values) + len(named or {})


@task
def announce(text: str) -> None: ...


@task
def paint(color: Color) -> Color:
    return color


@task
def read(file: File) -> File:
    return file


def traced(function: Callable[..., Any]) -> graphs.Body:
    return Workflow(function).body


def node(body: graphs.Body, node_id: str) -> graphs.Node:
    return next(node for node in graphs.nodes_of(body) if node.id == node_id)


def inputs(body: graphs.Body, node_id: str) -> dict[str, messages.BindingData]:
    return {binding.var: binding.binding for binding in node(body, node_id).bindings}


def promised(node_id: str, var: str, *path: str | int) -> messages.BindingData:
    steps = [
        messages.PromiseAttribute(int_value=step)
        if isinstance(step, int)
        else messages.PromiseAttribute(string_value=step)
        for step in path
    ]
    return messages.BindingData(promise=messages.OutputReference(node_id=node_id, var=var, attr_path=steps))


def constant(value: int) -> messages.BindingData:
    return messages.BindingData(scalar=messages.Scalar(primitive=messages.Primitive(integer=value)))


def test_calls_become_nodes_in_their_order() -> None:
    def flow(x: int) -> int:
        first = add(x)
        return add(first, y=first)

    body = traced(flow)
    assert [node.id for node in body.nodes] == ["n0", "n1"]
    assert inputs(body, "n0") == {"x": promised("", "x"), "y": constant(1)}
    assert inputs(body, "n1") == {"x": promised("n0", "o0"), "y": promised("n0", "o0")}
    assert [node.upstream for node in body.nodes] == [(), ("n0",)]
    assert body.outputs == (messages.Binding(var="o0", binding=promised("n1", "o0")),)


def test_the_function_runs_once() -> None:
    calls: list[int] = []

    @workflow
    def flow() -> int:
        calls.append(1)
        return add(1)

    assert flow.body is flow.body
    assert calls == [1]


def test_results_are_taken_apart_by_name_and_by_position() -> None:
    def flow(x: int) -> Parts:
        whole, _ = split(x)
        number, text = pair(whole)
        return Parts(number, split(number).text + "" if False else text)

    body = traced(flow)
    assert inputs(body, "n1")["x"] == promised("n0", "whole")
    assert [output.binding for output in body.outputs] == [promised("n1", "o0"), promised("n1", "o1")]


def test_steps_into_a_result_become_a_path() -> None:
    def flow(x: int) -> str:
        made = point(x)
        announce(made.inner.names[2])
        pair(1, made.by_name["a"])
        return made.inner.names[0]

    body = traced(flow)
    assert inputs(body, "n1")["text"] == promised("n0", "o0", "inner", "names", 2)
    assert inputs(body, "n2")["factor"] == promised("n0", "o0", "by_name", "a")


def test_lists_and_dicts_of_results_are_bound_item_by_item() -> None:
    def flow(x: int) -> int:
        one = add(x)
        return total([one, 2, x], named={"a": one})

    bound = inputs(traced(flow), "n1")
    assert list(bound["values"].collection.bindings) == [promised("n0", "o0"), constant(2), promised("", "x")]
    assert bound["named"].map.bindings["a"] == promised("n0", "o0")


def test_inputs_and_constants_can_be_results() -> None:
    def flow(x: int) -> tuple[int, int]:
        return x, 3

    assert [output.binding for output in traced(flow).outputs] == [promised("", "x"), constant(3)]


def test_order_without_data_is_said_with_after() -> None:
    def flow() -> None:
        silent = announce("a")
        whole = split(1)
        add.with_overrides(after=[silent, whole])(1)

    assert node(traced(flow), "n2").upstream == ("n0", "n1")


def test_overrides_hold_for_one_call() -> None:
    def flow() -> None:
        add.with_overrides(
            node_name="big",
            retries=2,
            timeout=timedelta(seconds=3),
            limits=Resources(cpu=2),
            interruptible=True,
        )(1)
        add(1)

    first, second = traced(flow).nodes
    assert (first.id, first.settings.retries, first.settings.limits) == ("big", 2, Resources(cpu=2))
    assert (second.id, second.settings.retries) == ("n1", None)


@pytest.mark.parametrize("name", ["Upper", "a_b", "-a", "a-", "n" * 64])
def test_a_wrong_node_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="is no node name"):
        add.with_overrides(node_name=name)


def test_node_ids_are_unique() -> None:
    def twice() -> None:
        add.with_overrides(node_name="n1")(1)
        add(1)
        add.with_overrides(node_name="n1")(1)

    with pytest.raises(UserError, match="two nodes are called 'n1'"):
        traced(twice)

    def taken() -> None:
        add.with_overrides(node_name="n1")(1)
        add(1)
        if_(condition=add(1) > 1, then=lambda: add(1)).else_(lambda: add(2))

    ids = [node.id for node in graphs.nodes_of(traced(taken))]
    assert len(set(ids)) == len(ids) == 6


def test_a_workflow_has_no_retries_to_override() -> None:
    @workflow
    def inner(x: int) -> int:
        return add(x)

    with pytest.raises(UserError, match="retries can't be set for a workflow: set it for the tasks"):
        inner.with_overrides(retries=1)

    def outer(x: int) -> int:
        return inner.with_overrides(node_name="inner", after=[add(1)])(x)

    assert node(traced(outer), "inner").target is inner


def misuse(body: Callable[[Any], Any], annotation: Any = int) -> str:
    """The error of a workflow whose input goes through the body."""

    def flow(x: Any) -> None:
        body(x)

    flow.__annotations__["x"] = annotation
    with pytest.raises(UserError) as caught:
        traced(flow)
    text = str(caught.value)
    assert re.match(r"workflow .*flow \(.*test_tracing\.py:\d+\): ", text)
    return text


@pytest.mark.parametrize(
    ("body", "mend"),
    [
        (lambda x: 1 if x else 2, "use if_("),
        (lambda x: 1 if x > 3 else 2, "use if_("),
        (lambda x: x > 1 and x < 3, "use if_("),
        (lambda x: 1 < x < 3, "use if_("),
        (lambda x: not x, "use if_("),
        (lambda x: x + 1, "do it inside a task"),
        (lambda x: 1 - x, "do it inside a task"),
        (lambda x: -x, "do it inside a task"),
        (lambda x: f"{x}", "do it inside a task"),
        (str, "do it inside a task"),
        (int, "do it inside a task"),
        (len, "do it inside a task"),
        (range, "do it inside a task"),
        (list, "do it inside a task"),
        (lambda x: 3 in x, "do it inside a task"),
        (lambda x: x(), "do it inside a task"),
        (lambda x: setattr(x, "a", 1), "do it inside a task"),
        (lambda x: x.real, "pass it to a task"),
        (lambda x: x[0], "pass it to a task"),
        (lambda x: x[-1], "count from 0"),
        (lambda _: add("a"), "add() takes 'x': expected int, got 'a'"),  # pyright: ignore[reportArgumentType]
        (lambda _: add(), "called without x"),  # pyright: ignore[reportCallIssue]
        (lambda x: add(x, 1, 2), "takes 2 arguments by position but was called with 3"),  # pyright: ignore[reportCallIssue]
        (lambda x: add(x, z=1), "has no parameter 'z': there are 'x', 'y'"),  # pyright: ignore[reportCallIssue]
        (lambda x: add(x > 3), "only if_ takes one"),
        (lambda x: total((x, 1)), "build the value in a task"),  # pyright: ignore[reportArgumentType]
        (add.with_overrides(after=[3]), "after=3 holds no result"),
        (lambda x: add.with_overrides(after=[x])(x), "holds no result"),
        (lambda _: announce(announce("a")), "yields nothing that could be passed on"),  # pyright: ignore[reportArgumentType]
        (lambda x: if_(x > 1, lambda: 1), "has no end"),
        (lambda x: if_(x, lambda: add(x)).else_fail("a"), "x is no condition: compare it"),
        (lambda x: if_(x > 1, add(x)).else_fail("a"), "write lambda: CALL"),  # pyright: ignore[reportArgumentType]
        (lambda x: if_(x > 1, lambda: add(x)).else_fail(""), "needs a message"),
        (lambda x: if_(x > 1, lambda: add(x)).else_(lambda: split(x)), "yield o0 and whole, text"),  # pyright: ignore[reportArgumentType]
        (lambda x: if_(x > 1, lambda: add(x)).else_(lambda: pair(x)[1]), "yield int and str"),  # pyright: ignore[reportArgumentType]
        (lambda x: if_(x > "a", lambda: add(x)).else_(lambda: 1), "compares int with str"),
        (lambda x: if_(x > None, lambda: add(x)).else_(lambda: 1), "compares NoneType"),
        (lambda x: if_(~(x > 1), lambda: add(x)).else_(lambda: 1), "use elevon.not_"),
        (not_, "x is no condition"),
        (lambda x: if_(3, lambda: add(x)).else_fail("a"), "if_(3, ...) takes a condition"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_misuse_names_the_workflow_and_the_mend(body: Callable[[Any], Any], mend: str) -> None:
    assert mend in misuse(body)


def test_a_misspelled_field_is_refused() -> None:
    assert "x is of type Point, which has no .nmae" in misuse(lambda x: x.nmae, Point)
    assert "x.inner.names is of type list, which has no ['a']" in misuse(
        lambda x: x.inner["names"]["a"], Point
    )


def test_a_list_can_be_compared_with_nothing() -> None:
    text = misuse(lambda x: if_(x == [1], lambda: 1).else_(lambda: 2), list[int])
    assert "only bool, int, float" in text


def test_a_result_belongs_to_its_workflow() -> None:
    kept: list[Any] = []

    def first(x: int) -> None:
        kept.append(x)

    def second() -> int:
        return add(kept[0])

    traced(first)
    with pytest.raises(UserError, match=r"workflow .*second.* x belongs to workflow .*first.*pass it in"):
        traced(second)


def test_a_workflow_that_returns_less_than_it_says_is_refused() -> None:
    def flow(x: int) -> tuple[int, int]:
        return (add(x),)  # pyright: ignore[reportReturnType]

    with pytest.raises(UserError, match="annotated to return 2 values"):
        traced(flow)


def test_a_workflow_may_return_what_returns_nothing() -> None:
    def flow() -> None:
        return announce("a")

    assert traced(flow).outputs == ()


def test_an_exception_of_the_body_comes_out_as_it_is() -> None:
    def flow() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        traced(flow)


def branch(body: graphs.Body, node_id: str) -> graphs.Branch:
    target = node(body, node_id).target
    assert isinstance(target, graphs.Branch)
    return target


def test_a_case_of_one_call_is_that_node() -> None:
    def flow(x: int, flag: bool) -> int:
        limit = add(x)
        return if_((x > 3) & (limit <= x), lambda: add(limit)).elif_(flag, lambda: add(2)).else_fail("no")

    body = traced(flow)
    assert [node.id for node in body.nodes] == ["n0", "n1"]
    chosen = branch(body, "n1")
    assert [case.node and case.node.id for case in chosen.cases] == ["n2", "n3", None]
    assert chosen.error == "no"
    assert inputs(body, "n1") == {
        ".x": promised("", "x"),
        ".flag": promised("", "flag"),
        "n0.o0": promised("n0", "o0"),
    }
    assert node(body, "n1").upstream == ("n0",)
    assert node(body, "n1").name == "if (x > 3 & n0.o0 <= x)"
    assert body.outputs[0].binding == promised("n1", "o0")


def test_a_branch_waits_for_what_its_cases_read() -> None:
    def flow(x: int) -> int:
        used = add(x)
        return if_(x > 3, lambda: add(used)).else_(lambda: add(2))

    assert node(traced(flow), "n1").upstream == ("n0",)


def test_a_case_of_several_calls_becomes_a_subflow() -> None:
    def flow(x: int) -> int:
        made = point(x)
        return if_(x > 3, lambda: add(add(made.x), x)).else_(lambda: 5)

    body = traced(flow)
    first, last = branch(body, "n1").cases
    assert first.node is not None
    assert last.node is not None
    inner = first.node.target
    assert isinstance(inner, graphs.Subflow)
    assert inner.name.endswith(f".flow.{first.node.id}")
    assert sorted(inner.inputs) == ["in_x", "n0_o0"]
    assert inputs(body, first.node.id) == {"in_x": promised("", "x"), "n0_o0": promised("n0", "o0")}
    one, two = inner.body.nodes
    assert {binding.var: binding.binding for binding in one.bindings}["x"] == promised("", "n0_o0", "x")
    assert {binding.var: binding.binding for binding in two.bindings} == {
        "x": promised(one.id, "o0"),
        "y": promised("", "in_x"),
    }
    assert two.upstream == (one.id,)
    assert first.node.upstream == ("n0",)
    assert isinstance(last.node.target, graphs.Subflow)
    assert last.node.target.body.outputs[0].binding == constant(5)


def test_branches_nest_in_cases_of_several_calls() -> None:
    def flow(x: int) -> int:
        def deep() -> int:
            y = add(x)
            return if_(y == 1, lambda: add(x)).else_(lambda: add(y))

        return if_(x > 3, deep).else_(lambda: add(1))

    body = traced(flow)
    first = branch(body, "n0").cases[0].node
    assert first is not None
    outer = first.target
    assert isinstance(outer, graphs.Subflow)
    inner = outer.body.nodes[1].target
    assert isinstance(inner, graphs.Branch)
    cases = [case.node for case in inner.cases if case.node is not None]
    assert [case.bindings[0].binding for case in cases] == [
        promised("", "in_x"),
        promised(outer.body.nodes[0].id, "o0"),
    ]


def test_cases_may_yield_nothing_or_named_parts() -> None:
    def flow(x: int) -> str:
        if_(x > 3, lambda: announce("a")).else_(lambda: None)
        parts = if_(x > 3, lambda: split(x)).else_(lambda: split(1))
        return parts.text

    body = traced(flow)
    assert body.outputs[0].binding == promised(body.nodes[1].id, "text")


def comparison(condition: Callable[[Any], Any], annotation: Any) -> messages.BooleanExpression:
    def flow(x: Any) -> int:
        return if_(condition(x), lambda: add(1)).else_(lambda: add(2))

    flow.__annotations__["x"] = annotation
    found = branch(traced(flow), "n0").cases[0].condition
    assert found is not None
    return found


def test_constants_take_the_form_of_the_other_side() -> None:
    assert comparison(lambda x: x > 1, float).comparison.right_value.primitive.float_value == 1.0
    assert comparison(lambda x: x == Color.RED, Color).comparison.right_value.primitive.string_value == "red"
    assert comparison(lambda x: x == None, int | None).comparison.right_value.scalar.HasField("none_type")  # noqa: E711
    assert comparison(lambda x: x == 1, int | None).comparison.right_value.primitive.integer == 1
    assert comparison(lambda x: x > 3, int).comparison.operator == messages.ComparisonExpression.GT
    assert (
        comparison(lambda x: x.inner.names[0] == "a", Point).comparison.left_value.var == ".x.inner.names.0"
    )


def test_the_opposite_of_a_condition_turns_operators_round() -> None:
    turned = comparison(lambda x: not_((x > 1) & (x != 5)), int).conjunction
    assert turned.operator == messages.ConjunctionExpression.OR
    assert turned.left_expression.comparison.operator == messages.ComparisonExpression.LTE
    assert turned.right_expression.comparison.operator == messages.ComparisonExpression.EQ


def test_a_plain_bool_joins_in() -> None:
    joined = comparison(lambda x: True & (x > 1), int).conjunction
    assert joined.left_expression.comparison.left_value.primitive.boolean is True
    either = comparison(lambda x: x | not_(x), bool).conjunction
    assert either.operator == messages.ConjunctionExpression.OR


def test_a_plain_function_called_by_a_workflow_is_part_of_it() -> None:
    def both(x: int) -> int:
        return add(add(x))

    def flow(x: int) -> int:
        return both(x)

    assert len(traced(flow).nodes) == 2
    assert paint(Color.RED) is Color.RED


def test_a_pydantic_model_is_stepped_into_by_field() -> None:
    class Model(pydantic.BaseModel):
        count: int

    @task
    def model() -> Model:
        return Model(count=1)

    def flow() -> int:
        return add(model().count)

    assert inputs(traced(flow), "n1")["x"] == promised("n0", "o0", "count")
