"""`elevon plugin check elevon.testing.shipped.sleep:SleepScenario`."""

from datetime import timedelta

from elevon.tasktypes.sleep.executor import SleepExecutor
from elevon.tasktypes.sleep.task import Sleep
from elevon.testing.scenarios import Scenario


class SleepScenario(Scenario):
    """A pause of five minutes."""

    task = Sleep("nap", timedelta(minutes=5))

    def executor(self, service: None) -> SleepExecutor:
        return SleepExecutor()
