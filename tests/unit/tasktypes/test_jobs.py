"""The types whose work is a job of the launcher: `python-task`, `container`, and any stranger's."""

import msgspec
import pytest

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import TaskTemplate
from elevon.plugin import Executor
from elevon.ports import JobResult, JobStatus
from elevon.records.failures import Failure
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.container.executor import ContainerExecutor
from elevon.tasktypes.container.task import ContainerTask
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.testing.contexts import FakeTaskContext, ScriptedLauncher

WAITING, RUNNING = JobStatus(), JobStatus(is_started=True)


def succeeded(**outputs: int) -> JobStatus:
    made = literals.literal_map({name: literals.integer(value) for name, value in outputs.items()})
    return JobStatus(is_started=True, result=JobResult(outputs=made.SerializeToString()))


def failed(failure: Failure) -> JobStatus:
    return JobStatus(is_started=True, result=JobResult(failure=failure, exit_code=1))


@pytest.fixture(params=[PythonExecutor, ContainerExecutor])
def executor(request) -> Executor[None, None]:
    return request.param()


async def test_a_short_job_ends_in_the_start_with_its_outputs(executor, tmp_path):
    context = FakeTaskContext(executor, tmp_path, launcher=ScriptedLauncher([succeeded(o0=7)]))
    status = await context.start(executor, TaskTemplate())
    assert status.phase is AttemptPhase.SUCCEEDED
    assert status.outputs == {"o0": literals.integer(7)}
    assert context.scripted_launcher.calls == ["start"]


async def test_a_job_is_followed_from_the_queue_to_its_end(executor, tmp_path):
    launcher = ScriptedLauncher([WAITING, RUNNING, succeeded()])
    context = FakeTaskContext(executor, tmp_path, launcher=launcher)
    phases = [(await context.start(executor, TaskTemplate())).phase]
    phases += [(await context.check(executor)).phase for _ in range(2)]
    assert phases == [AttemptPhase.QUEUED, AttemptPhase.RUNNING, AttemptPhase.SUCCEEDED]
    assert launcher.calls == ["start", "poll", "poll"]


@pytest.mark.parametrize(
    ("is_recoverable", "phase"), [(True, AttemptPhase.RETRYABLE_FAILED), (False, AttemptPhase.FAILED)]
)
async def test_the_failure_says_whether_a_retry_may_help(executor, tmp_path, is_recoverable, phase):
    failure = Failure("USER:ValueError", "no such column", errors.ErrorKind.USER, "Traceback", is_recoverable)
    launcher = ScriptedLauncher([failed(failure)])
    status = await FakeTaskContext(executor, tmp_path, launcher=launcher).start(executor, TaskTemplate())
    assert (status.phase, status.failure) == (phase, failure)


async def test_a_fault_of_the_system_is_raised_so_that_it_costs_no_retry(executor, tmp_path):
    fault = Failure("SYSTEM:ProcessKilled", "the worker process was ended by SIGKILL")
    context = FakeTaskContext(executor, tmp_path, launcher=ScriptedLauncher([RUNNING, failed(fault)]))
    await context.start(executor, TaskTemplate())
    with pytest.raises(errors.RetryableError, match="was ended by SIGKILL"):
        await context.check(executor)


async def test_a_fault_of_the_system_that_came_too_often_is_the_end(executor, tmp_path):
    fault = Failure("SYSTEM:ProcessKilled", "the worker process was ended by SIGKILL", is_recoverable=False)
    context = FakeTaskContext(executor, tmp_path, launcher=ScriptedLauncher([failed(fault)]))
    status = await context.start(executor, TaskTemplate())
    assert (status.phase, status.failure) == (AttemptPhase.FAILED, fault)


@pytest.mark.parametrize("is_started", [True, False])
async def test_a_job_that_was_begun_anew_is_told_so(executor, tmp_path, is_started):
    again = JobStatus(is_started=is_started, is_restarted=True)
    context = FakeTaskContext(executor, tmp_path, launcher=ScriptedLauncher([WAITING, again]))
    assert not (await context.start(executor, TaskTemplate())).details.is_restarted
    assert (await context.check(executor)).details.is_restarted


async def test_a_job_that_was_begun_anew_and_ended_at_once_is_told_so_too(executor, tmp_path):
    again = msgspec.structs.replace(failed(Failure("USER:X", "no", errors.ErrorKind.USER)), is_restarted=True)
    context = FakeTaskContext(executor, tmp_path, launcher=ScriptedLauncher([RUNNING, again]))
    await context.start(executor, TaskTemplate())
    assert (await context.check(executor)).details.is_restarted


async def test_kill_ends_the_job_also_when_nothing_was_committed(executor, tmp_path):
    context = FakeTaskContext(executor, tmp_path)
    await executor.kill_task(context, "aborted")
    assert context.scripted_launcher.calls == ["kill"]


def test_a_container_task_carries_its_command_and_image():
    count = ContainerTask("count", "alpine:3", ["wc"], ["-l", "{{.inputs.path}}"], inputs={"path": str})
    container = count.container()
    assert (list(container.command), list(container.args)) == (["wc"], ["-l", "{{.inputs.path}}"])
    assert count.settings.container_image == "alpine:3"


@pytest.mark.parametrize("command", ["wc -l", ["wc", 1], []])
def test_a_command_that_is_no_list_of_words_is_refused(command):
    with pytest.raises(errors.UserError, match="command"):
        ContainerTask("count", "alpine:3", command)
