"""An array is checked by its task: lists go in where each element gets its own, and a list comes out."""

import math

import pytest

from elevon import compiler
from elevon.compiler import Code, rendering
from elevon.compiler.graphs import Array, FailurePolicy, GraphNode, NodeKind
from elevon.idl import literal_types, literals
from elevon.idl.messages import Node, TaskTemplate
from tests.unit.compiler.specimens import INT, Bound, array, node, task, templates, workflow

INTS = literal_types.collection_of(INT)
TASKS = (
    task("area", {"width": INT, "height": INT}),
    task("listed", {"width": INTS, "height": INT}, INTS),
    task("flat", {"width": INTS}, INT),
)
HEIGHT = literals.integer(3)


def compiled(*nodes: Node, tasks: tuple[TaskTemplate, ...] = TASKS) -> dict[str, GraphNode]:
    """The graph of nodes that may name the inputs `xs`, a list, and `x`."""
    primary = workflow(*nodes, inputs={"xs": INTS, "x": INT})
    return compiler.index(compiler.compile(templates(primary, tasks=tasks))).nodes


def problem_of(*nodes: Node) -> tuple[str, str]:
    with pytest.raises(compiler.CompilationError) as caught:
        compiled(*nodes)
    ((code, sentence),) = [(each.code, each.sentence) for each in caught.value.problems]
    return code, sentence


def areas(width: Bound = ".xs", height: Bound = ".x", fixed: tuple[str, ...] = ("height",)) -> Node:
    return array("n0", "area", *fixed, width=width, height=height)


def array_of(made: GraphNode) -> Array:
    assert made.kind is NodeKind.ARRAY
    assert made.array is not None
    return made.array


def test_each_element_gets_its_own_of_what_is_not_fixed() -> None:
    made = array_of(compiled(areas())["n0"])
    assert made.mapped == {"width"}
    assert not made.is_wrapped
    assert (made.element.kind, made.element.inputs) == (NodeKind.TASK, ())
    assert made.graph.on_failure is FailurePolicy.FAIL_IMMEDIATELY
    assert (made.limit, made.needed(7)) == (0, 7)


def test_a_task_that_is_written_for_lists_says_by_its_types_what_is_mapped() -> None:
    made = array("n0", "listed", width=".xs", height=HEIGHT)
    made.array_node.is_original_sub_node_interface.value = False
    assert array_of(compiled(made)["n0"]).mapped == {"width"}
    assert array_of(compiled(made)["n0"]).is_wrapped


def test_settings_of_the_wire_are_kept() -> None:
    made = areas()
    made.array_node.parallelism = 4
    made.array_node.min_successes = 0
    made.array_node.run_all_sub_nodes = True
    found = array_of(compiled(made)["n0"])
    assert (found.limit, found.needed(9)) == (4, 0)
    assert found.graph.on_failure is FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


@pytest.mark.parametrize(
    ("ratio", "count", "needed"),
    [(0.1, 10, 1), (0.7, 10, 7), (1 / 3, 3, 1), (2 / 3, 3, 2), (0.5, 3, 2), (0, 5, 0), (1, 5, 5)],
)
def test_a_ratio_means_the_least_whole_number_that_is_not_below_it(
    ratio: float, count: int, needed: int
) -> None:
    made = areas()
    made.array_node.min_success_ratio = ratio
    assert array_of(compiled(made)["n0"]).needed(count) == needed


@pytest.mark.parametrize(
    ("name", "value", "is_right"),
    [("min_success_ratio", 1.0, True), ("min_success_ratio", 0.5, False), ("min_successes", 2, False)],
)
def test_a_list_that_may_lack_elements_is_one_of_optional_values(
    name: str, value: float, is_right: bool
) -> None:
    made = areas()
    setattr(made.array_node, name, value)
    total = node("n1", "total", items="n0.o0")
    tasks = (*TASKS, task("total", {"items": INTS}))
    if is_right:
        assert compiled(made, total, tasks=tasks)["n1"].upstream == ("n0",)
    else:
        with pytest.raises(compiler.CompilationError, match=r"which is list\[int \| None\]"):
            compiled(made, total, tasks=tasks)


def test_an_array_waits_for_what_its_lists_come_from() -> None:
    nodes = compiled(node("n1", "one"), areas(width=["n1.o0", "n1.o0"]), tasks=(*TASKS, task("one")))
    assert nodes["n0"].upstream == ("n1",)


def without_bindings() -> Node:
    made = areas()
    made.array_node.node.inputs[0].binding.promise.var = "x"
    return made


def with_ratio(ratio: float) -> Node:
    made = areas()
    made.array_node.min_success_ratio = ratio
    return made


def with_retries() -> Node:
    made = areas()
    made.metadata.retries.retries = 3
    return made


def flat() -> Node:
    made = array("n0", "flat", width=".xs")
    made.array_node.is_original_sub_node_interface.value = False
    return made


PROBLEMS: list[tuple[Node, Code, str]] = [
    (
        areas(width=".x"),
        Code.MISMATCHING_TYPES,
        "input 'width': takes list[int], but is bound to workflow input 'x', which is int",
    ),
    (
        areas(fixed=("height", "heigt")),
        Code.VARIABLE_NAME_NOT_FOUND,
        "bound_inputs names 'heigt', which its task does not take: did you mean 'height'?",
    ),
    (
        areas(width=".x", fixed=("width", "height")),
        Code.INVALID_VALUE,
        "it maps no list: leave one input of its task unbound",
    ),
    (
        array("n0", "aera", width=".xs"),
        Code.TASK_REFERENCE_NOT_FOUND,
        "there is no task 'aera' in this version: did you mean 'area'?",
    ),
    (with_ratio(1.5), Code.INVALID_VALUE, "min_success_ratio is 1.5: use a part from 0 to 1"),
    (with_ratio(-1), Code.INVALID_VALUE, "min_success_ratio is -1: use a part from 0 to 1"),
    (with_ratio(math.nan), Code.INVALID_VALUE, "min_success_ratio is nan: use a part from 0 to 1"),
    (
        without_bindings(),
        Code.INVALID_VALUE,
        "the node that it runs is bound to something else than itself: bind both alike",
    ),
    (
        with_retries(),
        Code.UNSUPPORTED,
        "an array has no retries of its own: set it for the node that it runs",
    ),
    (
        flat(),
        Code.MISMATCHING_TYPES,
        "its task is declared with lists, but gives int for 'o0'",
    ),
]


@pytest.mark.parametrize(
    ("made", "code", "sentence"), PROBLEMS, ids=lambda one: str(one)[:40] if isinstance(one, str) else ""
)
def test_each_mistake_has_its_sentence(made: Node, code: Code, sentence: str) -> None:
    found_code, found = problem_of(made)
    assert (found_code, found.removeprefix("workflow 'wf', node 'n0'").lstrip(",: ")) == (code, sentence)


def test_the_text_of_a_workflow_shows_its_arrays() -> None:
    made = areas()
    made.array_node.parallelism = 2
    made.array_node.min_success_ratio = 0.5
    closure = compiler.compile(templates(workflow(made, inputs={"xs": INTS, "x": INT}), tasks=TASKS))
    text = rendering.render_text(closure)
    assert (
        "  node n0: map of task area, the same for all: height, 2 at once, at least 0.5 of them succeed\n"
        in text
    )
    assert "    width = xs\n" in text
