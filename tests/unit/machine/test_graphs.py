"""Nodes run when what they wait for has outputs; a failure stops the others or lets them finish, by policy."""

import pytest

from elevon import errors
from elevon.compiler.graphs import FailurePolicy
from elevon.propeller.machine.events import StatusReturned
from elevon.records.answers import Answer, CallKind
from elevon.records.nodes import NodeRecord
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import (
    NOON,
    Machine,
    branch,
    integer,
    outputs,
    subworkflow,
    task,
)

SUCCEEDED, FAILED = AttemptPhase.SUCCEEDED, AttemptPhase.FAILED
FINISH = FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


def test_a_node_waits_for_all_that_it_depends_on() -> None:
    machine = Machine(task("a"), task("b"), task("c", "a", "b"), output="c")
    machine.begin()
    assert machine.started("a", SUCCEEDED) == ["release a#0"]
    assert machine.started("b", SUCCEEDED) == ["release b#0", "enqueue c"]
    machine.started("c", SUCCEEDED, outputs=outputs(42))
    assert (machine.phase, machine.output) == (ExecutionPhase.SUCCEEDED, 42)


def test_a_workflow_without_nodes_succeeds_with_its_inputs() -> None:
    machine = Machine(output="")
    assert machine.begin() == ["end"]
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_an_output_that_is_not_there_fails_the_execution_with_a_sentence() -> None:
    machine = Machine(task("a"), output="a!")
    machine.begin()
    machine.started("a", SUCCEEDED)
    failure = machine.store.execution.failure
    assert machine.phase is ExecutionPhase.FAILED
    assert failure is not None
    assert failure.message == "output 'missing' of node 'a', to which 'o' is bound, is missing"


def test_a_failure_stops_the_others_at_once() -> None:
    machine = Machine(task("a"), task("b"), task("c"), task("d", "a"))
    machine.begin()
    machine.started("b")
    assert machine.started("a", FAILED) == ["release a#0", "kill b#0", "dequeue c"]
    assert machine.phase is ExecutionPhase.FAILING
    assert machine.done("b") == ["release b#0", "end"]
    phases = {name: machine.node(name).phase for name in ("a", "b", "c")}
    assert phases == {"a": NodePhase.FAILED, "b": NodePhase.ABORTED, "c": NodePhase.ABORTED}
    assert "d" not in machine.store.nodes


def test_by_policy_what_can_still_run_does() -> None:
    machine = Machine(task("a"), task("b"), task("c", "b"), task("d", "a"), on_failure=FINISH)
    machine.begin()
    assert machine.started("a", FAILED) == ["release a#0"]
    assert machine.phase is ExecutionPhase.RUNNING
    assert machine.started("b", SUCCEEDED) == ["release b#0", "enqueue c"]
    assert machine.started("c", SUCCEEDED) == ["release c#0", "end"]
    assert machine.phase is ExecutionPhase.FAILED
    assert "d" not in machine.store.nodes


def test_the_first_failure_is_the_executions_also_when_it_is_remembered_by_rows_alone() -> None:
    machine = Machine(task("a"), task("b"), task("c"), on_failure=FINISH)
    machine.begin()
    machine.started("b", FAILED)
    machine.now = machine.now.replace(hour=13)
    machine.started("a", FAILED)
    machine.restart()
    machine.started("c", SUCCEEDED)
    failure = machine.store.execution.failure
    assert failure is not None
    assert failure.message.startswith("node b: ")


def test_a_stopped_node_says_why() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("b", FAILED)
    failure = machine.node("a").failure
    assert failure is not None
    assert failure.message == "stopped, because node b: the user's code is wrong"


def test_parallelism_is_limited_and_places_go_on_to_the_next() -> None:
    machine = Machine(task("a"), task("b"), task("c"), max_parallelism=1)
    assert machine.begin() == ["enqueue a"]
    assert machine.started("a", SUCCEEDED) == ["release a#0", "enqueue b"]
    assert machine.started("b", SUCCEEDED) == ["release b#0", "enqueue c"]


def test_a_node_that_waits_for_parallelism_is_stopped_without_a_word_to_the_pool() -> None:
    machine = Machine(task("a"), task("b"), max_parallelism=1)
    machine.begin()
    machine.started("a")
    assert machine.abort() == ["kill a#0"]
    assert machine.node("b").phase is NodePhase.ABORTED


def test_a_subworkflow_runs_its_own_graph_and_hands_its_outputs_on() -> None:
    machine = Machine(task("a"), subworkflow("w", task("b", ""), x="a", output="b"), output="w")
    machine.begin()
    assert machine.started("a", SUCCEEDED) == ["release a#0", "enqueue w/b"]
    assert machine.node("w").phase is NodePhase.RUNNING
    machine.started("w/b", SUCCEEDED, outputs=outputs(42))
    assert machine.node("w/b").parent == "w"
    assert integer(machine.node("w").outputs) == 42
    assert machine.output == 42


