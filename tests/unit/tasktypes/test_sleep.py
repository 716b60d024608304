from datetime import timedelta
from pathlib import Path

import pytest

from elevon import errors
from elevon.idl import customs
from elevon.idl.messages import TaskTemplate
from elevon.plugin.registry import Registry
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.sleep.executor import SleepExecutor, SleepState
from elevon.tasktypes.sleep.sleep_pb2 import SleepJob
from elevon.tasktypes.sleep.task import Sleep
from elevon.testing.contexts import FakeTaskContext

FOLDER = Path("src/elevon/tasktypes/sleep")


def job_of(duration: timedelta) -> SleepJob:
    return Sleep("nap", duration).message()


async def test_sleeps_until_its_time_and_asks_to_be_checked_then(tmp_path):
    executor, context = SleepExecutor(), FakeTaskContext(SleepExecutor, tmp_path)
    started = await context.start(executor, TaskTemplate(), job_of(timedelta(minutes=5)))
    assert started.phase is AttemptPhase.RUNNING
    assert started.details.check_after == timedelta(minutes=5)

    context.now += timedelta(minutes=4)
    early = await context.check(executor)
    assert (early.phase, early.details.check_after) == (AttemptPhase.RUNNING, timedelta(minutes=1))

    context.now += timedelta(minutes=1)
    assert (await context.check(executor)).phase is AttemptPhase.SUCCEEDED


async def test_the_alarm_is_the_state_and_survives_a_new_executor(tmp_path):
    context = FakeTaskContext(SleepExecutor, tmp_path)
    await context.start(SleepExecutor(), TaskTemplate(), job_of(timedelta(hours=1)))
    assert context.state == SleepState(wake_at=context.now + timedelta(hours=1))
    context.now += timedelta(hours=1)
    assert (await context.check(SleepExecutor())).phase is AttemptPhase.SUCCEEDED


async def test_a_sleep_of_nothing_ends_in_its_start(tmp_path):
    context = FakeTaskContext(SleepExecutor, tmp_path)
    status = await context.start(SleepExecutor(), TaskTemplate(), job_of(timedelta(0)))
    assert (status.phase, status.outputs) == (AttemptPhase.SUCCEEDED, {})


def test_what_the_task_says_reaches_the_executor_through_the_template():
    template = TaskTemplate(type="sleep", custom=customs.pack(job_of(timedelta(hours=30, milliseconds=1))))
    spec = Registry.of([SleepExecutor()]).of_type(template.type).implementation.decode_spec(template)
    assert spec == job_of(timedelta(hours=30, milliseconds=1))


async def test_kill_has_nothing_to_end(tmp_path):
    context = FakeTaskContext(SleepExecutor, tmp_path)
    await SleepExecutor().kill_task(context, "aborted")
    assert context.scripted_launcher.calls == []


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta.max])
def test_a_duration_that_nobody_can_sleep_is_refused_where_it_is_written(duration):
    with pytest.raises(errors.UserError, match=r"nap.*can't be slept"):
        Sleep("nap", duration)


def test_the_three_files_that_a_newcomer_copies_stay_short():
    root = Path(__file__).parents[3] / FOLDER
    lines = [
        line
        for name in ("sleep.proto", "task.py", "executor.py")
        for line in (root / name).read_text().splitlines()
    ]
    assert len(lines) < 120
