"""User retries make new attempts; time-outs kill first and then spend one of them."""

import pytest

from elevon.propeller.machine.events import TimerFired, TimerKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import Machine, seconds, task

RETRYABLE, FAILED, RUNNING = AttemptPhase.RETRYABLE_FAILED, AttemptPhase.FAILED, AttemptPhase.RUNNING


def test_a_retryable_failure_makes_a_new_attempt_with_empty_state() -> None:
    machine = Machine(task("a", retries=1))
    machine.begin()
    machine.started("a", RUNNING, custom_state=b"1")
    machine.pass_time("a")
    assert machine.returned("a", RETRYABLE) == ["release a#0", "enqueue a"]
    assert machine.admit("a") == ["start a#1"]
    assert machine.attempt("a", 1).custom_state is None
    assert machine.node("a").attempt == 1


def test_the_last_attempt_that_the_user_allows_fails_for_good() -> None:
    machine = Machine(task("a", retries=1))
    machine.begin()
    machine.started("a", RETRYABLE)
    machine.admit("a")
    assert machine.returned("a", RETRYABLE, attempt=1) == ["release a#1", "end"]
    assert [machine.attempt("a", index).phase for index in (0, 1)] == [RETRYABLE, FAILED]
    assert machine.phase is ExecutionPhase.FAILED


def test_a_permanent_failure_leaves_retries_unspent() -> None:
    machine = Machine(task("a", retries=3))
    machine.begin()
    assert machine.started("a", FAILED) == ["release a#0", "end"]
    assert machine.node("a").phase is NodePhase.FAILED


def test_the_execution_says_which_node_failed_and_why() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", FAILED)
    failure = machine.store.execution.failure
    assert failure is not None
    assert (failure.code, failure.message) == ("USER:Wrong", "node a: the user's code is wrong")


def test_an_execution_time_out_counts_from_the_first_running_kills_and_spends_a_retry() -> None:
    machine = Machine(task("a", retries=1, timeout_s=30))
    machine.begin()
    machine.started("a", AttemptPhase.QUEUED)
    machine.now += seconds(100)
    machine.wake("a")
    machine.returned("a", RUNNING)
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(30)
    assert machine.pass_time("a", TimerKind.DEADLINE) == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "enqueue a"]
    failure = machine.attempt("a").failure
    assert failure is not None
    assert failure.code == "USER:Timeout"


def test_a_time_out_waits_for_the_call_in_flight_and_then_kills() -> None:
    machine = Machine(task("a", timeout_s=5))
    machine.begin()
    machine.started("a", check_after=seconds(1))
    deadline = machine.timer("a", TimerKind.DEADLINE)
    machine.pass_time("a")
    machine.now = deadline
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, deadline)) == []
    assert machine.returned("a", RUNNING, custom_state=b"2") == ["kill a#0"]
    assert machine.attempt("a").custom_state == b"2"


@pytest.mark.parametrize("phase", [AttemptPhase.SUCCEEDED, FAILED], ids=str)
def test_an_end_that_was_on_its_way_outranks_a_time_out(phase: AttemptPhase) -> None:
    machine = Machine(task("a", retries=2, timeout_s=5))
    machine.begin()
    machine.started("a", check_after=seconds(1))
    deadline = machine.timer("a", TimerKind.DEADLINE)
    machine.pass_time("a")
    machine.now = deadline
    machine.send(TimerFired("a", 0, TimerKind.DEADLINE, deadline))
    assert machine.returned("a", phase) == ["release a#0", "end"]
    assert machine.attempt("a").phase is phase


def test_a_deadline_that_has_not_come_is_ignored() -> None:
    machine = Machine(task("a", timeout_s=5))
    machine.begin()
    machine.started("a")
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, machine.now)) == []


def test_a_queue_time_out_ends_the_wait_for_a_service() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    deadline = machine.timer("a", TimerKind.DEADLINE)
    machine.started("a", AttemptPhase.QUEUED)
    machine.now = deadline
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, deadline)) == ["kill a#0"]
    machine.done("a")
    failure = machine.attempt("a").failure
    assert failure is not None
    assert failure.code == "USER:QueueTimeout"


def test_a_queue_time_out_does_not_touch_what_runs() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    deadline = machine.timer("a", TimerKind.DEADLINE)
    machine.started("a", RUNNING)
    machine.now = deadline
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, deadline)) == []


def test_a_queue_time_out_without_a_place_fails_without_a_kill() -> None:
    machine = Machine(task("a", queue_timeout_s=10))
    machine.begin()
    assert machine.pass_time("a", TimerKind.DEADLINE) == ["dequeue a", "end"]
    assert machine.attempt("a").phase is FAILED
    assert machine.attempt("a").started_at is None


def test_the_next_attempt_takes_over_the_turn_in_the_queue() -> None:
    machine = Machine(task("a", retries=1, queue_timeout_s=10))
    machine.begin()
    assert machine.pass_time("a", TimerKind.DEADLINE) == []
    assert machine.timer("a", TimerKind.DEADLINE, attempt=1) == machine.now + seconds(10)
    assert machine.admit("a") == ["start a#1"]


def test_an_old_attempts_deadline_does_not_touch_the_next_one_in_the_queue() -> None:
    machine = Machine(task("a", retries=1, queue_timeout_s=10))
    machine.begin()
    machine.now += seconds(9)
    machine.started("a", RETRYABLE)
    machine.now += seconds(1)
    assert machine.send(TimerFired("a", 0, TimerKind.DEADLINE, machine.now)) == []
