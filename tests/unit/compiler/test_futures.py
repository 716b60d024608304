"""Futures become a closure as workflows do; for those that can't run every mistake is named."""

import time

import pytest

from elevon import compiler
from elevon.compiler import Code
from elevon.idl import literal_types, literals
from elevon.idl.messages import DynamicJobSpec
from tests.unit.compiler.specimens import (
    INT,
    STR,
    Bound,
    array,
    bindings,
    node,
    subnode,
    task,
    workflow,
)

TASKS = (task("one"), task("inc", {"a": INT}))
PARENT = task("parent")


def spec_of(*nodes: object, gives: Bound = "dn0.o0", **more: object) -> DynamicJobSpec:
    """Futures of nodes, whose output is that of the first one."""
    return DynamicJobSpec(nodes=nodes, outputs=bindings({"o0": gives}), tasks=TASKS, **more)  # pyright: ignore[reportArgumentType]


def problems_of(spec: DynamicJobSpec, known_task_types: set[str] | None = None) -> list[tuple[str, str]]:
    with pytest.raises(compiler.CompilationError) as caught:
        compiler.compile_futures(spec, PARENT, known_task_types)
    return [(problem.code, problem.sentence) for problem in caught.value.problems]


def wide(count: int) -> DynamicJobSpec:
    """Pairs of nodes side by side."""
    first = [node(f"dn{number}", "one") for number in range(count // 2)]
    second = [node(f"dm{number}", "inc", a=f"dn{number}.o0") for number in range(count // 2)]
    return DynamicJobSpec(
        nodes=first + second,
        outputs=bindings({"o0": [f"dm{number}.o0" for number in range(count // 2)]}),
        tasks=TASKS,
    )


def test_futures_are_a_workflow_with_the_outputs_of_their_task() -> None:
    inner = workflow(node("n0", "one"), name="inner", outputs={"o0": INT}, gives={"o0": "n0.o0"})
    spec = spec_of(
        node("dn0", "inc", a="dn1.o0"), subnode("dn1", "inner"), subworkflows=[inner], min_successes=2
    )
    graph = compiler.index(compiler.compile_futures(spec, PARENT, {"python-task"}))
    assert (graph.name, graph.roots) == ("parent", ("dn1",))
    assert graph.nodes["dn0"].upstream == ("dn1",)
    assert list(graph.interface.outputs.variables) == ["o0"]


def test_a_spec_that_says_nothing_of_successes_or_names_all_nodes_needs_all() -> None:
    nodes = node("dn0", "one"), node("dn1", "one")
    assert compiler.min_success_count(spec_of(*nodes)) == 0
    assert compiler.min_success_count(spec_of(*nodes, min_successes=2)) == 0
    assert compiler.min_success_count(spec_of(*nodes, min_successes=1)) == 1


def test_futures_may_map_a_task() -> None:
    made = array("dn0", "inc", a=[literals.integer(1), literals.integer(2)])
    parent = task("parent", output=literal_types.collection_of(INT))
    graph = compiler.index(compiler.compile_futures(spec_of(made), parent))
    assert graph.nodes["dn0"].array is not None


def test_every_mistake_is_named() -> None:
    spec = spec_of(
        node("dn0", "two"),
        node("dn1", "inc", a="dn7.o0"),
        node("dn2", "inc", a=".x"),
        gives="dn1.o9",
        min_successes=9,
    )
    assert problems_of(spec) == [
        (Code.INVALID_VALUE, "workflow 'parent': min_successes is 9, and there are 3 nodes"),
        (
            Code.TASK_REFERENCE_NOT_FOUND,
            "workflow 'parent', node 'dn0': there is no task 'two' in this version: there are 'inc', 'one'",
        ),
        (
            Code.NODE_REFERENCE_NOT_FOUND,
            "workflow 'parent', node 'dn1', input 'a': there is no node 'dn7': did you mean 'dn2'?",
        ),
        (
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'parent', node 'dn2', input 'a': the workflow has no input 'x': there are none",
        ),
        (
            Code.VARIABLE_NAME_NOT_FOUND,
            "workflow 'parent', output 'o0': node 'dn1' has no output 'o9': there is 'o0'",
        ),
    ]


def test_outputs_of_another_type_than_the_tasks_are_refused() -> None:
    spec = DynamicJobSpec(
        nodes=[node("dn0", "text")], outputs=bindings({"o0": "dn0.o0"}), tasks=[task("text", output=STR)]
    )
    ((code, sentence),) = problems_of(spec)
    assert code == Code.MISMATCHING_TYPES
    assert "output 'o0'" in sentence


def test_a_type_without_an_executor_is_refused() -> None:
    ((code, sentence), *_) = problems_of(spec_of(node("dn0", "one")), {"sleep"})
    assert code == Code.UNKNOWN_TASK_TYPE
    assert "'python-task'" in sentence


def test_a_number_is_no_id_because_attempts_of_the_node_around_it_are_called_so() -> None:
    ((code, sentence),) = problems_of(spec_of(node("dn0", "one"), node("0", "one")))
    assert code == Code.INVALID_VALUE
    assert "node '0'" in sentence


def test_futures_that_wait_for_each_other_are_shown_the_way_round() -> None:
    ((code, sentence),) = problems_of(spec_of(node("dn0", "inc", a="dn1.o0"), node("dn1", "inc", a="dn0.o0")))
    assert code == Code.CYCLE_DETECTED
    assert "dn0 -> dn1 -> dn0" in sentence


def test_the_work_for_a_node_does_not_grow_with_their_number() -> None:
    parent = task("parent", output=literal_types.collection_of(INT))

    def seconds(count: int) -> float:
        spec = wide(count)
        taken: list[float] = []
        for _ in range(3):
            began_at = time.process_time()
            compiler.index(compiler.compile_futures(spec, parent))
            taken.append(time.process_time() - began_at)
        return min(taken)

    assert seconds(1_600) < 8 * seconds(400)
