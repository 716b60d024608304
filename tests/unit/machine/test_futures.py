"""A node whose task returns futures goes on as these: they run under it, and their end is its end."""

import pytest

from elevon import errors
from elevon.propeller.machine.events import StatusReturned
from elevon.propeller.machine.steps import step
from elevon.records.answers import Answer
from elevon.records.nodes import Expansion
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import Machine, branch, dynamic, integer, subworkflow, task

SUCCEEDED, FAILED = AttemptPhase.SUCCEEDED, AttemptPhase.FAILED


def test_futures_run_under_their_node_and_their_outputs_become_its_own() -> None:
    machine = Machine(dynamic("d", task("a"), task("b", "a"), output="b"), task("z", "d"), output="z")
    machine.begin()
    assert machine.expanded("d") == ["release d#0", "enqueue d/a"]
    assert machine.node("d").phase is NodePhase.DYNAMIC_RUNNING
    assert machine.started("d/a", SUCCEEDED) == ["release d/a#0", "enqueue d/b"]
    assert machine.started("d/b", SUCCEEDED) == ["release d/b#0", "enqueue z"]
    assert machine.node("d").outputs == machine.node("d/b").outputs
    machine.started("z", SUCCEEDED)
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_history_tells_that_a_node_goes_on_as_futures_and_how_that_ends() -> None:
    machine = Machine(dynamic("d", task("a")))
    machine.begin()
    machine.expanded("d")
    machine.started("d/a", SUCCEEDED)
    assert machine.history("d") == ["STARTING", "SUCCEEDED"]
    assert machine.history("d", None) == ["DYNAMIC_RUNNING", "SUCCEEDED"]


def test_records_of_futures_name_what_they_run_and_others_need_not() -> None:
    inner = dynamic("d", task("a"), branch("c", "a", (0, task("yes"))))
    machine = Machine(task("z"), branch("b", "z", (0, task("y"))), inner)
    machine.begin()
    machine.started("z", SUCCEEDED)
    machine.expanded("d")
    machine.started("d/a", SUCCEEDED)
    assert (machine.node("b").name, machine.node("d/c").name) == ("", "c")


def test_futures_of_nothing_are_outputs_at_once() -> None:
    machine = Machine(dynamic("d", output=5))
    machine.begin()
    assert machine.expanded("d") == ["release d#0", "end"]
    assert integer(machine.node("d").outputs) == 5


def test_futures_may_hold_futures_subworkflows_and_branches() -> None:
    inner = dynamic("e", task("a"), output="a")
    machine = Machine(
        dynamic(
            "d", inner, subworkflow("w", task("b"), x="e"), branch("c", "e", (0, task("yes"))), output="e"
        )
    )
    machine.begin()
    assert machine.expanded("d") == ["release d#0", "enqueue d/e"]
    assert machine.expanded("d/e") == ["release d/e#0", "enqueue d/e/a"]
    assert machine.started("d/e/a", SUCCEEDED) == [
        "release d/e/a#0",
        "enqueue d/w/b",
        "enqueue d/c/yes",
    ]
    machine.started("d/w/b", SUCCEEDED)
    assert machine.started("d/c/yes", SUCCEEDED) == ["release d/c/yes#0", "end"]


def test_a_failure_in_futures_ends_the_others_and_fails_their_node_without_a_new_attempt() -> None:
    made = dynamic("d", task("a"), task("b"))
    machine = Machine(made)
    machine.begin()
    machine.expanded("d")
    machine.admit("d/b")
    assert machine.started("d/a", FAILED) == ["release d/a#0"]
    assert machine.node("d").phase is NodePhase.FAILING
    assert machine.returned("d/b", AttemptPhase.RUNNING) == ["kill d/b#0"]
    assert machine.done("d/b") == ["release d/b#0", "end"]
    failure = machine.node("d").failure
    assert failure is not None
    assert failure.message == "node d/a: the user's code is wrong"
    assert machine.node("d").attempt == 0


