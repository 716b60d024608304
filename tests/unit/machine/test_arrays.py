"""An array runs a task for each element of its list: in order, few at a time, and nothing grows with the list."""

import msgspec
import pytest

from elevon import errors
from elevon.compiler.graphs import Array
from elevon.idl import literal_types, literals
from elevon.idl.messages import Literal, LiteralMap, LiteralType
from elevon.propeller.machine import arrays
from elevon.propeller.machine.events import StatusReturned, TimerKind
from elevon.propeller.machine.views import View
from elevon.records.answers import Answer
from elevon.records.nodes import Expansion, NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.simulation import plans
from tests.simulation.plans import INPUT
from tests.unit.machine.machines import (
    NOON,
    Machine,
    array,
    dynamic,
    integers,
    outputs,
    seconds,
    task,
)

SUCCEEDED, FAILED = AttemptPhase.SUCCEEDED, AttemptPhase.FAILED


def message_of(machine: Machine, name: str) -> str:
    failure = machine.node(name).failure
    assert failure is not None
    return failure.message


def inputs_of(view: View, name: str) -> dict[str, int]:
    inputs = arrays.inputs_of(view, view.place(name)).literals
    return {name: literal.scalar.primitive.integer for name, literal in inputs.items()}


def test_each_element_runs_under_the_array_with_its_own_item_and_outputs_are_in_order() -> None:
    machine = Machine(task("a"), array("m", "a", 5, INPUT), task("z", "m"), output="z")
    machine.begin()
    assert machine.started("a", SUCCEEDED) == ["release a#0", "enqueue m/0", "enqueue m/1", "enqueue m/2"]
    assert machine.node("m").element_count == 3
    assert [inputs_of(machine.view, f"m/{index}") for index in range(3)] == [
        {"item": 1},
        {"item": 5},
        {"item": 7},
    ]
    machine.started("m/2", SUCCEEDED, outputs=outputs(30))
    machine.started("m/0", SUCCEEDED, outputs=outputs(10))
    assert machine.started("m/1", SUCCEEDED, outputs=outputs(20)) == ["release m/1#0", "enqueue z"]
    assert integers(machine.node("m").outputs) == [10, 20, 30]
    assert machine.history("m", None) == ["RUNNING", "SUCCEEDED"]
    machine.started("z", SUCCEEDED)
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_what_is_no_list_is_given_whole_to_each_element() -> None:
    made = array("m", 1, 2)
    made.sources = {"fixed": 9}
    machine = Machine(made)
    machine.begin()
    assert inputs_of(machine.view, "m/1") == {"item": 2, "fixed": 9}


def test_an_element_of_a_task_that_is_written_for_lists_gets_a_list_of_one() -> None:
    machine = Machine(array("m", 4, 5))
    machine.begin()
    elements = machine.view.scopes["m"].elements
    assert elements is not None
    wrapped = type(elements.array)(graph=elements.array.graph, mapped=elements.array.mapped, is_wrapped=True)
    given = arrays.element_inputs(wrapped, machine.view.scopes["m"].inputs, 1)
    assert given.literals["item"] == literals.collection([literals.integer(5)])


def test_an_empty_list_gives_an_empty_list_at_once() -> None:
    machine = Machine(array("m", needed=3))
    assert machine.begin() == ["end"]
    assert integers(machine.node("m").outputs) == []


def test_no_more_elements_run_at_once_than_the_array_allows() -> None:
    machine = Machine(array("m", 1, 2, 3, 4, limit=2))
    assert machine.begin() == ["enqueue m/0", "enqueue m/1"]
    machine.admit("m/0")
    assert machine.admit("m/1") == ["start m/1#0"]
    assert machine.returned("m/1", SUCCEEDED) == ["release m/1#0", "enqueue m/2"]
    machine.admit("m/2")
    assert machine.restart() == ["start m/0#0, may have happened", "start m/2#0, may have happened"]


def test_an_array_keeps_to_the_parallelism_of_its_execution_too() -> None:
    machine = Machine(array("m", 1, 2, 3), max_parallelism=1)
    assert machine.begin() == ["enqueue m/0"]
    assert machine.started("m/0", SUCCEEDED) == ["release m/0#0", "enqueue m/1"]


def test_the_queue_and_the_memory_hold_no_more_than_the_elements_next_in_turn() -> None:
    machine = Machine(array("m", *range(10_000)))
    assert len(machine.begin()) == arrays.QUEUE_LIMIT
    assert machine.admit("m/0") == ["start m/0#0", f"enqueue m/{arrays.QUEUE_LIMIT}"]
    scope, begun_count = machine.view.scopes["m"], arrays.QUEUE_LIMIT + 1
    assert len(scope.active) == len(machine.view.places) - 1 == len(machine.view.enqueued) + 1 == begun_count
    assert len(scope.graph.nodes) == 1


