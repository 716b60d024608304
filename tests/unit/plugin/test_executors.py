"""What an executor inherits, and what the context in memory promises to whoever tests one."""

from pathlib import Path

import pytest

import elevon
from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import TaskTemplate
from elevon.plugin import Executor, ExecutorProperties, LauncherExecutor, TaskStatus
from elevon.testing.contexts import FakeTaskContext


class Counting(Executor[None, int]):
    id = "counting"
    task_types = ("counting",)

    async def start_task(self, ctx, template, spec, inputs):
        return TaskStatus.running(0)

    async def check_task_status(self, ctx):
        return TaskStatus.running(ctx.state + 1)

    async def kill_task(self, ctx, reason):
        pass


@pytest.fixture
def context(tmp_path):
    return FakeTaskContext(Counting, tmp_path)


class TestOutputs:
    async def test_come_from_outputs_pb_by_default(self, context):
        made = literals.literal_map({"a": literals.integer(1), "b": literals.string("x")})
        context.outputs_file.write_bytes(made.SerializeToString())
        assert await Counting().resolve_outputs(context, "a") == {"a": literals.integer(1)}

    async def test_no_file_is_needed_for_none(self, context):
        assert await Counting().resolve_outputs(context) == {}

    async def test_a_missing_file_is_the_users_error(self, context):
        with pytest.raises(errors.UserError, match=r"without its outputs a, b: outputs.pb was not written"):
            await Counting().resolve_outputs(context, "a", "b")

    async def test_a_missing_output_is_named(self, context):
        context.outputs_file.write_bytes(literals.literal_map({"a": literals.none()}).SerializeToString())
        with pytest.raises(errors.UserError, match=r"outputs.pb lacks the outputs b"):
            await Counting().resolve_outputs(context, "a", "b")

    async def test_a_damaged_file_is_the_users_error(self, context):
        context.outputs_file.write_bytes(b"\xff\xff not a message")
        with pytest.raises(errors.UserError, match=r"outputs.pb is damaged"):
            await Counting().resolve_outputs(context, "a")


def test_a_state_of_another_version_needs_a_migration():
    with pytest.raises(errors.CorruptStateError, match=r"'counting' .* version 7"):
        Counting().migrate(7, {})


async def test_the_state_is_what_was_committed_and_no_more(context):
    executor = Counting()
    with pytest.raises(errors.BugError, match="no custom state yet"):
        _ = context.state
    assert context.custom_state is None
    await context.start(executor, TaskTemplate())
    await context.check(executor)
    await executor.check_task_status(context)  # its answer is lost
    assert context.state == 1


async def test_a_phase_that_goes_back_is_refused(context):
    context.commit(TaskStatus.running(1))
    with pytest.raises(errors.BugError, match="went back from RUNNING to QUEUED"):
        context.commit(TaskStatus.queued(1))


async def test_an_unknown_status_changes_nothing(context):
    context.commit(TaskStatus.running(1))
    context.commit(TaskStatus.unknown())
    assert (context.phase, context.state) == ("RUNNING", 1)


class TestOnce:
    @staticmethod
    async def refuse(token):
        raise AssertionError(f"{token} was submitted again")

    async def test_a_committed_result_is_returned_without_a_call(self, context):
        async def submit(token):
            return {"id": token}

        first = await context.once("query", submit)
        assert await context.once("query", self.refuse) == first
        assert context.intents["query"].is_done

    async def test_after_a_submit_that_raised_nothing_is_submitted_unknowingly(self, context):
        async def lose(token):
            raise ConnectionError("reset")

        with pytest.raises(ConnectionError):
            await context.once("query", lose)
        with pytest.raises(errors.MayHaveHappenedError) as caught:
            await context.once("query", self.refuse)
        assert caught.value.token == context.intents["query"].token

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_find_decides_whether_to_submit_again(self, context, is_known):
        submitted = []

        async def submit(token):
            submitted.append(token)
            if len(submitted) == 1:
                raise ConnectionError("reset")
            return "second"

        async def find(token):
            return "found" if is_known else None

        with pytest.raises(ConnectionError):
            await context.once("query", submit, find)
        assert await context.once("query", submit, find) == ("found" if is_known else "second")
        assert len(set(submitted)) == 1, "the token is deterministic"


def test_a_strangers_type_may_be_a_launcher_executor(tmp_path):
    class Stranger(LauncherExecutor[None]):
        id = "stranger"
        task_types = ("stranger",)

    assert FakeTaskContext(Stranger, tmp_path).task_execution_id.generated_name


def test_every_property_that_can_be_declared_is_honoured_by_somebody():
    rooms = Path(elevon.__file__).parent
    declaring = {"executors.py", "declarations.py"}
    code = "".join(
        path.read_text()
        for path in rooms.rglob("*.py")
        if not (path.parent.name == "plugin" and path.name in declaring)
    )
    unread = [name for name in ExecutorProperties.__struct_fields__ if f"properties.{name}" not in code]
    assert unread == []
