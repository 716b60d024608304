"""`elevon plugin check elevon.testing.shipped.container:ContainerScenario`."""

from datetime import timedelta

from elevon.tasktypes.container.executor import ContainerExecutor
from elevon.tasktypes.container.task import ContainerTask
from elevon.testing.scenarios import Scenario


class ContainerScenario(Scenario):
    """A command that takes a minute."""

    task = ContainerTask("wait", "alpine:3", ["sleep", "60"])
    job_takes = timedelta(minutes=1)

    def executor(self, service: None) -> ContainerExecutor:
        return ContainerExecutor()
