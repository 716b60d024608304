"""The real flytekit's map runs here, element by element, by its own entrypoint and on lists of one."""

from pathlib import Path

import pytest

from elevon import app, compiler
from elevon.admin.executions import NewExecution
from elevon.idl import literals
from elevon.idl.messages import KeyValuePair, LiteralMap, ParameterMap, TaskTemplate, WorkflowTemplate
from elevon.records.phases import ExecutionPhase
from tests.wire.test_workflows import golden

HERE = Path(__file__).parent
ITEMS = literals.collection([literals.integer(number) for number in (3, 4)])


def templates(flytekit_python: str) -> compiler.Templates:
    """The golden program, whose commands find the real flytekit and the module of its tasks."""
    flow = golden("mapped_as_lists", WorkflowTemplate)
    tasks: list[TaskTemplate] = []
    for node in flow.nodes:
        task = golden(node.array_node.node.task_node.reference_id.name, TaskTemplate, prefix="")
        task.container.args[0] = str(Path(flytekit_python).with_name(task.container.args[0]))
        task.container.env.append(KeyValuePair(key="PYTHONPATH", value=str(HERE)))
        tasks.append(task)
    return compiler.Templates(workflow=flow, tasks=tuple(tasks))


@pytest.mark.timeout(120)  # four processes that each import flytekit
async def test_a_map_of_flytekit_runs_by_its_own_entrypoint(flytekit_python: str, tmp_path: Path) -> None:
    closure = compiler.compile(templates(flytekit_python))
    parameters = golden("mapped_as_lists parameters", ParameterMap)
    given = {"xs": ITEMS, "y": literals.integer(10)}
    new = NewExecution(closure=closure, parameters=parameters, given=given)
    async with app.embedded(app.Home(tmp_path), app.Settings(workers=2)) as embedded:
        execution = (await embedded.admin.create_execution(new)).id
        await embedded.engine.drive(execution)
        record = await embedded.admin.get(execution)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    made = LiteralMap.FromString(record.outputs or b"").literals["o0"]
    assert made == literals.collection([literals.integer(16), literals.integer(18)])
