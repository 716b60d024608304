"""A check sees the last committed state, phases move forward, and news that comes at a bad time is not lost."""

from elevon.propeller.machine.events import TimerFired, TimerKind
from elevon.records.attempts import LogLink
from elevon.records.phases import AttemptPhase
from tests.unit.machine.machines import FAULT, Machine, seconds, task

QUEUED, RUNNING = AttemptPhase.QUEUED, AttemptPhase.RUNNING


def running() -> Machine:
    machine = Machine(task("a"))
    machine.begin()
    machine.started("a", RUNNING, custom_state=b"1")
    return machine


def test_a_check_commits_its_state_before_the_next_one() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", RUNNING, custom_state=b"2", state_version=3)
    attempt = machine.attempt("a")
    assert (attempt.custom_state, attempt.state_version) == (b"2", 3)


def test_the_history_keeps_when_the_call_was_made_and_how_to_read_its_state() -> None:
    machine = running()
    machine.pass_time("a")
    called_at = machine.now
    machine.now += seconds(5)
    machine.returned("a", RUNNING, custom_state=b"2", state_version=3)
    row = machine.store.history[-1]
    assert (row.called_at, row.at, row.state_version) == (called_at, called_at + seconds(5), 3)


def test_an_answer_that_changes_nothing_writes_nothing() -> None:
    machine = running()
    machine.pass_time("a")
    before = len(machine.store.history)
    machine.returned("a", RUNNING, custom_state=b"1")
    assert len(machine.store.history) == before


def test_a_new_version_of_a_phase_is_recorded_with_its_time() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", RUNNING, phase_version=1, custom_state=b"1", occurred_at=machine.now - seconds(2))
    row = machine.store.history[-1]
    assert (row.phase, row.phase_version, row.occurred_at) == (RUNNING, 1, machine.now - seconds(2))
    assert row.custom_state is None


def test_an_unknown_status_keeps_phase_and_state() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", None)
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.custom_state) == (RUNNING, b"1")


def test_a_phase_that_goes_back_is_held_and_told() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", QUEUED, phase_version=4, custom_state=b"2")
    attempt = machine.attempt("a")
    assert (attempt.phase, attempt.phase_version, attempt.reported) == (RUNNING, 0, QUEUED)
    assert machine.store.history[-1].message == "the executor went back from RUNNING to QUEUED; RUNNING stays"


def test_an_end_without_a_state_keeps_the_last_one_for_finalize() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", AttemptPhase.SUCCEEDED)
    assert machine.attempt("a").custom_state == b"1"


def test_log_links_stay_until_there_are_others() -> None:
    machine = running()
    link = LogLink("logs", "file:///log")
    machine.pass_time("a")
    machine.returned("a", RUNNING, log_links=(link,), custom_info=b"{}")
    machine.pass_time("a")
    machine.returned("a", RUNNING, phase_version=1)
    assert (machine.attempt("a").log_links, machine.attempt("a").custom_info) == ((link,), b"{}")


def test_news_brings_the_next_check_forward() -> None:
    machine = running()
    assert machine.wake("a") == ["check a#0"]


def test_news_during_a_call_lead_to_another_one_right_after() -> None:
    machine = running()
    machine.pass_time("a")
    assert machine.wake("a") == []
    assert machine.returned("a", RUNNING) == ["check a#0"]
    assert machine.returned("a", RUNNING) == []


def test_news_do_not_shorten_a_backoff() -> None:
    machine = running()
    machine.pass_time("a")
    machine.raised("a")
    assert machine.wake("a") == []


def test_news_of_an_attempt_that_is_gone_are_ignored() -> None:
    machine = running()
    machine.pass_time("a")
    machine.returned("a", AttemptPhase.SUCCEEDED)
    assert machine.wake("a") == []


def test_a_timer_of_an_earlier_wait_is_stale() -> None:
    machine = running()
    stale = machine.timer("a")
    machine.wake("a")
    machine.returned("a", RUNNING, check_after=seconds(60))
    machine.now = stale
    assert machine.send(TimerFired("a", 0, TimerKind.CALL, stale)) == []


def test_a_check_that_raised_is_repeated_after_a_wait_that_doubles() -> None:
    machine = running()
    waits = []
    for _ in range(2):
        machine.pass_time("a")
        machine.raised("a")
        waits.append((machine.timer("a") - machine.now).total_seconds())
    assert 1 <= waits[0] <= 2
    assert 2 <= waits[1] <= 4
    assert machine.attempt("a").system_failure_count == 2


def test_an_error_that_says_when_is_obeyed() -> None:
    machine = running()
    machine.pass_time("a")
    machine.raised("a", retry_after=seconds(33))
    assert machine.timer("a") == machine.now + seconds(33)


def test_only_failures_in_a_row_are_counted() -> None:
    machine = running()
    for _ in range(4):
        machine.pass_time("a")
        machine.raised("a")
        machine.pass_time("a")
        machine.returned("a", RUNNING)
    assert machine.attempt("a").system_failure_count == 0


def test_too_many_failures_in_a_row_end_the_attempt_and_spend_no_user_retry() -> None:
    machine = Machine(task("a", retries=5))
    machine.begin()
    machine.started("a")
    machine.pass_time("a")
    for _ in range(2):
        machine.raised("a")
        machine.pass_time("a")
    assert machine.raised("a") == ["kill a#0"]
    assert machine.done("a") == ["release a#0", "end"]
    failure = machine.attempt("a").failure
    assert failure is not None
    assert failure.code == "SYSTEM:RetriesExhausted"
    assert failure.message == f"check failed 3 times in a row, last with: {FAULT.message}"


def test_failures_of_starts_in_a_row_are_forgotten_with_the_first_status() -> None:
    machine = Machine(task("a"))
    machine.begin()
    machine.admit("a")
    for _ in range(2):
        machine.raised("a")
        machine.pass_time("a")
    machine.returned("a", RUNNING)
    assert machine.attempt("a").system_failure_count == 0


def test_a_call_that_lost_its_host_is_made_again_without_end_and_costs_no_patience() -> None:
    machine = running()
    for _ in range(20):
        machine.pass_time("a")
        machine.raised("a", is_counted=False, retry_after=seconds(1))
    assert machine.attempt("a").system_failure_count == 0
    assert machine.timer("a") == machine.now + seconds(1)
    assert machine.store.history[-1].message.startswith("check has to be made again: ")
