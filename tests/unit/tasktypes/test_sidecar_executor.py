"""What pods are made of templates, and what becomes of a task by its primary container."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elevon import Resources, errors
from elevon.idl import customs, literals
from elevon.idl.messages import (
    ContainerError,
    ErrorDocument,
    ExecutionError,
    K8sPod,
    LiteralMap,
    Secret,
    SecurityContext,
    TaskTemplate,
)
from elevon.plugin.registry import Registry
from elevon.records.phases import AttemptPhase
from elevon.records.resources import ResourceKey, ResourceKind
from elevon.sdk import serialization
from elevon.tasktypes.sidecar.executor import SidecarExecutor
from elevon.tasktypes.sidecar.sidecar_pb2 import SidecarJob
from elevon.tasktypes.sidecar.task import sidecar_task
from elevon.testing import FakeCluster
from elevon.testing.clocks import SimulatedClock
from elevon.testing.contexts import FakeTaskContext
from elevon.workers.cluster import kinds

POD = ResourceKind("v1", "Pod")
INPUTS = literals.literal_map({"name": literals.string("you")})
BOX = [{"name": "box", "mountPath": "/box"}]


@sidecar_task(
    pod_spec={
        "volumes": [{"name": "box", "emptyDir": {}}],
        "initContainers": [{"name": "first", "image": "busybox", "command": ["echo", "{{.inputs.name}}"]}],
        "containers": [
            {"name": "reader", "image": "busybox", "command": ["cat"], "args": ["{{.outputPrefix}}/x"]},
            {
                "name": "main",
                "volumeMounts": BOX,
                "env": [{"name": "A", "value": "own"}, {"name": "B", "value": "b"}],
            },
        ],
    },
    primary_container_name="main",
    labels={"team": "red"},
    annotations={"cost": "7"},
    container_image="mine:1",
    requests=Resources(cpu=2, mem="1Gi", gpu=1),
    limits=Resources(mem="2Gi"),
    environment={"A": "the task's"},
)
def greet(name: str) -> str:
    return f"hello {name}"


class Stage:
    """An executor on a cluster in memory, and one attempt of it."""

    def __init__(self, folder: Path, **cluster: Any) -> None:
        self.cluster = FakeCluster(**cluster)
        self.clock = self.cluster.clock = SimulatedClock()
        self.executor = SidecarExecutor(self.cluster)
        self.context = FakeTaskContext(self.executor, folder)

    async def pod_of(self, template: TaskTemplate, inputs: LiteralMap = INPUTS) -> dict[str, Any]:
        """What is made of a template."""
        spec = customs.unpack(template.custom, SidecarJob)
        return dict(await self.executor.build_resource(self.context, template, spec, inputs))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def template_of(task: Any) -> TaskTemplate:
    (template,) = serialization.serialize(task, project="p", domain="d", version="v").tasks
    return template


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def as_target(spec: dict[str, Any], **more: Any) -> TaskTemplate:
    """A template whose target is a pod, as flytekit makes it."""
    pod = K8sPod(**more)
    pod.pod_spec.update(spec)
    return TaskTemplate(type="python-task", k8s_pod=pod, config={"primary_container_name": "primary"})


async def test_the_primary_container_is_the_tasks(stage: Stage, tmp_path: Path) -> None:
    stage.context.services.code = b"code"
    pod = await stage.pod_of(template_of(greet))
    main = pod["spec"]["containers"][1]
    assert (main["image"], main["command"], main["volumeMounts"]) == ("mine:1", [], BOX)
    assert main["args"][:3] == ["elevon-execute", "--inputs", str(tmp_path / "inputs.pb")]
    assert main["resources"] == {
        "requests": {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "2Gi"},
    }
    found = variables(main)
    assert (found["A"], found["B"], found["FLYTE_ATTEMPT_NUMBER"]) == ("the task's", "b", "0")
    assert found["ELEVON_CODE"] == str(tmp_path / "code.bundle")


async def test_the_other_containers_keep_their_own_with_placeholders_replaced(
    stage: Stage, tmp_path: Path
) -> None:
    pod = await stage.pod_of(template_of(greet))
    reader, (first,) = pod["spec"]["containers"][0], pod["spec"]["initContainers"]
    assert (reader["command"], reader["args"]) == (["cat"], [f"{tmp_path}/x"])
    assert first["command"] == ["echo", "you"]
    assert "ELEVON_CODE" not in variables(reader)
    assert variables(first)["FLYTE_INTERNAL_EXECUTION_ID"] == "a0"


async def test_what_a_container_wrote_last_stands_in_for_its_message_unless_the_spec_says_otherwise(
    stage: Stage,
) -> None:
    spec = {
        "initContainers": [{"name": "first", "image": "busybox"}],
        "containers": [{"name": "primary"}, {"name": "side", "terminationMessagePolicy": "File"}],
    }
    pod = (await stage.pod_of(as_target(spec)))["spec"]
    policies = {
        one["name"]: one["terminationMessagePolicy"] for one in (*pod["initContainers"], *pod["containers"])
    }
    assert policies == {
        "first": "FallbackToLogsOnError",
        "primary": "FallbackToLogsOnError",
        "side": "File",
    }


async def test_an_input_comes_to_its_container_as_it_is(stage: Stage, tmp_path: Path) -> None:
    text = "US$$5, $(HOME) and $FLYTE"
    pod = await stage.pod_of(template_of(greet), literals.literal_map({"name": literals.string(text)}))
    first = {**pod["spec"]["initContainers"][0], "env": [{"name": "HOME", "value": "/root"}]}
    metadata = {"namespace": "team", "name": "one"}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    made["spec"] = {"restartPolicy": "Never", "containers": [first]}
    (planned,) = kinds.plan(made, tmp_path).containers
    assert planned.args == ("echo", text)


async def test_the_pod_says_whose_it_is_and_is_never_restarted(stage: Stage) -> None:
    pod = await stage.pod_of(template_of(greet))
    assert pod["metadata"]["labels"] == {"team": "red"}
    assert pod["metadata"]["annotations"] == {
        "cost": "7",
        "primary_container_name": "main",
        "kubectl.kubernetes.io/default-container": "main",
    }
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["volumes"] == [{"name": "box", "emptyDir": {}}]


async def test_inputs_are_there_for_the_primary_container(stage: Stage) -> None:
    stage.context.services.inputs = INPUTS
    await stage.pod_of(template_of(greet))
    assert LiteralMap.FromString(stage.context.inputs_file.read_bytes()) == INPUTS


async def test_a_pod_of_flytekit_is_taken_as_it_is(stage: Stage) -> None:
    spec = {"containers": [{"name": "primary", "args": ["run", "{{.inputs.name}}"]}]}
    pod = await stage.pod_of(as_target(spec))
    (primary,) = pod["spec"]["containers"]
    assert primary["args"] == ["run", "you"]
    assert pod["metadata"]["annotations"]["primary_container_name"] == "primary"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        (as_target({"containers": [{"name": "other"}]}), "primary_container_name is 'primary', .*'other'"),
        (
            as_target({"containers": [{"name": "primary", "image": 1}]}),
            r"pod_spec\.containers\[0\]\.image: expected",
        ),
        (
            as_target(
                {"containers": [{"name": "primary"}]}, data_config={"enabled": True, "output_path": "/out"}
            ),
            "need a copilot beside the container",
        ),
    ],
)
async def test_a_template_that_is_no_pod_of_a_task_fails_with_its_field(
    stage: Stage, template: TaskTemplate, sentence: str
) -> None:
    with pytest.raises(errors.UserError, match=sentence):
        await stage.pod_of(template)


async def test_the_primary_container_alone_is_given_the_secrets(stage: Stage) -> None:
    template = as_target({"containers": [{"name": "side"}, {"name": "primary"}]})
    template.security_context.CopyFrom(SecurityContext(secrets=[Secret(group="g", key="k")]))
    side, primary = (await stage.pod_of(template))["spec"]["containers"]
    reference = {"valueFrom": {"secretKeyRef": {"name": "g", "key": "k"}}}
    assert {"name": "_FSEC_G_K", **reference} in primary["env"]
    assert "_FSEC_G_K" not in str(side)


def pod_with(**states: Any) -> dict[str, Any]:
    """A pod that runs, its containers in some states."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": "team",
            "name": "one",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"primary_container_name": "main"},
        },
        "spec": {"containers": [{"name": name} for name in states]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": name, "state": state} for name, state in states.items()],
        },
    }