def test_a_node_of_futures_has_retries_of_its_own() -> None:
    machine = Machine(dynamic("d", task("a", retries=1), output="a"))
    machine.begin()
    machine.expanded("d")
    assert machine.started("d/a", AttemptPhase.RETRYABLE_FAILED) == ["release d/a#0", "enqueue d/a"]
    machine.admit("d/a")
    machine.returned("d/a", SUCCEEDED, attempt=1)
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_futures_do_without_nodes_that_fail_as_long_as_enough_can_succeed() -> None:
    machine = Machine(dynamic("d", task("a"), task("b"), task("c"), output="c", min_success_count=1))
    machine.begin()
    machine.expanded("d")
    machine.started("d/a", FAILED)
    assert machine.node("d").phase is NodePhase.DYNAMIC_RUNNING
    machine.restart()
    machine.admit("d/b")
    machine.returned("d/b", FAILED)
    machine.admit("d/c")
    assert machine.returned("d/c", SUCCEEDED) == ["release d/c#0", "end"]
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_futures_end_once_too_few_nodes_can_succeed_those_that_wait_for_failed_ones_counted() -> None:
    steps = (task("a"), task("b", "a"), task("c"), task("d"))
    machine = Machine(dynamic("d", *steps, min_success_count=3))
    machine.begin()
    machine.expanded("d")
    assert machine.started("d/a", FAILED) == ["release d/a#0", "dequeue d/c", "dequeue d/d", "end"]
    assert machine.node("d").phase is NodePhase.FAILED
    assert "d/b" not in machine.store.nodes


def test_outputs_that_name_a_node_that_could_be_spared_fail_the_node() -> None:
    machine = Machine(dynamic("d", task("a"), task("b"), output="a", min_success_count=1))
    machine.begin()
    machine.expanded("d")
    machine.started("d/a", FAILED)
    machine.started("d/b", SUCCEEDED)
    failure = machine.node("d").failure
    assert failure is not None
    assert "node 'd/a' has no outputs" in failure.message


def test_a_restart_goes_on_with_futures_and_runs_nothing_again() -> None:
    machine = Machine(dynamic("d", task("a"), task("b", "a"), output="b"))
    machine.begin()
    machine.expanded("d")
    machine.started("d/a", SUCCEEDED)
    assert machine.restart() == ["enqueue d/b"]
    machine.started("d/b", SUCCEEDED)
    assert machine.phase is ExecutionPhase.SUCCEEDED
    assert machine.attempt("d").phase is SUCCEEDED


def test_the_attempt_that_gave_the_futures_is_finalized_while_they_run() -> None:
    machine = Machine(dynamic("d", task("a")))
    machine.begin()
    machine.admit("d", has_finalizer=True)
    assert machine.expands("d") == ["release d#0", "finalize d#0", "enqueue d/a"]
    assert machine.restart() == ["finalize d#0", "enqueue d/a"]
    machine.done("d")
    assert machine.started("d/a", SUCCEEDED) == ["release d/a#0", "end"]


def test_a_finalizer_in_futures_that_have_ended_is_called_after_a_restart() -> None:
    machine = Machine(dynamic("d", task("a")), task("z"))
    machine.begin()
    machine.expanded("d")
    machine.admit("d/a", has_finalizer=True)
    machine.returned("d/a", SUCCEEDED)
    assert machine.restart() == ["finalize d/a#0", "enqueue z"]


def test_an_abort_ends_the_nodes_of_futures() -> None:
    machine = Machine(dynamic("d", task("a"), task("b")))
    machine.begin()
    machine.expanded("d")
    machine.started("d/a")
    assert machine.abort() == ["kill d/a#0", "dequeue d/b"]
    machine.done("d/a")
    assert machine.phase is ExecutionPhase.ABORTED
    assert {machine.node(name).phase for name in ("d", "d/a", "d/b")} == {NodePhase.ABORTED}


def test_futures_that_come_while_their_workflow_is_ended_are_not_begun() -> None:
    machine = Machine(dynamic("d", task("a")))
    machine.begin()
    machine.admit("d")
    machine.abort()
    assert machine.expands("d") == ["release d#0", "end"]
    assert machine.node("d").phase is NodePhase.ABORTED
    assert machine.attempt("d").phase is SUCCEEDED
    assert "d/a" not in machine.store.nodes


def test_futures_whose_graph_nobody_loaded_are_a_bug() -> None:
    machine = Machine(dynamic("d", task("a")))
    machine.begin()
    machine.admit("d")
    event = StatusReturned("d", 0, machine.call_of("d"), Answer(phase=SUCCEEDED), Expansion("another digest"))
    with pytest.raises(errors.BugError, match="another digest"):
        step(machine.view, event, machine.now)
