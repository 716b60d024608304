"""After a crash the rows are enough: what was in flight is found by its intent, and what is over stays over."""

from elevon.propeller.machine.events import TimerKind
from elevon.records.phases import AttemptPhase, ExecutionPhase, NodePhase
from tests.unit.machine.machines import Machine, branch, outputs, seconds, subworkflow, task

RUNNING, SUCCEEDED = AttemptPhase.RUNNING, AttemptPhase.SUCCEEDED


def test_a_queued_execution_simply_begins() -> None:
    machine = Machine(task("a"))
    assert machine.restart() == ["enqueue a"]


def test_a_node_that_waited_for_a_place_asks_again() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.started("a")
    assert machine.restart() == ["check a#0", "enqueue b"]


def test_a_start_in_flight_may_have_happened() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    assert machine.restart() == ["start a#0, may have happened"]
    assert machine.restart() == ["start a#0, may have happened"]


def test_a_start_that_answered_not_ready_did_not_happen_and_is_repeated_at_once() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", AttemptPhase.WAITING_FOR_RESOURCES, custom_state=b"1", check_after=seconds(60))
    assert machine.restart() == ["start a#0"]
    assert machine.attempt("a").custom_state == b"1"


def test_a_repeated_start_in_flight_may_have_happened() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", AttemptPhase.WAITING_FOR_RESOURCES, check_after=seconds(60))
    machine.pass_time("a")
    assert machine.restart() == ["start a#0, may have happened"]


def test_what_runs_is_checked_and_never_killed() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", RUNNING, custom_state=b"1")
    assert machine.restart() == ["check a#0"]
    assert machine.attempt("a").custom_state == b"1"


def test_a_kill_in_flight_is_made_again() -> None:
    machine = Machine(task("a"), task("b", "a"))
    machine.begin()
    machine.started("a")
    machine.abort()
    assert machine.restart() == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "end"]
    assert machine.phase is ExecutionPhase.ABORTED


def test_a_finalizer_in_flight_is_called_again() -> None:
    machine = Machine(task("a"), task("b"))
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", SUCCEEDED)
    assert machine.restart() == ["finalize a#0", "enqueue b"]


def test_a_finalizer_inside_a_subworkflow_that_is_over_is_called_again() -> None:
    machine = Machine(subworkflow("w", branch("b", 9, (5, task("a", "")))), task("c"))
    machine.begin()
    machine.admit("w/b/a", has_finalizer=True)
    machine.returned("w/b/a", SUCCEEDED)
    assert machine.node("w").phase is NodePhase.SUCCEEDED
    assert machine.restart() == ["finalize w/b/a#0", "enqueue c"]
    assert machine.view.place("w/b/a").node.task is not None


def test_the_last_finalizer_still_ends_the_execution() -> None:
    machine = Machine(task("a"), output="a")
    machine.begin()
    machine.admit("a", has_finalizer=True)
    machine.returned("a", SUCCEEDED, outputs=outputs(42))
    assert machine.restart() == ["finalize a#0"]
    assert machine.done("a") == ["end"]
    assert machine.output == 42


def test_neither_the_count_nor_the_wait_of_a_backoff_is_forgotten() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.pass_time("a")
    machine.raised("a")
    due = machine.timer("a")
    assert machine.restart() == []
    assert machine.timer("a") == due
    assert machine.attempt("a").system_failure_count == 1


def test_a_time_out_goes_on_counting_for_work_that_went_on() -> None:
    machine = Machine(task("a", timeout_s=30))
    machine.begin()
    machine.started("a")
    due = machine.timer("a", TimerKind.DEADLINE)
    machine.now += seconds(10)
    machine.restart()
    machine.returned("a", AttemptPhase.RUNNING)
    assert machine.timer("a", TimerKind.DEADLINE) == due


def test_a_time_out_that_passed_without_an_engine_waits_for_what_the_executor_says() -> None:
    machine = Machine(task("a", timeout_s=30))
    machine.begin()
    machine.started("a")
    machine.now += seconds(3600)
    assert machine.restart() == ["check a#0"]
    machine.returned("a", AttemptPhase.RUNNING)
    assert machine.pass_time("a", TimerKind.DEADLINE) == ["kill a#0"]


