"""`elevon plugin check elevon.testing.shipped.sidecar:SidecarScenario`."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from elevon.idl import literals
from elevon.records.resources import DATA_DIR_ANNOTATION, Manifest
from elevon.tasktypes.sidecar.executor import SidecarExecutor
from elevon.tasktypes.sidecar.task import sidecar_task
from elevon.testing.clusters import FakeCluster
from elevon.testing.scenarios import Scenario


@sidecar_task(
    pod_spec={
        "containers": [{"name": "primary"}, {"name": "reader", "command": ["read", "{{.inputs.name}}"]}]
    }
)
def greet(name: str) -> str:
    """What the scenario runs; in a check, the cluster says what comes of it."""
    return f"hello {name}"


class GreetingCluster(FakeCluster):
    """A cluster whose pods leave what their primary container would: the outputs of its function."""

    def status_of(self, resource: Manifest, age: timedelta) -> Mapping[str, Any]:
        status = super().status_of(resource, age)
        if status["phase"] == "Succeeded":
            folder = Path(resource["metadata"]["annotations"][DATA_DIR_ANNOTATION])
            made = literals.literal_map({"o0": literals.string("hello you")})
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "outputs.pb").write_bytes(made.SerializeToString())
        return status


class SidecarScenario(Scenario):
    """A pod of half a minute."""

    task = greet
    inputs: ClassVar[Mapping[str, Any]] = {"name": "you"}
    outputs: ClassVar[Mapping[str, Any] | None] = {"o0": "hello you"}

    def service(self) -> GreetingCluster:
        return GreetingCluster(timedelta(seconds=30))

    def executor(self, service: Any) -> SidecarExecutor:
        return SidecarExecutor(service)
