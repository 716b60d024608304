"""elevon's templates against those of the real flytekit 1.16, for the same program."""

import base64
import json
import logging
from pathlib import Path
from typing import TypeVar

import pytest
from google.protobuf.message import Message

from elevon import compiler
from elevon.idl import literals, messages
from elevon.records.identities import ExecutionId
from elevon.sdk import contexts, entrypoint, serialization
from tests.wire import workflow_samples

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "workflows.json").read_text(encoding="utf-8"))
PLAIN = serialization.serialize(workflow_samples.plain, project="p", domain="d", version="v")
CHOSEN = serialization.serialize(workflow_samples.chosen, project="p", domain="d", version="v")
MAPPED = serialization.serialize(workflow_samples.mapped, project="p", domain="d", version="v")
M = TypeVar("M", bound=Message)
OURS, THEIRS = f"{workflow_samples.__name__}.", "make_workflow_golden."


def golden(name: str, kind: type[M], prefix: str = THEIRS) -> M:
    return kind.FromString(base64.b64decode(GOLDEN[f"{prefix}{name}"]))


def renamed(message: M) -> M:
    """Our message under the module name of the golden one."""
    text = message.SerializeToString(deterministic=True)
    copy = type(message).FromString(text)
    for identifier in _identifiers(copy):
        identifier.name = identifier.name.replace(OURS, THEIRS)
    return copy


def _identifiers(message: Message):
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for item in value if isinstance(value, list) or hasattr(value, "append") else [value]:
            if isinstance(item, messages.Identifier):
                yield item
            else:
                yield from _identifiers(item)


def test_a_workflow_is_the_same_message() -> None:
    assert renamed(PLAIN.workflow) == golden("plain", messages.WorkflowTemplate)


def test_a_subworkflow_is_the_same_message() -> None:
    (inner,) = PLAIN.sub_workflows
    assert renamed(inner) == golden("inner", messages.WorkflowTemplate)


def test_parameters_are_the_same_message() -> None:
    assert PLAIN.parameters == golden("plain parameters", messages.ParameterMap)


@pytest.mark.parametrize("made", PLAIN.tasks, ids=lambda made: made.id.name.removeprefix(OURS))
def test_a_task_is_the_same_message_but_for_who_runs_it(made: messages.TaskTemplate) -> None:
    ours, theirs = renamed(made), golden(made.id.name.removeprefix(OURS), messages.TaskTemplate)
    for template in (ours, theirs):
        template.metadata.runtime.Clear()
        template.metadata.ClearField("generates_deck")  # flytekit's decks, and metadata of pods
        template.metadata.ClearField("metadata")
        template.container.ClearField("args")
    assert ours == theirs


def test_futures_are_the_same_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_TASK_VERSION", "v")
    context = contexts.ExecutionContext(
        ExecutionId("p", "d", "e"), "n0", 0, logging.getLogger("t"), tmp_path, str(tmp_path)
    )
    inputs = literals.literal_map(
        {"x": literals.integer(2), "names": literals.collection([literals.string("a")])}
    )
    made = entrypoint.run_task(workflow_samples.unfolded, inputs, context)
    assert entrypoint.is_futures(made)
    ours, theirs = renamed(made), golden("unfolded futures", messages.DynamicJobSpec, prefix="")
    assert [task.id for task in ours.tasks] == [task.id for task in theirs.tasks]
    for spec in (ours, theirs):
        spec.ClearField("tasks")  # their ids are compared above, templates elsewhere
    for node in ours.nodes:
        node.upstream_node_ids.sort()
    assert ours == theirs


def test_futures_of_flytekit_compile() -> None:
    spec = golden("unfolded futures", messages.DynamicJobSpec, prefix="")
    task = messages.TaskTemplate(id=spec.tasks[0].id, interface=spec.tasks[0].interface)
    graph = compiler.index(compiler.compile_futures(spec, task, {"python-task"}))
    assert (list(graph.nodes), graph.roots) == (["dn0", "dn1", "dn2", "dn3"], ("dn0",))
    assert compiler.min_success_count(spec) == 0


def test_a_branch_has_the_same_inputs_and_conditions() -> None:
    ours, theirs = CHOSEN.workflow.nodes[1], golden("chosen", messages.WorkflowTemplate).nodes[1]
    assert list(ours.inputs) == list(theirs.inputs)
    assert list(ours.upstream_node_ids) == list(theirs.upstream_node_ids)
    our_block, their_block = ours.branch_node.if_else, theirs.branch_node.if_else
    assert our_block.case.condition == their_block.case.condition
    assert [case.condition for case in our_block.other] == [case.condition for case in their_block.other]
    assert our_block.error.message == their_block.error.message
    assert list(our_block.case.then_node.inputs) == list(their_block.case.then_node.inputs)
    assert list(CHOSEN.workflow.outputs) == list(golden("chosen", messages.WorkflowTemplate).outputs)


def test_a_map_is_the_same_array_as_that_of_a_task_that_flytekit_knows_by_its_name() -> None:
    theirs = golden("mapped_as_it_is", messages.WorkflowTemplate)
    ours = renamed(MAPPED.workflow)
    for node in ours.nodes:
        assert not node.array_node.node.task_node.overrides.ByteSize()
        node.array_node.node.task_node.ClearField("overrides")  # flytekit has none where it has no task
        node.metadata.name = node.array_node.node.metadata.name = f"{THEIRS}add"
        node.array_node.node.id = "make-workflow-golden-add"
    assert list(ours.nodes) == list(theirs.nodes)
    assert list(ours.outputs) == list(theirs.outputs)
    assert ours.interface == theirs.interface


def with_lists() -> compiler.Templates:
    """What flytekit makes of maps over tasks of its own: each map is a task that is declared with the lists."""
    flow = golden("mapped_as_lists", messages.WorkflowTemplate)
    named = [node.array_node.node.task_node.reference_id.name for node in flow.nodes]
    tasks = [golden(name, messages.TaskTemplate, prefix="") for name in named]
    for task in tasks:
        task.metadata.ClearField("generates_deck")
    return compiler.Templates(workflow=flow, tasks=tuple(tasks))


def test_maps_of_flytekit_compile_and_each_element_gets_a_list_of_one() -> None:
    graph = compiler.index(compiler.compile(with_lists(), {"python-task"}))
    found = [node.array for node in graph.nodes.values()]
    assert [(array.mapped, array.is_wrapped, array.limit, array.needed(5)) for array in found if array] == [
        ({"x", "y"}, True, 0, 5),
        ({"x"}, True, 2, 3),
    ]
