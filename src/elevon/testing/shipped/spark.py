"""`elevon plugin check elevon.testing.shipped.spark:SparkScenario`."""

from datetime import timedelta
from typing import Any

from elevon.tasktypes.spark.executor import SparkExecutor
from elevon.tasktypes.spark.task import GenericSparkTask
from elevon.testing.clusters import FakeCluster
from elevon.testing.scenarios import Scenario


class SparkScenario(Scenario):
    """An application that takes half a minute."""

    task = GenericSparkTask(
        "pi", "local:///opt/spark/examples.jar", main_class="org.apache.spark.examples.SparkPi"
    )

    def service(self) -> FakeCluster:
        return FakeCluster(timedelta(seconds=30))

    def executor(self, service: Any) -> SparkExecutor:
        return SparkExecutor(service)
