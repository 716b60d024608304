"""Tasks with flytekit's pod templates: as the real flytekit makes them, compiled, made to pods, and run."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from elevon import compiler, errors
from elevon.admin.executions import NewExecution
from elevon.compiler import indexing
from elevon.idl import customs, literals
from elevon.idl.messages import LiteralMap, Parameter, ParameterMap, TaskNodeOverrides, TaskTemplate
from elevon.plugin.registry import Registry
from elevon.records.phases import ExecutionPhase
from elevon.tasktypes.python.executor import PythonExecutor
from elevon.tasktypes.sidecar.executor import SidecarExecutor
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob
from elevon.testing import FakeCluster
from elevon.testing.contexts import FakeTaskContext
from elevon.testing.scenarios import Scenario, subject_of
from tests.integration.engine.worlds import World, drive
from tests.wire.conftest import run_with_flytekit

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "pods.json").read_text(encoding="utf-8"))
INPUTS = literals.literal_map({"x": literals.integer(7)})


def golden(name: str) -> TaskTemplate:
    return TaskTemplate.FromString(base64.b64decode(GOLDEN[name]))


DOUBLE, COPIED = golden("make_pod_golden.double"), golden("copied")


class _Double(Scenario):
    task = DOUBLE


class _Copied(Scenario):
    task = COPIED


def test_the_committed_golden_is_what_flytekit_makes(flytekit_python: str, tmp_path: Path) -> None:
    if subprocess.run(
        [flytekit_python, "-c", "import kubernetes"], capture_output=True, check=False
    ).returncode:
        assert os.environ.get("CI") != "true", "CI has the whole lock of flytekit"
        pytest.skip("the environment of flytekit is older than its lock: make test renews it")
    fresh = tmp_path / "pods.json"
    run_with_flytekit(flytekit_python, str(HERE / "make_pod_golden.py"), str(fresh))
    assert json.loads(fresh.read_text(encoding="utf-8")) == GOLDEN


def test_it_finds_the_executor_of_pods_and_not_that_of_its_type() -> None:
    registry = Registry.of([PythonExecutor(), SidecarExecutor()])
    node = compiler.index(subject_of(_Double()).closure).nodes["n0"]
    assert node.settings is not None
    assert registry.of_type(node.settings.task_type).id == "sidecar"
    assert registry.of_type("python-task").id == "python"


async def pod_of(template: TaskTemplate, tmp_path: Path) -> dict[str, Any]:
    executor = SidecarExecutor(FakeCluster())
    context = FakeTaskContext(executor, tmp_path)
    spec = customs.unpack(template.custom, SidecarJob)
    return dict(await executor.build_resource(context, template, spec, INPUTS))


async def test_a_function_of_flytekit_is_the_primary_container(tmp_path: Path) -> None:
    pod = await pod_of(DOUBLE, tmp_path)
    main, writer = pod["spec"]["containers"]
    assert (main["name"], main["image"]) == ("main", "elevon:py3.11")
    assert main["args"][:5] == [
        "pyflyte-execute",
        "--inputs",
        str(tmp_path / "inputs.pb"),
        "--output-prefix",
        str(tmp_path),
    ]
    assert main["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert {"name": "A", "value": "b"} in main["env"]
    assert str(tmp_path / "inputs.pb") in writer["command"][2]
    assert pod["metadata"]["labels"] == {"team": "red"}
    assert pod["metadata"]["annotations"].items() >= {("cost", "7"), ("primary_container_name", "main")}


def with_overrides(template: TaskTemplate, **overrides: Any) -> TaskTemplate:
    """The template as a node hands it to its executor that overrides something."""
    return indexing.overridden(template, TaskNodeOverrides(**overrides))


async def test_what_a_node_overrides_goes_to_the_primary_container(tmp_path: Path) -> None:
    resources = {"limits": [{"name": "MEMORY", "value": "2Gi"}], "requests": [{"name": "CPU", "value": "2"}]}
    template = with_overrides(DOUBLE, container_image="mine:2", resources=resources)
    main, writer = (await pod_of(template, tmp_path))["spec"]["containers"]
    assert (main["image"], writer["image"]) == ("mine:2", "busybox:1.37")
    assert main["resources"] == {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def test_a_pod_for_one_call_alone_is_refused() -> None:
    subject = subject_of(_Double())
    templates = compiler.Templates(workflow=subject.closure.primary.template, tasks=(DOUBLE,))
    templates.workflow.nodes[0].task_node.overrides.pod_template.pod_spec.update({"containers": []})
    with pytest.raises(errors.UserError, match="its pod can't be replaced for one call yet"):
        compiler.compile(templates, None)


async def test_a_command_of_flytekit_runs_beside_its_sidecar(tmp_path: Path) -> None:
    world = World(tmp_path / "home")
    subject = subject_of(_Copied())
    needed = Parameter(var=COPIED.interface.inputs.variables["x"], required=True)
    new = NewExecution(
        closure=subject.closure,
        parameters=ParameterMap(parameters={"x": needed}),
        name="x1",
        given=dict(INPUTS.literals),
    )
    async with world.engine() as embedded:
        execution = (await embedded.admin.create_execution(new)).id
        await drive(embedded, execution)
        record = await embedded.admin.get(execution)
    assert record.phase is ExecutionPhase.SUCCEEDED, record.failure
    assert LiteralMap.FromString(record.outputs or b"").literals["x"].scalar.primitive.integer == 7
