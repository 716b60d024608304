import pytest

from elevon import errors
from elevon.idl import literals
from elevon.idl.messages import TaskTemplate
from elevon.records.phases import AttemptPhase
from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.echo.task import Echo
from elevon.testing.contexts import FakeTaskContext


async def test_gives_its_inputs_back_in_the_start(tmp_path):
    template = TaskTemplate()
    template.interface.outputs.variables["x"].description = "wanted"
    inputs = literals.literal_map({"x": literals.integer(3), "unwanted": literals.string("no")})
    status = await FakeTaskContext(EchoExecutor, tmp_path).start(EchoExecutor(), template, None, inputs)
    assert status.phase is AttemptPhase.SUCCEEDED
    assert status.outputs == {"x": literals.integer(3)}


async def test_has_nothing_to_check(tmp_path):
    with pytest.raises(errors.BugError, match="ends in its start"):
        await EchoExecutor().check_task_status(FakeTaskContext(EchoExecutor, tmp_path))


def test_declares_each_value_as_input_and_output():
    same = Echo("same", {"x": int, "name": str})
    assert same.interface.inputs.keys() == same.interface.outputs.keys() == {"x", "name"}
