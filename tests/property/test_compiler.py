"""Whatever the graph, compiling and indexing agree on its order; whatever the template, only mistakes are reported."""

import itertools
import re
from collections.abc import Mapping

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from elevon import compiler
from elevon.compiler import cycles
from elevon.idl import literal_types, literals
from elevon.idl.messages import CompiledWorkflowClosure, WorkflowTemplate
from tests.unit.compiler import specimens
from tests.unit.compiler.specimens import INT, branch, condition, node, subnode, workflow

Upstream = Mapping[str, list[str]]


@st.composite
def orders(draw: st.DrawFn) -> Upstream:
    """For each node the earlier ones that it waits for."""
    upstream: dict[str, list[str]] = {}
    for position in range(draw(st.integers(1, 12))):
        upstream[f"n{position}"] = [source for source in upstream if draw(st.booleans())]
    return upstream


def workflow_of(upstream: Upstream) -> WorkflowTemplate:
    """Nodes that wait by their bindings where they can, and every third by its upstream ids."""
    nodes = []
    for position, (node_id, sources) in enumerate(upstream.items()):
        if position % 3 == 0:
            nodes.append(node(node_id, "one", after=sources))
        else:
            nodes.append(node(node_id, "total", items=[f"{source}.o0" for source in sources]))
    return workflow(*nodes)


def rich_templates() -> compiler.Templates:
    """A workflow with everything in it that can be broken."""
    inner = workflow(
        node("n0", "inc", a=".x"), name="inner", inputs={"x": INT}, outputs={"o0": INT}, gives={"o0": "n0.o0"}
    )
    conjunction = condition("x")
    conjunction.conjunction.left_expression.CopyFrom(condition("x"))
    conjunction.conjunction.right_expression.CopyFrom(condition("x", "EQ"))
    made = specimens.templates(
        workflow(
            node("n0", "inc", a=".x"),
            node("n1", "user", after=["n0"]),
            node("n2", "greet", name="n1.o0/tags/0"),
            subnode("n3", "inner", x=literals.integer(1)),
            node("n4", "total", items=["n0.o0", literals.integer(2), "n3.o0"]),
            branch(
                "n5",
                {"x": "n4.o0"},
                conjunction,
                node("n0", "inc", a="n0.o0"),
                subnode("n1", "inner", x="n4.o0"),
            ),
            inputs={"x": INT},
            outputs={"r": INT, "maybe": literal_types.union_of([INT, specimens.STR])},
            gives={"r": "n5.o0", "maybe": "n2.o0"},
        ),
        inner,
    )
    first = made.tasks[0]
    first.metadata.timeout.seconds = 5
    first.metadata.retries.retries = 1
    first.config["queue_timeout"] = "5"
    first.container.resources.requests.add(name="CPU", value="500m")
    return made


def test_the_rich_templates_compile() -> None:
    compiler.index(compiler.compile(rich_templates()))


@given(orders())
def test_a_graph_without_cycles_is_indexed_as_it_is(upstream: Upstream) -> None:
    closure = compiler.compile(specimens.templates(workflow_of(upstream)))
    graph = compiler.index(CompiledWorkflowClosure.FromString(closure.SerializeToString()))
    assert {each.id: list(each.upstream) for each in graph.nodes.values()} == upstream
    for each in graph.nodes.values():
        assert set(each.downstream) == {other for other, sources in upstream.items() if each.id in sources}
        assert list(closure.primary.connections.upstream[each.id].ids) == list(each.upstream)
        assert list(closure.primary.connections.downstream[each.id].ids) == list(each.downstream)
    assert set(graph.roots) == {name for name, sources in upstream.items() if not sources}


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), unique=True)))
def test_cycles_are_found_exactly_when_there_are_any(edges: dict[str, list[str]]) -> None:
    upstream = {name: [source for source in sources if source in edges] for name, sources in edges.items()}
    left = dict(upstream)
    while ready := [name for name, sources in left.items() if not set(sources) & set(left)]:
        for name in ready:
            del left[name]
    found = cycles.find(upstream)
    assert bool(found) is bool(left)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(source in upstream[name] for source, name in itertools.pairwise(cycle))


@given(orders(), st.data())
def test_a_cycle_is_named_with_a_way_round_that_exists(upstream: Upstream, data: st.DataObject) -> None:
    names = list(upstream)
    first = data.draw(st.sampled_from(names))
    last = data.draw(st.sampled_from(names[names.index(first) :]))
    knotted = {**upstream, first: [*upstream[first], last], last: [*upstream[last], first]}
    made = workflow(*(node(name, "one", after=sources) for name, sources in knotted.items()))
    with pytest.raises(compiler.CompilationError) as caught:
        compiler.compile(specimens.templates(made))
    [problem] = caught.value.problems
    path = re.findall(r"n\d+", problem.sentence)
    assert path[0] == path[-1]
    assert all(source in knotted[name] for source, name in itertools.pairwise(path))


SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: st.sampled_from(
        ["", "n0", "n1", "n9", "o0", "x", "a", "inner", "-1", "1e99", "x\n"]
    ),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 12),
    FieldDescriptor.CPPTYPE_INT32: st.sampled_from([0, 1, -1, -(2**31), 2**31 - 1]),
    FieldDescriptor.CPPTYPE_UINT32: st.sampled_from([0, 1, 2**32 - 1]),
    FieldDescriptor.CPPTYPE_INT64: st.sampled_from([0, 1, -1, -(2**63), 2**63 - 1]),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
}


def messages_in(message: Message) -> list[Message]:
    """The message and every message inside it."""
    found = [message]
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            found += [
                inner for each in value.values() if isinstance(each, Message) for inner in messages_in(each)
            ]
        else:
            children = value if descriptor.is_repeated else [value]
            found += [inner for each in children for inner in messages_in(each)]
    return found


def mutate(draw: st.DrawFn, message: Message) -> None:
    """Change one field of the message: drop it, repeat it, or give it another value."""
    descriptor = draw(st.sampled_from(list(message.DESCRIPTOR.fields)))
    name = descriptor.name
    kinds = SCALARS.get(descriptor.cpp_type)
    is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
    if is_map or draw(st.booleans()):
        message.ClearField(name)
    elif descriptor.is_repeated and descriptor.message_type is not None:
        values = getattr(message, name)
        values.extend(list(values) or [values.add()])
    elif descriptor.is_repeated and kinds is not None:
        getattr(message, name).append(draw(kinds))
    elif descriptor.message_type is not None:
        getattr(message, name).SetInParent()
    elif kinds is not None:
        setattr(message, name, draw(kinds))


@st.composite
def broken_templates(draw: st.DrawFn) -> compiler.Templates:
    made = rich_templates()
    for _ in range(draw(st.integers(1, 4))):
        whole = draw(st.sampled_from([made.workflow, made.workflow, *made.sub_workflows, *made.tasks]))
        parts = [part for part in messages_in(whole) if part.DESCRIPTOR.fields]
        mutate(draw, draw(st.sampled_from(parts)))
    return made


@given(broken_templates())
def test_a_broken_template_is_compiled_or_refused_in_whole_sentences(made: compiler.Templates) -> None:
    sentences: list[str] = []
    try:
        compiler.index(compiler.compile(made, {"python-task"}))
    except compiler.CompilationError as error:
        sentences = [problem.sentence for problem in error.problems] or [""]
    assert all(sentence and "\n" not in sentence for sentence in sentences)
