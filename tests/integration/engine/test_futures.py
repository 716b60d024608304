"""Futures that an executor returns are checked, stored and run, and go on after a crash from what was stored."""

from typing import Any

import pytest

from elevon import Task, workflow
from elevon.idl.messages import DynamicJobSpec
from elevon.plugin import TaskContext, TaskStatus
from elevon.primitives import failpoints
from elevon.propeller import expansions
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import ExecutionPhase, NodePhase
from elevon.sdk import serialization, tracing
from elevon.sdk.workflows import Workflow
from tests.integration.engine import flows
from tests.integration.engine.worlds import (
    DONE,
    RUNNING,
    Flag,
    Scripted,
    World,
    identity,
    outputs_of,
)

FAILED: TaskStatus[Any] = TaskStatus.permanent_failure("no such table")
unserved: Task[..., Any] = Task("unserved", task_type="unserved", outputs={"o0": int})


@workflow
def through_other() -> int:
    return unserved()


def futures_of(flow: Workflow[..., Any]) -> DynamicJobSpec:
    """The nodes of a workflow without inputs, as futures."""
    scope = tracing.Scope(flow.site, prefix="dn")
    body = tracing.body_of(scope, flow.interface, tracing.record(scope, flow.function))
    return serialization.serialize_futures(body, project="default", domain="development", version="1")


def expanded(flow: Workflow[..., Any]) -> TaskStatus[Any]:
    """A success with the nodes of a workflow as futures."""
    return TaskStatus.expanded(futures_of(flow))


def message_of(record: ExecutionRecord) -> str:
    assert record.failure is not None
    return record.failure.message


async def test_a_task_goes_on_as_its_futures_and_has_their_outputs(world: World) -> None:
    executor = Scripted(start=[expanded(flows.chain), DONE])
    record = await world.run(flows.single, executor)
    assert outputs_of(record) == {"o0": 1}
    starts = [call.node_id for call in executor.calls if call.kind == "start"]
    assert starts == ["n0", "n0/dn0", "n0/dn1"]


async def test_whoever_looks_sees_the_futures_under_their_node(world: World) -> None:
    await world.run(flows.single, Scripted(start=[expanded(flows.chain), DONE]))
    async with world.engine() as embedded:
        view = await embedded.admin.view(identity())
    nodes = {node.id: node for node in view.walk()}
    assert [*nodes] == ["n0", "n0/dn0", "n0/dn1"]
    assert nodes["n0/dn1"].name.endswith(".fed")
    phases = [row.phase for row in view.history if row.node_id == "n0" and row.attempt is None]
    assert phases == [NodePhase.DYNAMIC_RUNNING, NodePhase.SUCCEEDED]


async def test_futures_may_come_with_any_check_and_be_nested(world: World) -> None:
    executor = Scripted(
        start=[RUNNING, DONE, RUNNING], check=[expanded(flows.pair), expanded(flows.single), DONE]
    )
    record = await world.run(flows.single, executor)
    assert outputs_of(record) == {"o0": 1}
    assert "n0/dn1/dn0" in {call.node_id for call in executor.calls}


def leaves(content: bytes) -> Any:
    """A step in which the task's process leaves a futures file, and the executor knows of its success alone."""

    async def leave(ctx: TaskContext[Any]) -> TaskStatus[Any]:
        ctx.data_dir.mkdir(parents=True)
        (ctx.data_dir / "futures.pb").write_bytes(content)
        return TaskStatus.succeeded()

    return leave


async def test_futures_that_a_process_leaves_in_its_file_are_found(world: World) -> None:
    content = futures_of(flows.chain).SerializeToString()
    record = await world.run(flows.single, Scripted(start=[leaves(content), DONE]))
    assert outputs_of(record) == {"o0": 1}


async def test_a_damaged_futures_file_fails_its_task(world: World) -> None:
    record = await world.run(flows.single, Scripted(start=[leaves(b"damaged")]))
    assert "returned futures that can't run: Error parsing message" in message_of(record)


async def test_a_crash_while_futures_run_repeats_nothing_that_was_done(world: World) -> None:
    flag = Flag()
    before = Scripted(start=[expanded(flows.chain), DONE, flag.hang])
    await world.crash(flows.single, before, flag.reached())
    after = Scripted(start=[DONE])
    assert outputs_of(await world.resume(after)) == {"o0": 1}
    assert [(call.node_id, call.may_have_happened) for call in after.calls if call.kind == "start"] == [
        ("n0/dn1", True)
    ]


async def test_broken_futures_fail_the_node_with_all_that_is_wrong(world: World) -> None:
    spec = futures_of(flows.chain)
    spec.nodes[0].task_node.reference_id.name = "no.such"
    spec.nodes[1].inputs[0].var = "y"
    executor = Scripted(start=[TaskStatus.expanded(spec)])
    record = await world.run(flows.stubborn, executor)
    message = message_of(record)
    assert record.phase is ExecutionPhase.FAILED
    assert "returned futures that can't run: workflow 'tests.integration.engine.flows.job' has" in message
    assert "there is no task 'no.such'" in message
    assert "input 'y': there is no such input" in message
    assert executor.kinds().count("start") == 1


async def test_futures_that_can_not_be_stored_now_are_asked_for_again(world: World) -> None:
    executor = Scripted(start=[expanded(flows.single), DONE], check=[expanded(flows.single)])
    failpoints.arm("expansions.before_store:1:raise")
    try:
        record = await world.run(flows.single, executor)
    finally:
        failpoints.arm("")
    assert outputs_of(record) == {"o0": 1}
    assert [call.kind for call in executor.calls if call.node_id == "n0"] == ["start", "check", "finalize"]


async def test_futures_of_a_type_that_nobody_serves_fail_their_node(world: World) -> None:
    record = await world.run(flows.single, Scripted(start=[expanded(through_other)]))
    assert "no executor is registered for the task type 'unserved'" in message_of(record)


async def test_a_failure_in_futures_is_told_by_the_execution_with_its_node(world: World) -> None:
    record = await world.run(flows.single, Scripted(start=[expanded(flows.single), FAILED]))
    assert message_of(record) == "node n0/dn0: no such table"


async def test_futures_need_only_so_many_successes_as_they_say(world: World) -> None:
    spec = futures_of(flows.pair)
    spec.min_successes = 1
    record = await world.run(flows.single, Scripted(start=[TaskStatus.expanded(spec), FAILED, DONE]))
    assert outputs_of(record) == {"o0": 1}


async def test_many_mistakes_are_told_by_their_number_and_the_first_of_them(world: World) -> None:
    spec = futures_of(flows.single)
    for number in range(200):
        spec.nodes.add(id=f"dx{number}")
    message = message_of(await world.run(flows.single, Scripted(start=[TaskStatus.expanded(spec)])))
    assert "200 problems, the first 100 being\n- " in message
    assert message.count("it runs nothing") == 100


async def test_settings_without_effect_are_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    spec = futures_of(flows.pair)
    spec.tasks[0].metadata.interruptible = True
    await world.run(flows.single, Scripted(start=[TaskStatus.expanded(spec), DONE]))
    told = [record.getMessage() for record in caplog.records if "has no effect" in record.getMessage()]
    (sentence,) = told
    assert sentence.startswith("task tests.integration.engine.flows.job: interruptible has no effect")


async def test_futures_without_an_end_are_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansions, "DEPTH_LIMIT", 3)
    record = await world.run(flows.single, Scripted(start=[expanded(flows.single)]))
    assert message_of(record).startswith("node n0/dn0/dn0/dn0: ")
    assert "does the task call itself without an end?" in message_of(record)