def test_a_failure_ends_the_others_and_no_more_begin() -> None:
    machine = Machine(array("m", 1, 2, 3, limit=2))
    machine.begin()
    machine.started("m/0")
    assert machine.started("m/1", FAILED) == ["release m/1#0", "kill m/0#0"]
    assert machine.node("m").phase is NodePhase.FAILING
    assert machine.done("m/0") == ["release m/0#0", "end"]
    assert message_of(machine, "m") == "node m/1: the user's code is wrong"
    assert "m/2" not in machine.store.nodes


def test_all_elements_run_to_their_end_where_that_is_wanted() -> None:
    machine = Machine(array("m", 1, 2, 3, limit=1, all_run=True))
    machine.begin()
    assert machine.started("m/0", FAILED) == ["release m/0#0", "enqueue m/1"]
    machine.started("m/1", SUCCEEDED)
    assert machine.restart() == ["enqueue m/2"]
    assert machine.started("m/2", SUCCEEDED) == ["release m/2#0", "end"]
    assert machine.node("m").phase is NodePhase.FAILED


def test_elements_that_fail_are_none_as_long_as_enough_can_succeed() -> None:
    machine = Machine(array("m", 1, 2, 3, needed=2))
    machine.begin()
    machine.started("m/0", SUCCEEDED, outputs=outputs(10))
    machine.started("m/1", FAILED)
    machine.restart()
    assert machine.started("m/2", SUCCEEDED, outputs=outputs(30)) == ["release m/2#0", "end"]
    assert integers(machine.node("m").outputs) == [10, None, 30]


def test_one_failure_too_many_ends_the_array() -> None:
    machine = Machine(array("m", 1, 2, 3, 4, needed=3, limit=1))
    machine.begin()
    machine.started("m/0", FAILED)
    assert machine.started("m/1", FAILED) == ["release m/1#0", "end"]
    assert message_of(machine, "m") == "node m/1: the user's code is wrong"


def test_none_need_succeed_where_that_is_said() -> None:
    machine = Machine(array("m", 1, needed=0))
    machine.begin()
    machine.started("m/0", FAILED)
    assert integers(machine.node("m").outputs) == [None]


def test_more_successes_than_elements_are_refused_before_anything_runs() -> None:
    machine = Machine(array("m", 1, 2, needed=3))
    assert machine.begin() == ["end"]
    assert message_of(machine, "m") == "at least 3 elements must succeed, and there are only 2"


def array_of_two_lists() -> Array:
    machine = Machine(array("m", 1))
    machine.begin()
    elements = machine.view.scopes["m"].elements
    assert elements is not None
    return Array(graph=elements.array.graph, mapped=frozenset({"a", "b"}))


def test_lists_that_differ_in_length_are_refused() -> None:
    given = literals.literal_map({"a": listed(1, 2), "b": listed(1)})
    with pytest.raises(errors.UserError, match="differ in length: 'a' has 2, 'b' has 1"):
        arrays.elements_of(array_of_two_lists(), given)


@pytest.mark.parametrize(
    "other", [literals.integer(1), literals.msgpack(b"\x01"), literals.msgpack(b"\xc1")], ids=str
)
def test_what_is_no_list_can_not_be_mapped(other: Literal) -> None:
    given = literals.literal_map({"a": listed(1), "b": other})
    with pytest.raises(errors.UserError, match="the input 'b' is to be mapped, and is no list"):
        arrays.lists_of(array_of_two_lists(), given)


def test_an_optional_list_and_one_that_is_part_of_a_struct_are_lists() -> None:
    optional = literals.union(listed(7, 8), literal_types.collection_of(LiteralType()))
    packed = literals.msgpack(msgspec.msgpack.encode(["x", {"y": 1}]))
    mapped = array_of_two_lists()
    given = arrays.lists_of(mapped, literals.literal_map({"a": optional, "b": packed}))
    assert arrays.elements_of(mapped, given).count == 2
    assert arrays.element_inputs(mapped, given, 1) == literals.literal_map(
        {"a": literals.integer(8), "b": literals.msgpack(msgspec.msgpack.encode({"y": 1}))}
    )


def listed(*numbers: int) -> Literal:
    return literals.collection([literals.integer(number) for number in numbers])


