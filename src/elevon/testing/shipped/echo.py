"""`elevon plugin check elevon.testing.shipped.echo:EchoScenario`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from elevon.tasktypes.echo.executor import EchoExecutor
from elevon.tasktypes.echo.task import Echo
from elevon.testing.scenarios import Scenario


class EchoScenario(Scenario):
    """An input that comes back."""

    task = Echo("same", {"x": int})
    inputs: ClassVar[Mapping[str, Any]] = {"x": 7}
    outputs: ClassVar[Mapping[str, Any] | None] = {"x": 7}

    def executor(self, service: None) -> EchoExecutor:
        return EchoExecutor()