def test_a_subworkflow_that_is_bound_to_nothing_fails_with_a_sentence() -> None:
    machine = Machine(task("a"), subworkflow("w", task("b"), x="a!"))
    machine.begin()
    assert machine.started("a", SUCCEEDED) == ["release a#0", "end"]
    failure = machine.store.execution.failure
    assert failure is not None
    assert failure.message == "node w: output 'missing' of node 'a', to which 'x' is bound, is missing"


def test_a_failure_inside_a_subworkflow_names_the_node_that_failed() -> None:
    machine = Machine(subworkflow("w", task("a"), task("b")))
    machine.begin()
    assert machine.started("w/a", FAILED) == ["release w/a#0", "dequeue w/b", "end"]
    failure = machine.store.execution.failure
    assert failure is not None
    assert failure.message == "node w/a: the user's code is wrong"
    assert machine.history("w", None) == ["RUNNING", "FAILING", "FAILED"]


def test_a_stop_reaches_into_subworkflows() -> None:
    machine = Machine(task("a"), subworkflow("w", subworkflow("v", task("b"))))
    machine.begin()
    machine.started("w/v/b")
    assert machine.started("a", FAILED) == ["release a#0", "kill w/v/b#0"]
    assert machine.node("w/v").phase is NodePhase.FAILING
    machine.done("w/v/b")
    assert [machine.node(name).phase for name in ("w", "w/v", "w/v/b")] == [NodePhase.ABORTED] * 3


def test_a_subworkflow_keeps_its_own_policy() -> None:
    machine = Machine(subworkflow("w", task("a"), task("b"), on_failure=FINISH), task("c"))
    machine.begin()
    assert machine.started("w/a", FAILED) == ["release w/a#0"]
    assert machine.started("w/b", SUCCEEDED) == ["release w/b#0", "dequeue c", "end"]


@pytest.mark.parametrize(("value", "taken"), [(9, "big"), (5, "small"), (1, "none")])
def test_a_branch_runs_the_first_arm_that_fits_and_has_its_outputs(value: int, taken: str) -> None:
    arms = (8, task("big", "a")), (3, task("small", "a"))
    machine = Machine(task("a"), branch("b", "a", *arms, otherwise=task("none", "a")), output="b")
    machine.begin()
    assert machine.started("a", SUCCEEDED, outputs=outputs(value)) == ["release a#0", f"enqueue b/{taken}"]
    assert machine.node("b").taken == taken
    machine.started(f"b/{taken}", SUCCEEDED, outputs=outputs(42))
    assert machine.output == 42


def test_a_branch_that_fits_nothing_fails() -> None:
    machine = Machine(branch("b", 1, (5, task("a"))))
    assert machine.begin() == ["end"]
    assert machine.phase is ExecutionPhase.FAILED


def test_a_branch_may_end_in_an_error() -> None:
    machine = Machine(branch("b", 1, (5, task("a")), otherwise="error"))
    machine.begin()
    failure = machine.node("b").failure
    assert failure is not None
    assert failure.message == "no arm fits"


def test_an_arm_that_fails_fails_its_branch() -> None:
    machine = Machine(branch("b", 9, (5, task("a"))))
    machine.begin()
    assert machine.started("b/a", FAILED) == ["release b/a#0", "end"]
    assert machine.node("b").phase is NodePhase.FAILED


def test_a_branch_in_an_arm_reads_the_workflow_around_both() -> None:
    inner = branch("i", "a", (0, task("t", "a")))
    machine = Machine(task("a"), branch("b", "a", (0, inner)), output="b")
    machine.begin()
    assert machine.started("a", SUCCEEDED, outputs=outputs(3)) == ["release a#0", "enqueue b/i/t"]
    machine.started("b/i/t", SUCCEEDED, outputs=outputs(42))
    assert machine.output == 42


def test_nodes_that_were_taken_over_do_not_run_again() -> None:
    taken_over = NodeRecord(
        node_id="a", spec_node_id="a", phase=NodePhase.RECOVERED, outputs=outputs(42), started_at=NOON
    )
    machine = Machine(task("a"), task("b", "a"), output="a", taken_over=(taken_over,))
    assert machine.begin() == ["enqueue b"]
    machine.started("b", SUCCEEDED)
    assert machine.output == 42


def test_an_answer_that_nobody_asked_for_is_a_bug_with_the_attempts_story() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    stray = StatusReturned("a", 0, CallKind.CHECK, Answer(phase=AttemptPhase.RUNNING))
    story = r"attempt a#0 of p:d:e \(in RUNNING, last reported RUNNING\) got the answer to a check call"
    with pytest.raises(errors.BugError, match=story):
        machine.send(stray)


def test_an_event_that_a_phase_has_no_rule_for_is_a_bug() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.wake("a")
    with pytest.raises(errors.BugError, match="has no rule for CallSucceeded"):
        machine.done("a")
