"""Operators fail attempts, and give up on what can't be ended; the history says who did and why."""

import pytest

from elevon.propeller.machine.events import CallRaised, CallSucceeded, TimerKind, Unparked
from elevon.records.answers import CallKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization, NodePhase
from tests.unit.machine.machines import FAULT, Machine, seconds, task

RUNNING, FAILED = AttemptPhase.RUNNING, AttemptPhase.FAILED


def running(retries: int = 0, *, has_finalizer: bool = False) -> Machine:
    machine = Machine(task("a", retries=retries, timeout_s=30))
    machine.begin()
    machine.admit("a", has_finalizer=has_finalizer)
    machine.returned("a", RUNNING)
    return machine


def killing() -> Machine:
    machine = running(has_finalizer=True)
    machine.abort()
    return machine


def finalizing() -> Machine:
    machine = running(has_finalizer=True)
    machine.wake("a")
    machine.returned("a", AttemptPhase.SUCCEEDED)
    return machine


def test_a_failed_attempt_is_killed_first_and_says_who_failed_it_and_why() -> None:
    machine = running(retries=3)
    assert machine.fail("a") == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "end"]
    attempt = machine.attempt("a")
    assert attempt.phase is FAILED
    assert attempt.failure is not None
    assert (attempt.failure.code, attempt.failure.message) == (
        "USER:ForceFailed",
        "failed by Ada: it is stuck",
    )
    assert machine.phase is ExecutionPhase.FAILED


@pytest.mark.parametrize("phase", [AttemptPhase.SUCCEEDED, AttemptPhase.RETRYABLE_FAILED, FAILED], ids=str)
def test_an_operators_word_stands_against_what_the_executor_says_meanwhile(phase: AttemptPhase) -> None:
    machine = running(retries=3)
    machine.wake("a")
    assert machine.fail("a") == []
    assert machine.returned("a", phase) == ["release a#0", "end"]
    failure = machine.attempt("a").failure
    assert failure is not None
    assert failure.code == "USER:ForceFailed"


def test_an_operator_outranks_a_time_out_and_the_end_of_the_workflow_outranks_the_operator() -> None:
    machine = running(retries=3)
    machine.pass_time("a", TimerKind.DEADLINE)
    assert machine.fail("a") == []
    assert machine.attempt("a").outcome is FAILED
    assert machine.store.history[-1].message == "failed by Ada: it is stuck"
    machine.abort()
    assert machine.fail("a") == []
    assert machine.attempt("a").outcome is AttemptPhase.ABORTED


def test_no_success_undoes_an_operators_word_when_the_workflow_ends_before_it_comes() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("b")
    machine.admit("a")
    machine.fail("a")
    machine.abort()
    assert machine.returned("a", AttemptPhase.SUCCEEDED) == ["release a#0"]
    attempt, node = machine.attempt("a"), machine.node("a")
    assert (attempt.phase, node.phase, node.outputs) == (AttemptPhase.ABORTED, NodePhase.ABORTED, None)
    assert attempt.failure is not None
    assert attempt.failure.message == "failed by Ada: it is stuck"


def test_an_attempt_that_waits_for_a_place_fails_without_a_kill() -> None:
    machine = Machine(task("a", retries=3))
    machine.begin()
    assert machine.fail("a") == ["dequeue a", "end"]
    assert (machine.attempt("a").phase, machine.node("a").phase) == (FAILED, NodePhase.FAILED)


def test_an_earlier_attempt_can_not_be_failed_in_place_of_the_one_that_waits() -> None:
    machine = Machine(task("a", retries=3))
    machine.begin()
    machine.started("a", AttemptPhase.RETRYABLE_FAILED)
    assert machine.fail("a", attempt=0) == []
    assert machine.fail("a", attempt=1) == ["dequeue a", "end"]


def test_an_attempt_that_was_refused_fails_without_a_kill() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.refuse("a")
    assert machine.fail("a") == ["end"]
    assert machine.attempt("a").phase is FAILED


def test_a_parked_attempt_that_nobody_serves_waits_for_its_kill_and_says_so() -> None:
    machine = running()
    machine.wake("a")
    machine.raised("a", is_parking=True)
    assert machine.fail("a") == ["kill a#0"]
    machine.raised("a", is_parking=True, was_called=False)
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.is_parked) == (AttemptPhase.KILLING, True)
    assert attempt.reason == f"it can't be killed, and waits until it can be or is abandoned: {FAULT.message}"
    assert machine.abandon("a") == ["release a#0", "end"]
    assert machine.attempt("a").phase is FAILED