def test_work_that_began_anew_has_its_whole_time() -> None:
    machine = Machine(task("a", timeout_s=30))
    machine.begin()
    machine.started("a")
    machine.now += seconds(3600)
    machine.restart()
    machine.returned("a", AttemptPhase.RUNNING, is_restarted=True)
    assert machine.attempt("a").running_at == machine.now
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(30)


def test_work_that_began_anew_leaves_a_trace() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.restart()
    machine.returned("a", AttemptPhase.RUNNING, is_restarted=True)
    machine.wake("a")
    machine.returned("a", AttemptPhase.RUNNING)
    assert machine.attempt("a").restart_count == 1
    assert machine.history("a") == ["STARTING", "RUNNING", "RUNNING"]
    assert "began anew: what it had run before was lost" in [row.message for row in machine.store.history]


def test_work_that_began_anew_and_ended_at_once_leaves_a_trace() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a")
    machine.restart()
    machine.returned("a", AttemptPhase.SUCCEEDED, is_restarted=True)
    assert machine.attempt("a").restart_count == 1


def test_work_that_had_not_begun_does_not_begin_anew() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", AttemptPhase.QUEUED)
    machine.restart()
    machine.returned("a", AttemptPhase.RUNNING, is_restarted=True)
    assert machine.attempt("a").restart_count == 0


def test_the_time_without_an_engine_is_no_time_in_the_queue() -> None:
    machine = Machine(task("a", queue_timeout_s=30))
    machine.begin()
    machine.admit("a")
    machine.now += seconds(3600)
    machine.restart()
    machine.returned("a", AttemptPhase.QUEUED)
    assert machine.timer("a", TimerKind.DEADLINE) == machine.now + seconds(30)


def test_a_retry_that_waited_for_a_place_asks_again() -> None:
    machine = Machine(task("a", retries=1))
    machine.begin()
    machine.started("a", AttemptPhase.RETRYABLE_FAILED)
    assert machine.restart() == ["enqueue a"]
    assert machine.admit("a") == ["start a#1"]


def test_counters_inside_subworkflows_are_built_again() -> None:
    machine = Machine(subworkflow("w", task("a"), task("b"), task("c", "a", "b"), output="c"), output="w")
    machine.begin()
    machine.started("w/a", SUCCEEDED)
    assert machine.restart() == ["enqueue w/b"]
    assert machine.started("w/b", SUCCEEDED) == ["release w/b#0", "enqueue w/c"]


def test_a_branch_keeps_to_the_arm_that_it_took() -> None:
    machine = Machine(branch("b", 9, (5, task("a"))), output="b")
    machine.begin()
    machine.started("b/a")
    assert machine.restart() == ["check b/a#0"]
    machine.returned("b/a", SUCCEEDED, outputs=outputs(42))
    assert machine.output == 42


def test_a_failing_subworkflow_goes_on_failing() -> None:
    machine = Machine(subworkflow("w", task("a"), task("b"), task("c", "b")), task("d"))
    machine.begin()
    machine.started("w/b")
    machine.started("w/a", AttemptPhase.FAILED)
    assert machine.restart() == ["kill w/b#0", "enqueue d"]
    assert machine.done("w/b") == ["release w/b#0", "dequeue d", "end"]
    failure = machine.store.execution.failure
    assert failure is not None
    assert failure.message == "node w/a: the user's code is wrong"


def test_parallelism_counts_what_is_under_way() -> None:
    machine = Machine(task("a"), task("b"), max_parallelism=1)
    machine.begin()
    machine.started("a")
    assert machine.restart() == ["check a#0"]
    assert machine.returned("a", SUCCEEDED) == ["release a#0", "enqueue b"]


def test_nothing_happens_to_an_execution_that_is_over() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", SUCCEEDED)
    assert machine.restart() == []
