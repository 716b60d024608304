"""An attempt is started when there is room, with its intent committed, and never twice unknowingly."""

import pytest

from elevon.propeller.machine.events import TimerKind
from elevon.records.answers import CallKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import Machine, seconds, task


def test_a_new_execution_asks_for_places_for_its_roots() -> None:
    machine = Machine(task("a"), task("b"), task("c", "a", "b"))
    assert machine.begin() == ["enqueue a", "enqueue b"]
    assert machine.phase is ExecutionPhase.RUNNING


def test_a_place_commits_the_intent_and_starts() -> None:
    machine = Machine(task("a"))
    machine.begin()
    assert machine.admit("a") == ["start a#0"]
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.unanswered_start_count) == (AttemptPhase.STARTING, 1)
    assert machine.node("a").phase is NodePhase.RUNNING


@pytest.mark.parametrize(
    "phase", [AttemptPhase.QUEUED, AttemptPhase.INITIALIZING, AttemptPhase.RUNNING], ids=str
)
def test_a_start_that_was_accepted_is_followed_by_checks(phase: AttemptPhase) -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", phase, custom_state=b"1", check_after=seconds(5))
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.custom_state, attempt.unanswered_start_count) == (phase, b"1", 0)
    assert machine.timer("a") == machine.now + seconds(5)
    assert machine.pass_time("a") == ["check a#0"]


def test_a_start_that_knows_nothing_was_accepted_all_the_same() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", None)
    assert machine.attempt("a").phase is AttemptPhase.QUEUED
    assert machine.pass_time("a") == ["check a#0"]


def test_a_start_that_is_not_ready_is_repeated_with_its_state_and_surely_did_not_happen() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", AttemptPhase.WAITING_FOR_RESOURCES, custom_state=b"1", check_after=seconds(5))
    assert machine.attempt("a").next_call_at == machine.now + seconds(5)
    assert machine.pass_time("a") == ["start a#0"]
    assert machine.attempt("a").custom_state == b"1"


def test_waiting_for_resources_is_recorded_once_however_often_it_is_said() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", AttemptPhase.WAITING_FOR_RESOURCES)
    for _ in range(3):
        machine.pass_time("a")
        machine.returned("a", AttemptPhase.WAITING_FOR_RESOURCES)
    assert machine.history("a") == ["STARTING", "WAITING_FOR_RESOURCES"]


def test_after_a_start_that_raised_the_next_one_knows_that_it_may_have_happened() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.raised("a") == []
    assert machine.pass_time("a") == ["start a#0, may have happened"]


def test_a_start_that_never_reached_the_executor_did_not_happen() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    machine.raised("a", was_called=False)
    assert machine.pass_time("a") == ["start a#0"]


def test_a_start_that_can_never_be_made_fails_without_a_kill() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.raised("a", is_final=True, was_called=False) == ["release a#0", "end"]
    assert machine.phase is ExecutionPhase.FAILED


def test_a_start_that_may_have_happened_and_can_not_be_repeated_is_killed_before_it_fails() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.raised("a", is_final=True) == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "end"]
    assert machine.attempt("a").phase is AttemptPhase.FAILED


def test_a_lost_start_is_killed_even_if_the_next_one_is_never_made() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.restart() == ["start a#0, may have happened"]
    assert machine.raised("a", is_final=True, was_called=False) == ["kill a#0"]


def test_a_task_that_is_over_at_once_needs_no_check() -> None:
    machine = Machine(task("a"), output="a")
    machine.begin()
    assert machine.started("a", AttemptPhase.SUCCEEDED) == ["release a#0", "end"]
    assert (machine.phase, machine.output) == (ExecutionPhase.SUCCEEDED, 1)


def test_a_place_that_comes_too_late_is_given_back() -> None:
    machine = Machine(task("a"))
    machine.begin()
    assert machine.abort() == ["dequeue a", "end"]
    assert machine.admit("a") == ["release a#0"]


def test_a_place_that_comes_too_late_for_a_node_is_given_back_while_others_run() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("b")
    assert machine.abort() == ["dequeue a", "kill b#0"]
    assert machine.admit("a") == ["release a#0"]
    assert machine.node("a").phase is NodePhase.ABORTED


def test_the_queue_time_out_counts_from_being_ready_until_it_runs() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    due = machine.timer("a", TimerKind.DEADLINE)
    assert due == machine.now + seconds(10)
    machine.now += seconds(4)
    machine.started("a", AttemptPhase.QUEUED, check_after=seconds(1))
    machine.pass_time("a")
    assert machine.call_of("a") is CallKind.CHECK
