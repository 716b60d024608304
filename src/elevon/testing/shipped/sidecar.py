"""`elevon plugin check elevon.testing.shipped.sidecar:SidecarScenario`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from elevon.idl import literals
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


class SidecarScenario(Scenario):
    """A pod of half a minute."""

    task = greet
    inputs: ClassVar[Mapping[str, Any]] = {"name": "you"}
    outputs: ClassVar[Mapping[str, Any] | None] = {"o0": "hello you"}

    def service(self) -> FakeCluster:
        return FakeCluster(outputs=literals.literal_map({"o0": literals.string("hello you")}))

    def executor(self, service: Any) -> SidecarExecutor:
        return SidecarExecutor(service)