def test_an_end_can_not_be_failed() -> None:
    machine = finalizing()
    assert machine.fail("a") == []
    assert machine.attempt("a").phase is AttemptPhase.SUCCEEDED


def test_a_kill_that_is_abandoned_ends_the_attempt_as_it_was_to_end_and_nothing_is_called_any_more() -> None:
    machine = killing()
    machine.raised("a")
    assert machine.abandon("a") == ["release a#0", "end"]
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.finalization) == (AttemptPhase.ABORTED, Finalization.ABANDONED)
    told = next(row for row in machine.store.history if row.event == "AbandonRequested")
    assert told.message == "the kill was abandoned by Ada: the service is gone"


def test_a_time_out_whose_kill_is_abandoned_has_its_retry() -> None:
    machine = running(retries=1)
    machine.pass_time("a", TimerKind.DEADLINE)
    machine.raised("a")
    assert machine.abandon("a") == ["release a#0", "enqueue a"]
    assert machine.started("a", attempt=1) == []


def test_what_comes_of_a_call_that_was_in_flight_means_nothing_after_it_was_abandoned() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("a")
    machine.started("b")
    machine.abort()
    assert machine.abandon("a") == ["cancel a#0", "release a#0"]
    assert machine.send(CallRaised("a", 0, CallKind.KILL, FAULT)) == []
    assert machine.send(CallSucceeded("a", 0, CallKind.KILL)) == []
    assert machine.attempt("a").phase is AttemptPhase.ABORTED
    assert machine.done("b") == ["release b#0", "end"]


def test_a_required_finalizer_that_is_abandoned_lets_the_execution_end() -> None:
    machine = finalizing()
    machine.raised("a", is_required=True)
    assert machine.abandon("a") == ["end"]
    assert machine.attempt("a").finalization is Finalization.ABANDONED
    told = next(row for row in machine.store.history if row.event == "AbandonRequested")
    assert told.message == "finalize was abandoned by Ada: the service is gone"
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_a_finalizer_can_be_abandoned_while_it_runs() -> None:
    assert finalizing().abandon("a") == ["cancel a#0", "end"]


def test_a_restart_remembers_what_was_abandoned() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("a")
    machine.started("b")
    machine.abort()
    machine.abandon("a")
    assert machine.restart() == ["kill b#0"]


def test_what_runs_can_not_be_abandoned() -> None:
    machine = running()
    assert machine.abandon("a") == []
    assert machine.attempt("a").phase is RUNNING


@pytest.mark.parametrize("attempt", [0, 7], ids=["over", "never there"])
def test_operators_may_come_too_late(attempt: int) -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("a", AttemptPhase.SUCCEEDED)
    assert machine.fail("a", attempt) == []
    assert machine.abandon("a", attempt) == []


def test_who_unparked_an_attempt_and_why_is_told() -> None:
    machine = running()
    machine.wake("a")
    machine.raised("a", is_parking=True)
    machine.send(Unparked("a", 0, "Ada", "the codec is mended"))
    assert machine.store.history[-1].message == "unparked by Ada: the codec is mended"


def test_a_drain_that_is_lifted_lets_everything_of_the_type_go_on() -> None:
    machine = Machine(task("a"), task("b"), task("c"))
    machine.begin()
    machine.refuse("a")
    machine.started("b", AttemptPhase.WAITING_FOR_RESOURCES)
    machine.pass_time("b")
    machine.raised("b", is_parking=True, was_called=False)
    machine.started("c")
    assert machine.reopen("another") == []
    assert machine.reopen() == ["enqueue a", "start b#0"]


def test_a_drain_that_is_lifted_leaves_what_asked_again_already() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.refuse("a")
    machine.unpark("a")
    assert machine.reopen() == []


def test_an_executor_that_goes_back_is_counted_once_each_time() -> None:
    machine = running()
    for phase in (AttemptPhase.QUEUED, AttemptPhase.QUEUED, RUNNING, AttemptPhase.QUEUED):
        machine.wake("a")
        machine.returned("a", phase, check_after=seconds(9))
    assert machine.attempt("a").setback_count == 2
