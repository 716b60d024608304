from datetime import datetime, timedelta

import msgspec
import pytest

from elevon import errors
from elevon.idl.messages import DynamicJobSpec
from elevon.plugin import TaskStatus
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (TaskStatus.not_ready(1), AttemptPhase.WAITING_FOR_RESOURCES),
        (TaskStatus.queued(1), AttemptPhase.QUEUED),
        (TaskStatus.initializing(1), AttemptPhase.INITIALIZING),
        (TaskStatus.running(1), AttemptPhase.RUNNING),
        (TaskStatus.succeeded({}, 1), AttemptPhase.SUCCEEDED),
        (TaskStatus.expanded(DynamicJobSpec(), 1), AttemptPhase.SUCCEEDED),
        (TaskStatus.retryable_failure("lost", 1), AttemptPhase.RETRYABLE_FAILED),
        (TaskStatus.permanent_failure("lost", 1), AttemptPhase.FAILED),
    ],
)
def test_each_constructor_says_one_phase_and_carries_the_state(status, phase):
    assert (status.phase, status.state) == (phase, 1)


@pytest.mark.parametrize("status", [TaskStatus.unknown(reason="503"), TaskStatus.undefined(reason="503")])
def test_an_unusable_answer_has_no_phase(status):
    assert (status.phase, status.details.reason) == (None, "503")


def test_the_constructor_decides_whether_a_failure_is_retried_and_not_the_failure():
    failure = Failure("SYSTEM:Lost", "the node went away", is_recoverable=False)
    assert TaskStatus.retryable_failure(failure).failure == msgspec.structs.replace(
        failure, is_recoverable=True
    )
    assert TaskStatus.permanent_failure(failure).failure == failure


def test_a_failure_in_words_is_the_users():
    assert TaskStatus.permanent_failure("no such table").failure == Failure(
        "USER:TaskFailed", "no such table", errors.ErrorKind.USER, is_recoverable=False
    )


@pytest.mark.parametrize(
    ("details", "complaint"),
    [
        ({"occurred_at": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001 - the mistake under test
        ({"check_after": timedelta(seconds=-1)}, "lies in the past"),
        ({"check_after": 5}, "check_after=5 is no span: use a timedelta"),
        ({"phase_version": -1}, "is negative"),
    ],
)
def test_details_that_the_engine_could_not_use_are_refused_where_they_are_made(details, complaint):
    with pytest.raises(errors.BugError, match=complaint):
        TaskStatus.running(**details)
