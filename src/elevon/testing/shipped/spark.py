"""`elevon plugin check elevon.testing.shipped.spark:SparkScenario`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from elevon.idl import literals
from elevon.tasktypes.spark.executor import SparkExecutor
from elevon.tasktypes.spark.task import spark_task
from elevon.testing.clusters import FakeCluster
from elevon.testing.scenarios import Scenario


@spark_task
def greet(name: str) -> str:
    """What the scenario runs; in a check, the cluster says what comes of it."""
    return f"hello {name}"


class SparkScenario(Scenario):
    """An application that takes half a minute."""

    task = greet
    inputs: ClassVar[Mapping[str, Any]] = {"name": "you"}
    outputs: ClassVar[Mapping[str, Any] | None] = {"o0": "hello you"}

    def service(self) -> FakeCluster:
        return FakeCluster(outputs=literals.literal_map({"o0": literals.string("hello you")}))

    def executor(self, service: Any) -> SparkExecutor:
        return SparkExecutor(service)
