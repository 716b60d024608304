"""A recovered execution takes over what succeeded and would do the same again, and runs the rest."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from elevon import errors
from elevon.admin.executions import NewExecution
from elevon.idl.messages import CompiledWorkflowClosure, TaskTemplate
from elevon.records.identities import ExecutionId
from elevon.records.phases import ExecutionPhase, NodePhase
from tests.unit.admin import specimens
from tests.unit.admin.specimens import World

Change = Callable[[TaskTemplate], object]


def with_task(name: str, change: Change) -> CompiledWorkflowClosure:
    """The closure of `both` with one task changed."""
    closure = specimens.prepare(specimens.both).closure
    for compiled in closure.tasks:
        if compiled.template.id.name.endswith(f".{name}"):
            change(compiled.template)
    return closure


async def taken_over(world: World, closure: CompiledWorkflowClosure, **outputs: int | None) -> set[str]:
    """Which nodes an execution of a closure takes over from one of `both` that failed."""
    failed = await world.create()
    await world.drive(failed, ExecutionPhase.FAILED, **outputs)
    new = specimens.changed(specimens.prepare(specimens.both), closure)
    record = await world.admin.recover(failed, new)
    view = await world.admin.view(record.id)
    assert all(node.record.phase is NodePhase.RECOVERED for node in view.walk() if node.record)
    return {node.id for node in view.walk() if node.record}


async def test_succeeded_nodes_are_taken_over_with_their_outputs(world: World) -> None:
    failed = await world.create(x=7)
    await world.drive(failed, ExecutionPhase.FAILED, n0=14, n1=6, n2=None)
    record = await world.admin.recover(failed, specimens.prepare(specimens.both))
    before, after = await world.admin.view(failed), await world.admin.view(record.id)
    assert record.recovered_from == "a1"
    assert record.inputs == before.record.inputs
    outputs = {node.id: node.record.outputs for node in after.nodes if node.record}
    assert outputs == {node.id: node.record.outputs for node in before.nodes[:2] if node.record}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda task: task.container.args.append("--fast"), id="command"),
        pytest.param(lambda task: task.custom.update({"query": "select 2"}), id="custom message"),
        pytest.param(lambda task: setattr(task, "type", "other"), id="type"),
        pytest.param(lambda task: task.config.update({"a": "b"}), id="configuration"),
    ],
)
async def test_a_task_that_changed_runs_again_with_all_that_depends_on_it(
    world: World, change: Change
) -> None:
    assert await taken_over(world, with_task("double", change), n0=2, n1=6, n2=8) == set()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda task: setattr(task.id, "version", "v2"), id="version"),
        pytest.param(lambda task: setattr(task.container, "image", "other:1"), id="image"),
        pytest.param(lambda task: setattr(task.metadata.retries, "retries", 5), id="retries"),
    ],
)
async def test_how_a_task_is_run_does_not_matter(world: World, change: Change) -> None:
    closure = with_task("add", lambda task: None)
    for compiled in closure.tasks:
        change(compiled.template)
    if closure.tasks[0].template.id.version == "v2":
        for node in closure.primary.template.nodes:
            node.task_node.reference_id.version = "v2"
    assert await taken_over(world, closure, n0=2, n1=6, n2=None) == {"n0", "n1"}


async def test_a_node_behind_one_that_runs_again_runs_again(world: World) -> None:
    assert await taken_over(world, specimens.prepare(specimens.both).closure, n0=2, n2=8) == {"n0"}


async def test_a_node_whose_inputs_are_bound_otherwise_runs_again(world: World) -> None:
    closure = specimens.prepare(specimens.both).closure
    closure.primary.template.nodes[1].inputs[0].binding.promise.var = "x"
    assert await taken_over(world, closure, n0=2, n1=6, n2=8) == {"n0"}


async def test_nodes_of_a_subworkflow_that_failed_are_taken_over_one_by_one(world: World) -> None:
    failed = await world.create(specimens.nested)
    await world.drive(failed, ExecutionPhase.FAILED, n0=None, n0__n0=2, n0__n1=None)
    record = await world.admin.recover(failed, specimens.prepare(specimens.nested))
    view = await world.admin.view(record.id)
    assert {node.id for node in view.walk() if node.record} == {"n0/n0"}


async def test_a_subworkflow_is_taken_over_if_all_of_it_is(world: World) -> None:
    failed = await world.create(specimens.nested)
    await world.drive(failed, ExecutionPhase.FAILED, n0=8, n0__n0=2, n0__n1=2, n0__n2=4, n1=None)
    same = await world.admin.recover(failed, specimens.prepare(specimens.nested))
    view = await world.admin.view(same.id)
    assert {node.id for node in view.walk() if node.record} == {"n0", "n0/n0", "n0/n1", "n0/n2"}
    new = specimens.prepare(specimens.nested)
    for compiled in new.closure.tasks:
        if compiled.template.id.name.endswith(".add"):
            compiled.template.container.args.append("--fast")
    other = await world.admin.recover(failed, new)
    view = await world.admin.view(other.id)
    assert {node.id for node in view.walk() if node.record} == {"n0/n0", "n0/n1"}


@pytest.mark.parametrize(
    ("phase", "mend"),
    [(ExecutionPhase.SUCCEEDED, "nothing to recover"), (ExecutionPhase.RUNNING, "elevon resume a1")],
)
async def test_only_what_failed_can_be_recovered(world: World, phase: ExecutionPhase, mend: str) -> None:
    execution = await world.create()
    await world.drive(execution, phase)
    with pytest.raises(errors.UserError, match=f"has not failed, it is {phase}: .*{mend}"):
        await world.admin.recover(execution, specimens.prepare(specimens.both))


async def test_a_task_that_succeeded_with_futures_is_taken_over_without_them(world: World) -> None:
    failed = await world.create()
    node = await world.expand(failed, "n0", specimens.both)
    await world.drive(failed, ExecutionPhase.FAILED, n0__n0=2, n0__n1=2, n1=6, n2=None)
    await world.put(failed, msgspec.structs.replace(node, phase=NodePhase.SUCCEEDED, outputs=b""))
    record = await world.admin.recover(failed, specimens.prepare(specimens.both))
    view = await world.admin.view(record.id)
    assert {node.id for node in view.walk() if node.record} == {"n0", "n1"}
    assert view.nodes[0].children == ()


async def test_a_task_whose_futures_failed_runs_again_with_all_of_them(world: World) -> None:
    failed = await world.create()
    node = await world.expand(failed, "n0", specimens.both)
    await world.drive(failed, ExecutionPhase.FAILED, n0__n0=2, n0__n1=None, n1=6)
    await world.put(failed, msgspec.structs.replace(node, phase=NodePhase.FAILED))
    record = await world.admin.recover(failed, specimens.prepare(specimens.both))
    view = await world.admin.view(record.id)
    assert {node.id for node in view.walk() if node.record} == {"n1"}


async def with_elements(world: World, flow: Any = specimens.mapped, **outputs: int | None) -> ExecutionId:
    """A failed execution of a map over three elements."""
    failed = await world.create(flow)
    await world.drive(failed, ExecutionPhase.FAILED, **outputs)
    view = await world.admin.view(failed)
    node = view.nodes[0].record
    assert node is not None
    await world.put(failed, msgspec.structs.replace(node, element_count=3))
    return failed


async def recovered(world: World, failed: ExecutionId, new: NewExecution) -> set[str]:
    view = await world.admin.view((await world.admin.recover(failed, new)).id)
    stored = await world.store.load_execution(view.record.id)
    return {record.node_id for record in stored.nodes}


async def test_elements_of_an_array_that_failed_are_taken_over_one_by_one(world: World) -> None:
    failed = await with_elements(world, n0=None, n0__0=2, n0__1=None, n0__2=6)
    assert await recovered(world, failed, specimens.prepare(specimens.mapped)) == {"n0/0", "n0/2"}


async def test_an_array_that_did_without_some_elements_is_taken_over(world: World) -> None:
    failed = await with_elements(world, specimens.sparing, n0=2, n0__0=2, n0__1=None, n0__2=6)
    assert await recovered(world, failed, specimens.prepare(specimens.sparing)) == {"n0", "n0/0", "n0/2"}


async def test_an_array_that_can_no_longer_do_without_some_elements_runs_those_again(world: World) -> None:
    failed = await with_elements(world, specimens.sparing, n0=2, n0__0=2, n0__1=None, n0__2=6)
    new = specimens.prepare(specimens.sparing)
    new.closure.primary.template.nodes[0].array_node.min_success_ratio = 0.75
    assert await recovered(world, failed, new) == {"n0/0", "n0/2"}


async def test_what_was_taken_over_is_so_again_though_nothing_had_begun_since(world: World) -> None:
    failed = await with_elements(world, n0=None, n0__0=2, n0__1=None, n0__2=6)
    second = await world.admin.recover(failed, specimens.prepare(specimens.mapped))
    await world.drive(second.id, ExecutionPhase.FAILED)
    assert await recovered(world, second.id, specimens.prepare(specimens.mapped)) == {"n0/0", "n0/2"}


async def test_elements_of_another_task_run_again(world: World) -> None:
    failed = await with_elements(world, n0=None, n0__0=2)
    new = specimens.prepare(specimens.mapped)
    new.closure.tasks[0].template.container.args.append("--fast")
    assert await recovered(world, failed, new) == set()
