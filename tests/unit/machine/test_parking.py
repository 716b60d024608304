"""What cannot go on without an operator or another release waits, says why, and goes on when it can."""

from elevon.propeller.machine import commands
from elevon.propeller.machine.events import TimerFired, TimerKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import FAULT, Machine, replace, seconds, task

UNREADABLE = replace(FAULT, message="the state can't be read")


def parked() -> Machine:
    machine = Machine(task("a", timeout_s=30))
    machine.begin()
    machine.started("a", custom_state=b"1")
    machine.wake("a")
    machine.raised("a", failure=UNREADABLE, is_parking=True)
    return machine


def test_an_attempt_that_is_parked_says_why_and_is_left_alone() -> None:
    machine = parked()
    attempt = machine.attempt("a")
    assert (attempt.is_parked, attempt.reason) == (True, UNREADABLE.message)
    assert attempt.phase is AttemptPhase.RUNNING
    assert machine.wake("a") == []
    assert machine.store.history[-1].message == UNREADABLE.message


def test_a_parked_attempt_does_not_time_out_but_its_deadline_is_not_forgotten() -> None:
    machine = parked()
    machine.now += seconds(30)
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, machine.now)) == []
    assert machine.unpark("a") == ["check a#0"]
    machine.returned("a", AttemptPhase.RUNNING)
    machine.wake("a")
    machine.raised("a")
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, machine.now)) == ["kill a#0"]


def test_the_deadline_is_set_again_once_the_executor_has_said_how_the_attempt_went_on() -> None:
    machine = parked()
    machine.unpark("a")
    machine.returned("a", AttemptPhase.RUNNING)
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(30)


def test_the_time_for_which_a_start_was_parked_is_not_spent_in_the_queue() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    machine.admit("a")
    machine.raised("a", is_parking=True, was_called=False)
    machine.now += seconds(100)
    assert machine.unpark("a") == ["start a#0"]
    assert machine.returned("a", AttemptPhase.WAITING_FOR_RESOURCES) == []
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(10)


def test_what_went_on_while_it_was_parked_is_not_killed_for_its_time_in_the_queue() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    machine.started("a", AttemptPhase.QUEUED)
    machine.wake("a")
    machine.raised("a", is_parking=True)
    machine.now += seconds(100)
    assert machine.unpark("a") == ["check a#0"]
    assert not [each for each in machine.given if isinstance(each, commands.SetTimer)]
    assert machine.returned("a", AttemptPhase.RUNNING) == []
    assert machine.attempt("a").phase is AttemptPhase.RUNNING


def test_another_engine_tries_again() -> None:
    machine = parked()
    assert machine.restart() == ["check a#0"]
    assert not machine.attempt("a").is_parked


def test_a_parked_attempt_is_killed_by_an_abort() -> None:
    machine = parked()
    assert machine.abort() == ["kill a#0"]


def test_a_kill_that_is_parked_waits_too() -> None:
    machine = parked()
    machine.abort()
    assert machine.raised("a", is_parking=True) == []
    assert machine.attempt("a").is_parked
    assert machine.unpark("a") == ["kill a#0"]


def test_a_start_that_is_parked_may_have_happened() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    machine.raised("a", is_parking=True)
    assert machine.unpark("a") == ["start a#0, may have happened"]


def test_a_finalizer_whose_executor_is_missing_is_not_given_up() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", AttemptPhase.SUCCEEDED)
    for _ in range(12):
        assert machine.raised("a", is_parking=True, was_called=False) == []
        assert machine.unpark("a") == ["finalize a#0"]


def test_a_node_whose_type_is_missing_waits_and_names_it() -> None:
    machine = Machine(task("a"))
    machine.begin()
    assert machine.refuse("a") == []
    attempt = machine.attempt("a")
    assert (attempt.is_parked, attempt.reason) == (True, "there is no such executor")
    assert machine.node("a").phase is NodePhase.QUEUED
    assert attempt.started_at is None


def test_a_node_whose_type_is_back_asks_for_a_place_again() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.refuse("a")
    assert machine.unpark("a") == ["enqueue a"]
    assert machine.admit("a") == ["start a#0"]
    attempt = machine.attempt("a")
    assert (attempt.executor_id, attempt.is_parked) == ("an executor", False)
    assert machine.node("a").phase is NodePhase.RUNNING


def test_so_does_it_with_another_engine_and_its_queue_time_out_begins_anew() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    machine.refuse("a")
    machine.now += seconds(100)
    assert machine.restart() == ["enqueue a"]
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(10)


def test_a_refused_node_gives_its_share_of_the_parallelism_to_another() -> None:
    machine = Machine(task("a"), task("b"), max_parallelism=1)
    machine.begin()
    assert machine.refuse("a") == ["enqueue b"]


def test_a_refused_node_is_ended_by_an_abort() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.refuse("a")
    assert machine.abort() == ["end"]
    assert machine.attempt("a").phase is AttemptPhase.ABORTED
    assert machine.phase is ExecutionPhase.ABORTED


def test_a_refused_node_that_asked_again_is_ended_with_its_row() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("b")
    machine.refuse("a")
    machine.unpark("a")
    assert machine.abort() == ["dequeue a", "kill b#0"]
    assert machine.attempt("a").phase is AttemptPhase.ABORTED
    assert machine.restart() == ["kill b#0"]