def test_an_element_has_the_retries_of_its_task() -> None:
    machine = Machine(array("m", 1, limit=1, retries=1))
    machine.begin()
    assert machine.started("m/0", AttemptPhase.RETRYABLE_FAILED) == ["release m/0#0", "enqueue m/0"]
    machine.admit("m/0")
    machine.returned("m/0", SUCCEEDED, attempt=1)
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_the_queue_time_out_of_an_element_begins_with_its_turn() -> None:
    made = array("m", 1, 2, limit=1)
    made.settings = task("t", queue_timeout_s=60).settings
    machine = Machine(made)
    machine.begin()
    first = machine.timer("m/0", TimerKind.DEADLINE)
    machine.now += seconds(50)
    machine.started("m/0", SUCCEEDED)
    assert machine.timer("m/1", TimerKind.DEADLINE) == first + seconds(50)


def test_an_element_may_go_on_as_futures_and_is_taken_up_with_them() -> None:
    inner = dynamic("d", task("a"), output="a")
    machine = Machine(array("m", 1), inner)
    machine.begin()
    machine.admit("m/0")
    machine.store.tasks.add("m/0/a")
    assert inner.flow is not None
    expansion = Expansion("futures of d")
    machine.view.expansions[expansion.closure_digest] = plans.graph_of(inner.flow)
    answer = Answer(phase=SUCCEEDED)
    event = StatusReturned("m/0", 0, machine.call_of("m/0"), answer, expansion)
    assert machine.send(event) == ["release m/0#0", "enqueue m/0/a"]
    assert sorted(machine.restart()) == ["enqueue d", "enqueue m/0/a"]
    machine.started("m/0/a", SUCCEEDED, outputs=outputs(5))
    assert integers(machine.node("m").outputs) == [5]


def test_a_restart_runs_nothing_again_and_begins_what_had_not() -> None:
    machine = Machine(array("m", 1, 2, 3, 4))
    machine.begin()
    machine.started("m/0", SUCCEEDED, outputs=outputs(10))
    machine.started("m/2")
    machine.started("m/3", SUCCEEDED, outputs=outputs(40))
    assert machine.restart() == ["check m/2#0", "enqueue m/1"]
    machine.started("m/1", SUCCEEDED, outputs=outputs(20))
    machine.returned("m/2", SUCCEEDED, outputs=outputs(30))
    assert integers(machine.node("m").outputs) == [10, 20, 30, 40]


def test_elements_that_were_taken_over_do_not_run_again() -> None:
    taken = NodeRecord(
        node_id="m/1",
        spec_node_id="1",
        parent="m",
        phase=NodePhase.RECOVERED,
        outputs=outputs(20),
        started_at=NOON,
        ended_at=NOON,
    )
    machine = Machine(array("m", 1, 2), taken_over=(taken,))
    assert machine.begin() == ["enqueue m/0"]
    assert machine.started("m/0", SUCCEEDED, outputs=outputs(10)) == ["release m/0#0", "end"]
    assert integers(machine.node("m").outputs) == [10, 20]


def test_elements_that_no_executor_takes_wait_and_no_more_are_tried() -> None:
    machine = Machine(array("m", *range(10_000)))
    machine.begin()
    for index in range(arrays.QUEUE_LIMIT):
        assert machine.refuse(f"m/{index}") == []
    assert len(machine.restart()) == arrays.QUEUE_LIMIT


def test_an_abort_ends_the_elements_that_have_begun() -> None:
    machine = Machine(array("m", 1, 2, 3, limit=2))
    machine.begin()
    machine.started("m/0")
    assert machine.abort() == ["kill m/0#0", "dequeue m/1"]
    machine.done("m/0")
    assert machine.phase is ExecutionPhase.ABORTED
    assert {machine.node(name).phase for name in ("m", "m/0", "m/1")} == {NodePhase.ABORTED}
    assert "m/2" not in machine.store.nodes


def test_a_finalizer_of_an_element_is_called_after_the_array_has_ended() -> None:
    machine = Machine(array("m", 1, 2), task("z"))
    machine.begin()
    for name in ("m/0", "m/1"):
        machine.admit(name, has_finalizer=True)
        machine.returned(name, SUCCEEDED)
    assert machine.node("m").phase is NodePhase.SUCCEEDED
    assert machine.restart() == ["finalize m/0#0", "finalize m/1#0", "enqueue z"]
    assert machine.view.place("m/0").scope is machine.view.place("m/1").scope


def test_an_element_without_the_promised_output_fails_the_array() -> None:
    machine = Machine(array("m", 1))
    machine.begin()
    machine.started("m/0", SUCCEEDED, outputs=LiteralMap().SerializeToString())
    assert message_of(machine, "m") == "node m/0 has no output 'o'"