def ended(exit_code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason}}


@pytest.fixture
async def running(stage: Stage) -> Any:
    await stage.executor.initialize(stage.context.setup)
    yield stage
    await stage.executor.close()


RUNS: dict[str, Any] = {"running": {}}


@pytest.mark.parametrize(
    ("pod", "phase"),
    [
        (pod_with(main=RUNS, side=RUNS), AttemptPhase.RUNNING),
        (pod_with(main=RUNS, side=ended(3)), AttemptPhase.RUNNING),
        (pod_with(main=ended(0), side=RUNS), AttemptPhase.SUCCEEDED),
        (pod_with(main=ended(0), side=ended(3)), AttemptPhase.SUCCEEDED),
        (pod_with(main=ended(3), side=RUNS), AttemptPhase.RETRYABLE_FAILED),
        (pod_with(main=ended(137, "OOMKilled"), side=RUNS), AttemptPhase.RETRYABLE_FAILED),
    ],
)
async def test_the_primary_container_decides(
    running: Stage, pod: dict[str, Any], phase: AttemptPhase
) -> None:
    assert (await running.executor.get_task_status(running.context, pod)).phase is phase


async def test_a_container_that_fails_beside_is_told_while_the_primary_runs(running: Stage) -> None:
    well = await running.executor.get_task_status(running.context, pod_with(main=RUNS, side=RUNS))
    assert (well.details.phase_version, well.details.reason) == (0, "")
    pod = pod_with(main=RUNS, side=ended(127, "ContainerCannotRun"), other=ended(0))
    badly = await running.executor.get_task_status(running.context, pod)
    assert badly.details.phase_version == 1
    assert badly.details.reason == (
        "container side of Pod team/one ended with exit code 127: ContainerCannotRun"
    )


