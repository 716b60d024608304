"""Whatever may have started and did not end is killed until it is dead; whatever ended is finalized."""

import pytest

from elevon.propeller.machine.attempts import FINALIZE_LIMIT
from elevon.propeller.machine.events import TimerFired, TimerKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, Finalization, NodePhase
from tests.unit.machine.machines import Machine, seconds, task

RUNNING, ABORTED = AttemptPhase.RUNNING, AttemptPhase.ABORTED


def test_an_abort_kills_what_runs_and_the_execution_ends_when_it_is_dead() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    assert machine.abort() == ["kill a#0"]
    assert machine.phase is ExecutionPhase.ABORTING
    assert machine.done("a") == ["release a#0", "end"]
    assert (machine.phase, machine.node("a").phase) == (ExecutionPhase.ABORTED, NodePhase.ABORTED)
    assert machine.store.execution.aborted_by == "Ada"


def test_a_second_abort_changes_nothing() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.abort()
    assert machine.abort() == []


def test_an_abort_before_the_beginning_ends_at_once() -> None:
    machine = Machine(task("a"))
    assert machine.abort() == ["end"]
    assert machine.phase is ExecutionPhase.ABORTED
    assert machine.begin() == []


def test_a_kill_waits_for_the_start_in_flight() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.abort() == []
    assert machine.returned("a", RUNNING, custom_state=b"1") == ["kill a#0"]
    assert machine.attempt("a").custom_state == b"1"


def test_a_start_that_raises_while_it_is_to_be_killed_is_killed_at_once() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    machine.abort()
    assert machine.raised("a") == ["kill a#0"]


def test_a_kill_is_repeated_until_it_succeeds() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.abort()
    for _ in range(12):
        assert machine.raised("a", is_final=True) == []
        assert machine.pass_time("a") == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "end"]


def test_what_succeeded_before_the_kill_reached_it_is_not_killed() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.wake("a")
    machine.abort()
    assert machine.returned("a", AttemptPhase.SUCCEEDED) == ["release a#0", "end"]
    assert machine.node("a").phase is NodePhase.SUCCEEDED
    assert machine.phase is ExecutionPhase.ABORTED


def test_a_failure_that_comes_while_aborting_is_an_abort() -> None:
    machine = Machine(task("a", retries=3))
    machine.begin()
    machine.started("a")
    machine.wake("a")
    machine.abort()
    assert machine.returned("a", AttemptPhase.RETRYABLE_FAILED) == ["release a#0", "end"]
    assert machine.attempt("a").phase is ABORTED


def test_an_abort_outranks_a_time_out_that_is_being_carried_out() -> None:
    machine = Machine(task("a", retries=3, timeout_s=5))
    machine.begin()
    machine.started("a")
    machine.pass_time("a", TimerKind.DEADLINE)
    assert machine.abort() == []
    assert machine.done("a") == ["release a#0", "end"]
    assert machine.attempt("a").phase is ABORTED


def test_a_deadline_does_not_disturb_a_kill() -> None:
    machine = Machine(task("a", timeout_s=5))
    machine.begin()
    machine.started("a")
    deadline = machine.timer("a", TimerKind.DEADLINE)
    machine.abort()
    machine.now = deadline
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, deadline)) == []


@pytest.mark.parametrize("phase", [AttemptPhase.SUCCEEDED, AttemptPhase.FAILED], ids=str)
def test_every_end_is_finalized_before_the_execution_ends(phase: AttemptPhase) -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    assert machine.returned("a", phase) == ["release a#0", "finalize a#0"]
    assert not machine.phase.is_terminal
    assert machine.done("a") == ["end"]
    assert machine.attempt("a").finalization is Finalization.DONE


def test_a_killed_attempt_is_finalized_too() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", RUNNING)
    machine.abort()
    assert machine.done("a") == ["release a#0", "finalize a#0"]


def test_a_new_attempt_does_not_wait_for_the_old_ones_finalizer() -> None:
    machine = Machine(task("a", retries=1))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    assert machine.returned("a", AttemptPhase.RETRYABLE_FAILED) == [
        "release a#0",
        "finalize a#0",
        "enqueue a",
    ]


def test_successors_do_not_wait_for_a_finalizer() -> None:
    machine = Machine(task("a"), task("b", "a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    assert "enqueue b" in machine.returned("a", AttemptPhase.SUCCEEDED)


def test_a_finalizer_that_is_required_is_repeated_for_ever() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", AttemptPhase.SUCCEEDED)
    for _ in range(FINALIZE_LIMIT + 5):
        assert machine.raised("a", is_required=True, is_final=True) == []
        machine.pass_time("a")
    assert machine.done("a") == ["end"]


def test_a_finalizer_that_is_not_required_is_given_up_in_the_end() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", AttemptPhase.SUCCEEDED)
    for _ in range(FINALIZE_LIMIT - 1):
        machine.raised("a")
        machine.pass_time("a")
    assert machine.raised("a") == ["end"]
    assert machine.attempt("a").finalization is Finalization.ABANDONED
    assert machine.phase is ExecutionPhase.SUCCEEDED


def test_a_kill_that_raised_waits_before_it_is_repeated() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.abort()
    machine.raised("a")
    assert seconds(1) <= machine.timer("a") - machine.now <= seconds(2)
    assert machine.wake("a") == []
