"""An array runs its elements through any executor, survives crashes, and is seen by whoever looks."""

from collections.abc import Sequence
from typing import Any

import pytest

from elevon import compiler
from elevon.idl import literals
from elevon.idl.messages import Literal, LiteralMap, TaskTemplate
from elevon.plugin import TaskContext, TaskStatus
from elevon.propeller.machine import arrays
from elevon.records.executions import ExecutionRecord
from elevon.records.phases import ExecutionPhase, NodePhase
from elevon.testing.replays import recordings
from tests.integration.engine import flows
from tests.integration.engine.test_futures import expanded
from tests.integration.engine.worlds import DONE, RUNNING, Flag, Scripted, State, World, drive, identity

FAILED: TaskStatus[Any] = TaskStatus.permanent_failure("no such table")


class Doubling(Scripted):
    """Gives the double of its input at once."""

    async def start_task(
        self, ctx: TaskContext[State], template: TaskTemplate, spec: None, inputs: LiteralMap
    ) -> TaskStatus[State]:
        await self._answer("start", ctx)
        value = 2 * inputs.literals["x"].scalar.primitive.integer
        return TaskStatus.succeeded({"o0": literals.integer(value)})


def listed(*numbers: int) -> dict[str, Literal]:
    return {"xs": literals.collection([literals.integer(number) for number in numbers])}


def numbers_of(record: ExecutionRecord) -> list[int | None]:
    (literal,) = LiteralMap.FromString(record.outputs or b"").literals.values()
    return [
        None if item.scalar.HasField("none_type") else item.scalar.primitive.integer
        for item in literal.collection.literals
    ]


async def run(world: World, flow: Any, executor: Scripted, *numbers: int) -> ExecutionRecord:
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flow, given=listed(*numbers))
        await drive(embedded, execution)
        return await embedded.admin.get(execution)


def starts(executor: Scripted) -> Sequence[str]:
    return [call.node_id for call in executor.calls if call.kind == "start"]


async def test_an_executor_of_any_type_gets_each_item_and_the_list_is_in_order(world: World) -> None:
    executor = Doubling()
    assert numbers_of(await run(world, flows.mapped_at_once, executor, 4, 5, 6)) == [8, 10, 12]
    assert starts(executor) == ["n0/0", "n0/1", "n0/2"]


async def test_a_list_longer_than_the_queue_goes_through_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "QUEUE_LIMIT", 2)
    numbers = range(50)
    made = numbers_of(await run(world, flows.mapped_at_once, Doubling(), *numbers))
    assert made == [2 * number for number in numbers]


async def test_an_empty_list_gives_an_empty_list(world: World) -> None:
    executor = Doubling()
    assert numbers_of(await run(world, flows.mapped, executor)) == []
    assert executor.calls == []


async def test_an_array_may_follow_another_in_a_subworkflow(world: World) -> None:
    assert numbers_of(await run(world, flows.mapped_twice, Doubling(), 1, 2)) == [4, 8]


async def test_an_element_that_fails_fails_the_execution_with_its_name(world: World) -> None:
    record = await run(world, flows.mapped, Scripted(start=[DONE, FAILED]), 1, 2, 3)
    assert record.failure is not None
    assert record.failure.message == "node n0/1: no such table"


async def test_elements_that_can_be_spared_are_none(world: World) -> None:
    record = await run(world, flows.mapped_in_part, Scripted(start=[FAILED, DONE]), 1, 2)
    assert numbers_of(record) == [None, 1]


async def test_an_element_is_retried_as_its_call_says(world: World) -> None:
    once: TaskStatus[Any] = TaskStatus.retryable_failure("the disk is full")
    executor = Scripted(start=[once, DONE])
    assert numbers_of(await run(world, flows.mapped_with_retries, executor, 1, 2)) == [1, 1]
    assert [(call.node_id, call.attempt) for call in executor.calls if call.kind == "start"] == [
        ("n0/0", 0),
        ("n0/0", 1),
        ("n0/1", 0),
    ]


async def test_an_element_may_go_on_as_futures(world: World) -> None:
    executor = Scripted(start=[expanded(flows.single), DONE])
    assert numbers_of(await run(world, flows.mapped, executor, 1, 2)) == [1, 1]
    assert starts(executor) == ["n0/0", "n0/0/dn0", "n0/1"]


async def test_a_crash_repeats_no_element_that_was_done(world: World) -> None:
    flag = Flag()
    before = Scripted(start=[DONE, DONE, flag.hang])
    await world.crash(flows.mapped, before, flag.reached(), listed(1, 2, 3, 4))
    after = Scripted(start=[DONE])
    assert numbers_of(await world.resume(after)) == [1, 1, 1, 1]
    assert starts(before) == ["n0/0", "n0/1", "n0/2"]
    assert [(call.node_id, call.may_have_happened) for call in after.calls if call.kind == "start"] == [
        ("n0/2", True),
        ("n0/3", False),
    ]


async def test_an_abort_ends_what_runs_and_begins_nothing_more(world: World) -> None:
    executor = Scripted(start=[RUNNING], check=[RUNNING])
    async with world.engine(executor) as embedded:
        execution = await world.create(embedded, flows.mapped, given=listed(1, 2))
        await embedded.admin.abort(execution, by="Ada", reason="a whim")
        await drive(embedded, execution)
        assert (await embedded.admin.get(execution)).phase is ExecutionPhase.ABORTED
    assert "n0/1" not in starts(executor)


async def test_whoever_looks_sees_the_elements_that_have_begun(world: World) -> None:
    await run(world, flows.mapped, Scripted(start=[DONE, FAILED]), 1, 2, 3)
    async with world.engine() as embedded:
        view = await embedded.admin.view(identity())
    (node,) = view.nodes
    assert node.name.startswith("map of ")
    assert node.record is not None
    assert node.record.element_count == 3
    assert [(child.id, child.record and child.record.phase) for child in node.children] == [
        ("n0/0", NodePhase.SUCCEEDED),
        ("n0/1", NodePhase.FAILED),
    ]


async def test_an_attempt_of_an_element_can_be_recorded_with_its_own_inputs(world: World) -> None:
    await run(world, flows.mapped_twice, Doubling(), 7, 8)
    async with world.engine() as embedded:
        admin, execution = embedded.admin, identity()
        stored = await admin.rows(execution)
        ran = recordings.Ran(stored, compiler.index(await admin.closure(stored.execution)), {})
        record = await admin.attempts.find(execution, "n1/n0/1", 0)
        recorded = recordings.of(ran, record, (), recordings.Code(executor="tests:Doubling"), "")
    assert LiteralMap.FromString(recorded.inputs or b"") == literals.literal_map({"x": literals.integer(16)})
    assert recorded.outputs is not None