@pytest.mark.parametrize("exit_code", [0, 1])
async def test_what_the_code_says_of_its_failure_comes_first(running: Stage, exit_code: int) -> None:
    message = "ValueError: no table\n\nTraceback (most recent call last):\n  line 1"
    error = ContainerError(
        code="USER:ValueError",
        message=message,
        kind=ContainerError.NON_RECOVERABLE,
        origin=ExecutionError.USER,
    )
    running.context.error_file.write_bytes(ErrorDocument(error=error).SerializeToString())
    status = await running.executor.get_task_status(running.context, pod_with(main=ended(exit_code)))
    assert status.phase is AttemptPhase.FAILED
    assert status.failure is not None
    assert (status.failure.code, status.failure.message) == ("USER:ValueError", "ValueError: no table")
    assert "line 1" in status.failure.traceback


async def test_an_image_that_cannot_be_pulled_is_waited_for_for_a_while(running: Stage) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    pod = pod_with(main=waiting)
    pod["status"]["phase"] = "Pending"
    running.context.now = running.context.now.replace(year=2026, month=1, day=1, hour=0, minute=1, second=0)
    status = await running.executor.get_task_status(running.context, pod)
    assert (status.phase, status.details.check_after) == (AttemptPhase.INITIALIZING, timedelta(minutes=2))
    running.context.now += timedelta(minutes=2)
    status = await running.executor.get_task_status(running.context, pod)
    assert status.phase is AttemptPhase.RETRYABLE_FAILED
    assert status.failure is not None
    assert status.failure.code == "USER:ImagePullFailed"
    assert status.failure.message.endswith("see that the image exists and that the cluster may pull it")


async def test_a_pod_is_made_and_followed(running: Stage) -> None:
    template = template_of(greet)
    started = await running.context.start(
        running.executor, template, customs.unpack(template.custom, SidecarJob), INPUTS
    )
    assert started.phase is AttemptPhase.QUEUED
    key = ResourceKey(POD, running.context.namespace, running.context.task_execution_id.generated_name)
    made = await running.cluster.get(key)
    assert made is not None
    assert made["metadata"]["labels"]["team"] == "red"


def test_a_pod_finds_its_executor_whatever_the_type_of_its_task() -> None:
    registry = Registry.of([SidecarExecutor()])
    for task_type in ("sidecar", "sidecar/k8s_pod", "python-task/k8s_pod", "raw-container/k8s_pod"):
        assert registry.of_type(task_type).id == "sidecar"
