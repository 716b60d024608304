"""Templates that flytekit itself wrote compile, and mean what they mean to Flyte."""

from pathlib import Path

from google.protobuf import json_format

from elevon import compiler
from elevon.compiler import graphs, rendering
from elevon.idl.messages import CompiledWorkflowClosure

GOLDEN = Path(__file__).parent / "golden" / "flytekit_conditional.json"


def compiled() -> CompiledWorkflowClosure:
    given = json_format.Parse(GOLDEN.read_text(), CompiledWorkflowClosure())
    templates = compiler.Templates(
        workflow=given.primary.template,
        sub_workflows=tuple(each.template for each in given.sub_workflows),
        tasks=tuple(each.template for each in given.tasks),
    )
    return compiler.compile(templates, {"python-task"})


def node(node_id: str) -> graphs.GraphNode:
    return compiler.index(compiled()).nodes[node_id]


def test_arms_take_from_the_workflow_though_their_own_ids_are_the_same() -> None:
    first = node("n2")
    assert first.upstream == ("n0", "n1")
    assert first.arms is not None
    assert list(first.arms.nodes) == ["n0", "n1"]


def test_a_branch_in_a_branch_has_arms_of_its_own() -> None:
    second = node("n3")
    assert second.upstream == ("n1",)
    assert second.arms is not None
    nested = second.arms.nodes["n1"]
    assert nested.kind is graphs.NodeKind.BRANCH
    assert nested.arms is not None
    assert list(nested.arms.nodes) == ["n0", "n1"]


def test_an_override_of_zero_retries_is_meant() -> None:
    overridden, usual = node("n0").settings, node("n4").settings
    assert overridden is not None
    assert usual is not None
    assert (overridden.retries, usual.retries) == (0, 2)


def test_conditions_and_attributes_are_shown_by_what_they_name() -> None:
    text = rendering.render_text(compiled())
    assert "if n0.o0 > 3 and flag == True" in text
    assert "x = n1.o0['rights'][0]" in text
